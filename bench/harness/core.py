"""The suite `core`: calls through the engine against SQLAlchemy's ORM and against asyncpg by hand."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sides.rows import BODY, METADATA, TITLE

from harness.contestants import Contestant, Samples, must_agree, take_turns
from harness.machine import facts
from harness.outcome import Outcome
from sorbus.data_layers.postgres.database import Database
from sorbus.types.uuid7 import uuid7

OPERATIONS = ("get", "list50", "list50_load", "create")
SCRIPTS = {"sorbus": "core_sorbus.py", "raw": "core_asyncpg.py", "sqlalchemy": "core_sqlalchemy.py"}
TASKS = 16
ROWS, TENANTS, CHILDREN = 10_000, 10, 3
NAMES = {
    "sorbus": "Sorbus",
    "raw": "asyncpg",
    "raw_default_pool": "asyncpg, default pool",
    "sqlalchemy": "SQLAlchemy ORM",
}
NOTES = """\
Sorbus runs the action with tenancy and with a policy that filters rows (read) or is checked against the \
new row (create), casts and validates the inputs, and answers with records of enumerations and parsed \
JSON. The peers filter by the tenant alone and validate nothing; asyncpg answers with plain dictionaries.
`vs_raw` is against asyncpg with the reset query of its pool switched off, which is its quickest way and \
safe only where no session state is left behind; `vs_raw_default_pool` is against `create_pool` as it \
comes.
16 tasks, 8 connections and one process for each side, on the event loop of the standard library, against \
one server over a UNIX socket with fsync on. CPU is that of the client process, per operation. Before they \
are measured, the answers of all sides are compared.
"""


async def core(database: Database, peers: Path, *, quick: bool) -> Outcome:
    """Run the suite."""
    async with database.pool.connection() as connection:
        postgres = str(await connection.fetchval("SHOW server_version"))
    machine = facts(postgres=postgres, SQLAlchemy=_version(peers, "sqlalchemy"))
    with ExitStack() as stack:

        def enter(name: str, python: Path | str) -> Contestant:
            return stack.enter_context(Contestant(name, SCRIPTS[name], python=python, url=database.url))

        sides = {"sorbus": enter("sorbus", sys.executable)}
        org, keys = await _seed(database)  # Sorbus has made the tables
        sides |= {name: enter(name, peers) for name in ("raw", "sqlalchemy")}
        must_agree({name: _checked(side, org, keys) for name, side in sides.items()})
        samples = await asyncio.to_thread(_measure, sides, quick=quick)
    return _outcome(samples, machine)


def _checked(side: Contestant, org: UUID, keys: list[UUID]) -> dict[str, Any]:
    side.ask("prepare", org=str(org), keys=[str(key) for key in keys])
    answer = side.ask("check")
    side.ask("prepare", org=str(org), keys=[str(key) for key in keys])
    return answer


def _measure(sides: dict[str, Contestant], *, quick: bool) -> dict[str, Samples]:
    names = ("sorbus", "raw", "sqlalchemy", "raw_default_pool")
    # Short turns and many of them: what else the machine does then falls on all sides alike.
    seconds, rounds = (0.3, 1) if quick else (0.4, 11)

    def load(name: str, operation: str) -> dict[str, float]:
        if name == "raw_default_pool":
            return sides["raw"].ask("load", op=f"{operation}_default_pool", seconds=seconds, tasks=TASKS)
        return sides[name].ask("load", op=operation, seconds=seconds, tasks=TASKS)

    return {
        operation: take_turns(names, partial(load, operation=operation), rounds=rounds)
        for operation in OPERATIONS
    }


def _outcome(samples: dict[str, Samples], machine: dict[str, str]) -> Outcome:
    outcome = Outcome(
        title="core",
        headings=("operation", *(f"{name}, /s (µs CPU)" for name in NAMES.values()), "ratios"),
        machine=machine,
        notes=list[str](NOTES.splitlines()),
    )
    for operation, each in samples.items():
        ratios: list[str] = []
        for peer in ("sqlalchemy", "raw", "raw_default_pool"):
            ratio = each.ratio("sorbus", peer, "rate", more_is_better=True)
            outcome.ratios[f"core.{operation}.vs_{peer}"] = round(ratio, 3)
            cpu = each.ratio("sorbus", peer, "cpu_us", more_is_better=False)
            outcome.ratios[f"core.{operation}.cpu.vs_{peer}"] = round(cpu, 3)
            ratios.append(f"{ratio:.2f} × {NAMES[peer]}")
        figures = (f"{each.median(name, 'rate'):,.0f} ({each.median(name, 'cpu_us'):,.0f})" for name in NAMES)
        outcome.rows.append((operation, *figures, ", ".join(ratios)))
    return outcome


def _version(python: Path, package: str) -> str:
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run(
        [str(python), "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


async def _seed(database: Database) -> tuple[UUID, list[UUID]]:
    """Fill the tables; the same rows for all. Returns the tenant and the keys of all its rows."""
    orgs, now = [uuid4() for _ in range(TENANTS)], datetime.now(UTC)
    contents = [
        (
            uuid7(),
            orgs[number % TENANTS],
            ("email", "document", "note")[number % 3],
            TITLE,
            BODY,
            {**METADATA, "thread": number},
            now,
        )
        for number in range(ROWS)
    ]
    runs = [
        (uuid7(), content[1], content[0], ("queued", "done")[number % 2], "Summarize.", None, now)
        for content in contents
        for number in range(CHILDREN)
    ]
    async with database.pool.connection() as connection:
        columns = ["id", "org_id", "kind", "title", "body", "metadata", "inserted_at"]
        await connection.copy_records_to_table("bench_contents", records=contents, columns=columns)
        columns = ["id", "org_id", "content_id", "state", "prompt", "output", "inserted_at"]
        await connection.copy_records_to_table("bench_runs", records=runs, columns=columns)
        await connection.execute("VACUUM ANALYZE bench_contents")
        await connection.execute("VACUUM ANALYZE bench_runs")
    mine = [content[0] for content in contents if content[1] == orgs[0]]
    return orgs[0], mine
