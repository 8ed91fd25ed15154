"""The suite `pipelines`: `email_analysis` against the same chain written directly on Oban."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack
from importlib.metadata import version

from harness.contestants import Contestant, Samples, must_agree, take_turns
from harness.machine import cpu_seconds, facts
from harness.outcome import Outcome
from sorbus.data_layers.postgres.database import Database

SCRIPTS = {"sorbus": "pipelines_sorbus.py", "oban": "pipelines_oban.py"}
STAGES = 3
RUNS = 200
NOTES = """\
200 runs of three stages at once, from the first start to the last completion, with a model that answers \
at once. The Python work of a stage is the same functions on both sides, and so is what they find.
The chain on Oban is one job for each stage, whose output is saved and the next job enqueued in one \
transaction (psycopg, 10 connections, queue limit 200: the best of the limits and pools that were tried). \
It records no model calls.
Sorbus does more in the same time: each model call is a priced row, committed before the stage goes on; \
each checkpoint is fenced by its lease; policies and the types of each stage are checked; a killed process \
repeats no committed stage or answer.
Times of a stage are a third of a run's median time. CPU is that of the client process, and of the \
server's processes.
"""


async def pipelines(databases: dict[str, Database], *, quick: bool) -> Outcome:
    """Run the suite, each side in a database of its own on the same server."""
    async with databases["sorbus"].pool.connection() as connection:
        postgres = str(await connection.fetchval("SHOW server_version"))
    embedded = databases["sorbus"].server
    server = embedded.pid if embedded is not None else 0
    machine = facts(postgres=postgres, Oban=version("oban"), psycopg=version("psycopg"))
    with ExitStack() as stack:
        sides = {
            name: stack.enter_context(
                Contestant(name, script, python=sys.executable, url=databases[name].url)
            )
            for name, script in SCRIPTS.items()
        }
        for side in sides.values():
            side.ask("prepare", contents=RUNS)
        must_agree({name: side.ask("check") for name, side in sides.items()})
        bursts, idles = await asyncio.to_thread(_measure, sides, server, quick=quick)
        must_agree({name: side.ask("check") for name, side in sides.items()})
    return _outcome(bursts, idles, machine)


def _measure(sides: dict[str, Contestant], server: int, *, quick: bool) -> tuple[Samples, Samples]:
    rounds, runs, singles = (1, 50, 5) if quick else (11, RUNS, 10)
    for side in sides.values():
        side.ask("burst", runs=runs)

    def burst(name: str) -> dict[str, float]:
        before = cpu_seconds(server)
        return {
            **sides[name].ask("burst", runs=runs),
            "server_us": (cpu_seconds(server) - before) / runs * 1e6,
        }

    bursts = take_turns(list(sides), burst, rounds=rounds)
    idles = take_turns(list(sides), lambda name: sides[name].ask("idle", runs=singles), rounds=rounds)
    return bursts, idles


def _outcome(bursts: Samples, idles: Samples, machine: dict[str, str]) -> Outcome:
    outcome = Outcome(
        title="pipelines",
        headings=("measure", "Sorbus", "chain on Oban", "ratio"),
        machine=machine,
        notes=list[str](NOTES.splitlines()),
    )
    measures = (
        ("runs/s, 200 at once", "pipelines.chain3", bursts, "rate", True, 1.0, "{:,.0f}"),
        (
            "ms per stage, 200 at once",
            "pipelines.chain3_stage_ms",
            bursts,
            "p50_ms",
            False,
            STAGES,
            "{:,.1f}",
        ),
        ("ms CPU per run", "pipelines.chain3_cpu", bursts, "cpu_us", False, 1e3, "{:,.2f}"),
        (
            "ms CPU of the server per run",
            "pipelines.chain3_server_cpu",
            bursts,
            "server_us",
            False,
            1e3,
            "{:,.2f}",
        ),
        ("ms per stage, idle", "pipelines.chain3_idle_stage_ms", idles, "p50_ms", False, STAGES, "{:,.1f}"),
    )
    for label, name, samples, measure, more, unit, form in measures:
        ratio = samples.ratio("sorbus", "oban", measure, more_is_better=more)
        outcome.ratios[f"{name}.vs_oban"] = round(ratio, 3)
        figures = (form.format(samples.median(side, measure) / unit) for side in ("sorbus", "oban"))
        outcome.rows.append((label, *figures, f"{ratio:.2f}"))
    return outcome
