"""`email_analysis` as it ships against the same chain written directly on Oban."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack

from harness.contestants import Contestant, Samples, must_agree, take_turns
from harness.meter import Meter
from harness.outcome import Outcome
from harness.pipelines_shapes import row

SCRIPTS = {"sorbus": "pipelines_sorbus.py", "oban": "pipelines_oban.py"}
STAGES = 3
RUNS = 200
NOTES = """\
`mail`: 200 runs of three stages at once, from the first start to the last completion, with a model that answers \
at once. The Python work of a stage is the same functions on both sides, and so is what they find.
The same chain on Oban is one job for each stage, whose output is saved and the next job enqueued in one \
transaction (psycopg, 10 connections, queue limit 200: the best of the limits and pools that were tried). \
It records no model calls.
With mails, Sorbus does more in the same time: each model call is a priced row, committed before the stage goes on; \
each checkpoint is fenced by its lease; policies and the types of each stage are checked; a killed process \
repeats no committed stage or answer.
Times of a stage are a third of a run's median time. CPU is that of the client process, and of the \
server's processes.
"""


async def mails(outcome: Outcome, meter: Meter, *, quick: bool) -> None:
    """Run the chain over mails, each side in a database of its own on the same server."""
    databases = {name: await meter.database(f"bench_mail_{name}") for name in SCRIPTS}
    print("pipelines: the chain over mails", flush=True)
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
        bursts, idles = await asyncio.to_thread(_measure, sides, meter, quick=quick)
        must_agree({name: side.ask("check") for name, side in sides.items()})
    _add(outcome, bursts, idles)


def _measure(sides: dict[str, Contestant], meter: Meter, *, quick: bool) -> tuple[Samples, Samples]:
    rounds, runs, singles = (1, 50, 5) if quick else (11, RUNS, 10)
    for side in sides.values():
        side.ask("burst", runs=runs)

    def burst(name: str) -> dict[str, float]:
        before = meter.cpu()
        return {
            **sides[name].ask("burst", runs=runs),
            "server_us": (meter.cpu() - before) / runs * 1e6,
        }

    bursts = take_turns(list(sides), burst, rounds=rounds)
    idles = take_turns(list(sides), lambda name: sides[name].ask("idle", runs=singles), rounds=rounds)
    return bursts, idles


def _add(outcome: Outcome, bursts: Samples, idles: Samples) -> None:
    measures = (
        ("runs/s, 200 at once", "pipelines.mail", bursts, "rate", True, 1.0, "{:,.0f}"),
        (
            "ms per stage, 200 at once",
            "pipelines.mail_stage_ms",
            bursts,
            "p50_ms",
            False,
            STAGES,
            "{:,.1f}",
        ),
        ("ms CPU per run", "pipelines.mail_cpu", bursts, "cpu_us", False, 1e3, "{:,.2f}"),
        (
            "ms CPU of the server per run",
            "pipelines.mail_server_cpu",
            bursts,
            "server_us",
            False,
            1e3,
            "{:,.2f}",
        ),
        ("ms per stage, idle", "pipelines.mail_idle_stage_ms", idles, "p50_ms", False, STAGES, "{:,.1f}"),
    )
    for label, name, samples, measure, more, unit, form in measures:
        ratio = samples.ratio("sorbus", "oban", measure, more_is_better=more)
        outcome.ratios[f"{name}.vs_oban"] = round(ratio, 3)
        figures = {side: form.format(samples.median(side, measure) / unit) for side in SCRIPTS}
        outcome.rows.append(row(f"mail: {label}", figures, f"{ratio:.2f} × Oban"))
    outcome.notes.extend(NOTES.splitlines())
