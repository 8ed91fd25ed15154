"""The suite `core`: calls through the engine against SQLAlchemy's ORM, Django's ORM and asyncpg by hand."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from harness.contestants import Contestant, Samples, must_agree, take_turns
from harness.core_rows import Seeded, digest, restore, seed
from harness.core_startup import startup
from harness.machine import facts
from harness.outcome import Outcome
from harness.places import version_of
from sorbus.data_layers.postgres.database import Database

OPERATIONS = ("get", "list50", "list50_load", "list50_nested", "list50_aggregate", "create", "update")
BULK_OPERATIONS = ("bulk_create", "bulk_update")
UNDER_RULES = ("get", "list50")
SCRIPTS = {
    "sorbus": "core_sorbus.py",
    "raw": "core_asyncpg.py",
    "sqlalchemy": "core_sqlalchemy.py",
    "django": "core_django.py",
}
PEERS = ("sqlalchemy", "django", "raw")
TASKS = 16
NAMES = {
    "sorbus": "Sorbus",
    "raw": "asyncpg",
    "raw_default_pool": "asyncpg, default pool",
    "sqlalchemy": "SQLAlchemy ORM",
    "django": "Django ORM",
}
HEADINGS = ("operation", *(f"{name}, /s (µs CPU)" for name in NAMES.values()), "ratios")
NOTES = """\
Sorbus runs the actions with tenancy and policies on: reads are filtered by them, a create is checked against its new \
row, an update only touches rows that its actor owns. It casts and validates the inputs, and answers with records of \
enumerations and parsed JSON. The peers filter by the tenant alone and validate nothing; asyncpg answers with plain \
dictionaries.
`vs_raw` is against asyncpg with the reset query of its pool switched off, which is its quickest way and safe only \
where no session state is left behind; `vs_raw_default_pool` is against `create_pool` as it comes.
16 tasks, 8 connections and one process for each side, on the event loop of the standard library, against one server \
over a UNIX socket with fsync on. CPU is that of the client process, per operation, and per row in bulk. Before they \
are measured, the answers of all sides are compared.
Bulk figures are rows per second of one call over 10,000 rows, committed as one, without answering with records; the \
table holds the same 20,000 rows before every call. By hand, asyncpg creates by COPY (quicker than an INSERT from \
`unnest`) and updates by one statement.
`policy_overhead` is the rate under tenancy and policies by that of the same rows and the same engine without any; \
its cost is also given in CPU time.
`startup200` is an application of 200 resources (10 attributes, 4 actions, 3 relationships and policies each) put \
together and opened on memory storage, in a fresh process.
"""


async def core(database: Database, peers: Path, *, quick: bool) -> Outcome:
    """Run the suite."""
    async with database.pool.connection() as connection:
        postgres = str(await connection.fetchval("SHOW server_version"))
    machine = facts(postgres=postgres) | {
        name: version_of(peers, name) for name in ("SQLAlchemy", "Django", "psycopg")
    }
    outcome = Outcome(title="core", headings=HEADINGS, machine=machine, notes=list[str](NOTES.splitlines()))
    with ExitStack() as stack:

        def enter(name: str, python: Path | str) -> Contestant:
            return stack.enter_context(Contestant(name, SCRIPTS[name], python=python, url=database.url))

        sides = {"sorbus": enter("sorbus", sys.executable)}
        seeded = await seed(database)  # Sorbus has made the tables
        sides |= {name: enter(name, peers) for name in ("raw", "sqlalchemy", "django")}
        await _compare(database, sides, seeded)
        # Short turns and many of them: what else the machine does then falls on all sides alike.
        seconds, rounds = (0.3, 1) if quick else (0.4, 11)
        for name, samples in (await asyncio.to_thread(_singles, sides, seconds, rounds)).items():
            _add(outcome, name, samples, (*PEERS, "raw_default_pool"))
        for name, samples in (await _bulks(database, sides, seeded, 2 if quick else 9)).items():
            _add(outcome, name, samples, PEERS)
        overhead = partial(_overhead, sides["sorbus"], seconds, 2 if quick else 25)
        for name, samples in (await asyncio.to_thread(overhead)).items():
            _add_overhead(outcome, name, samples)
    await asyncio.to_thread(startup, outcome, rounds=1 if quick else 5)
    return outcome


async def _compare(database: Database, sides: dict[str, Contestant], seeded: Seeded) -> None:
    """All sides answer alike, and leave the same rows behind."""
    answers: dict[str, dict[str, Any]] = {}
    for name, side in sides.items():
        side.ask("prepare", **seeded.to_prepare())
        answers[name] = side.ask("check")
        for operation in BULK_OPERATIONS:
            await restore(database, seeded)
            found = await asyncio.to_thread(side.ask, "once", op=operation)
            answers[name][operation] = (found["rows"], await digest(database))
        side.ask("prepare", **seeded.to_prepare())
    must_agree(answers)


def _singles(sides: dict[str, Contestant], seconds: float, rounds: int) -> dict[str, Samples]:
    names = ("sorbus", "raw", "sqlalchemy", "django", "raw_default_pool")

    def load(name: str, operation: str) -> dict[str, float]:
        if name == "raw_default_pool":
            return sides["raw"].ask("load", op=f"{operation}_default_pool", seconds=seconds, tasks=TASKS)
        return sides[name].ask("load", op=operation, seconds=seconds, tasks=TASKS)

    return {each: take_turns(names, partial(load, operation=each), rounds=rounds) for each in OPERATIONS}


async def _bulks(
    database: Database, sides: dict[str, Contestant], seeded: Seeded, rounds: int
) -> dict[str, Samples]:
    loop = asyncio.get_running_loop()

    def run(name: str, operation: str) -> dict[str, float]:
        asyncio.run_coroutine_threadsafe(restore(database, seeded), loop).result()
        return sides[name].ask("once", op=operation)

    turns: Callable[[str], Samples] = lambda operation: take_turns(  # noqa: E731
        list(sides), partial(run, operation=operation), rounds=rounds
    )
    return {each: await asyncio.to_thread(turns, each) for each in BULK_OPERATIONS}


def _overhead(side: Contestant, seconds: float, rounds: int) -> dict[str, Samples]:
    def load(name: str, operation: str) -> dict[str, float]:
        return side.ask(
            "load", op=operation + ("_open" if name == "open" else ""), seconds=seconds, tasks=TASKS
        )

    return {
        each: take_turns(("sorbus", "open"), partial(load, operation=each), rounds=rounds)
        for each in UNDER_RULES
    }


def _add(outcome: Outcome, operation: str, samples: Samples, peers: Sequence[str]) -> None:
    ratios: list[str] = []
    for peer in peers:
        ratio = samples.ratio("sorbus", peer, "rate", more_is_better=True)
        outcome.ratios[f"core.{operation}.vs_{peer}"] = round(ratio, 3)
        cpu = samples.ratio("sorbus", peer, "cpu_us", more_is_better=False)
        outcome.ratios[f"core.{operation}.cpu.vs_{peer}"] = round(cpu, 3)
        ratios.append(f"{ratio:.2f} × {NAMES[peer]}")
    measured = samples.rounds[0]
    figures = (
        f"{samples.median(name, 'rate'):,.0f} ({samples.median(name, 'cpu_us'):,.0f})"
        if name in measured
        else ""
        for name in NAMES
    )
    outcome.rows.append((operation, *figures, ", ".join(ratios)))


def _add_overhead(outcome: Outcome, operation: str, samples: Samples) -> None:
    name = f"policy_overhead.{operation}"
    rate = samples.ratio("sorbus", "open", "rate", more_is_better=True)
    cpu = samples.ratio("sorbus", "open", "cpu_us", more_is_better=False)
    outcome.ratios[f"core.{name}"] = round(rate, 3)
    outcome.ratios[f"core.{name}.cpu"] = round(cpu, 3)
    figures = f"{samples.median('sorbus', 'rate'):,.0f} ({samples.median('sorbus', 'cpu_us'):,.0f})"
    without = f"{samples.median('open', 'rate'):,.0f} ({samples.median('open', 'cpu_us'):,.0f}) without rules"
    costs = f"rules cost {1 / rate - 1:.1%} of time, {1 / cpu - 1:.1%} of CPU; {without}"
    outcome.rows.append((name, figures, *[""] * (len(NAMES) - 1), costs))
