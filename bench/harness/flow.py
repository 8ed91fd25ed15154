"""The suite `flow`: where a job for each stage, a lease that goes on, or one stage in memory is the best form."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from harness.contestants import Contestant, Samples, must_agree
from harness.machine import facts
from harness.meter import Meter
from harness.outcome import Outcome

WAYS = {"jobs": "a job for each stage", "lease": "a lease (Sorbus)", "stream": "one stage in memory"}
LENGTHS_MS = (0, 5, 50, 500)
STAGES, AT_ONCE, ROUNDS = 3, 200, 5
NOTES = """\
Three stages, one after the other, 200 runs at once in one process. Each stage waits for so many milliseconds, as for \
a model or a service, and counts words. All three forms are written on Sorbus, over the same jobs, pool and server.
`a job for each stage` commits what the stage gave, the next job and its own completion in one transaction. `a lease` \
is a run of a pipeline: one job goes on from stage to stage, and checkpoints of many runs are committed in groups. \
`one stage in memory` hands the parts on in memory and is checkpointed once, at the end: a crash costs all three.
Milliseconds of overhead are those of a run's median beyond what its stages wait, for each stage. Statements include \
BEGIN, COMMIT and the start of the run.
"""


async def flow(home: Path, *, quick: bool) -> Outcome:
    """Run the suite."""
    async with Meter(home) as meter:
        outcome = Outcome(
            title="flow",
            headings=("measure", *WAYS.values(), "ratios of the lease"),
            machine=facts(postgres=meter.postgres),
            notes=list[str](NOTES.splitlines()),
        )
        url = (await meter.database("bench_flow")).url
        runs = 20 if quick else AT_ONCE
        with Contestant("sorbus", "flow_sorbus.py", python=sys.executable, url=url) as side:
            must_agree({way: {"found": found} for way, found in side.ask("check").items()})
            for length in LENGTHS_MS:
                print(f"flow: stages of {length} ms", flush=True)
                samples = await asyncio.to_thread(_rounds, side, meter, length, runs, quick=quick)
                _add(outcome, length, samples)
            await _statements(outcome, side, meter, runs)
    return outcome


def _rounds(side: Contestant, meter: Meter, length: int, runs: int, *, quick: bool) -> Samples:
    samples = Samples()
    for number in range(1 if quick else ROUNDS + 1):
        turn: dict[str, dict[str, float]] = {}
        for way in WAYS if number % 2 == 0 else reversed(WAYS):
            before = meter.cpu()
            found = side.ask("burst", way=way, runs=runs, seconds=length / 1e3)
            turn[way] = {
                **found,
                "overhead_ms": max(found["p50_ms"] - STAGES * length, 0.0) / STAGES,
                "server_us": (meter.cpu() - before) / runs * 1e6,
            }
        if number or quick:  # the first one warms up
            samples.rounds.append(turn)
    return samples


def _add(outcome: Outcome, length: int, samples: Samples) -> None:
    for label, name, more, form in (
        ("runs/s", "rate", True, "{:,.0f}"),
        ("ms of overhead per stage", "overhead_ms", False, "{:,.1f}"),
    ):
        figures = [form.format(samples.median(way, name)) for way in WAYS]
        ratios = {
            other: samples.ratio("lease", other, name, more_is_better=more) for other in ("jobs", "stream")
        }
        if name == "rate":
            outcome.ratios[f"flow.stage_{length}ms.lease_vs_jobs"] = round(ratios["jobs"], 3)
            outcome.ratios[f"flow.stage_{length}ms.lease_vs_stream"] = round(ratios["stream"], 3)
        shown = f"{ratios['jobs']:.2f} × jobs, {ratios['stream']:.2f} × in memory"
        outcome.rows.append((f"stages of {length} ms: {label}", *figures, shown))


async def _statements(outcome: Outcome, side: Contestant, meter: Meter, runs: int) -> None:
    figures: list[float] = []
    for way in WAYS:
        await meter.count()
        await asyncio.to_thread(side.ask, "burst", way=way, runs=runs, seconds=0.005)
        statements, _ = await meter.counted("bench_flow")
        figures.append(statements / runs / STAGES)
    outcome.rows.append(("statements per stage", *(f"{each:.2f}" for each in figures), ""))
