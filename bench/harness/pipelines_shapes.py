"""Chains and diamonds on Sorbus and on its durable peers."""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from harness.contestants import Contestant, ContestantEnded, Samples, must_agree
from harness.meter import Meter
from harness.outcome import Outcome

NAMES = {
    "sorbus": "Sorbus",
    "oban": "Oban",
    "procrastinate": "Procrastinate",
    "langgraph": "LangGraph",
    "dbos": "DBOS",
    "prefect": "Prefect",
}
STAGES = {"chain3": 3, "diamond8": 8}
AT_ONCE = 200
SLOW = {"prefect"}
"""Sides that would take minutes for a round: they run fewer at once, and take part in fewer rounds."""
SLOW_AT_ONCE, SLOW_ROUNDS = 20, 2
SLOW_NOTE = """\
Prefect takes part in {rounds} rounds with {runs} runs at once: 200 would take it minutes. It is compared with what \
Sorbus does with 200 in the same rounds.\
"""
IDLE_BUDGET_MS, STATEMENTS_BUDGET, BEST_AIM = 3.0, 1.5, 4.0


@dataclass(slots=True)
class Found:
    """What was measured of one shape.

    Attributes:
        bursts: many runs at once, in rounds; slow sides are missing in most.
        idle: how long each run took that had the machine to itself, in milliseconds, by side.
        statements: in the database, for each stage, by side.
        connections: by side.
    """

    bursts: Samples = field(default_factory=Samples)
    idle: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    statements: dict[str, float] = field(default_factory=dict[str, float])
    connections: dict[str, int] = field(default_factory=dict[str, int])


class Field:
    """The sides that are there; one that fails leaves, and why is noted.

    Args:
        outcome: takes the notes.
        meter: the server.
    """

    def __init__(self, outcome: Outcome, meter: Meter) -> None:
        self.sides: dict[str, Contestant] = {}
        self.meter = meter
        self._outcome = outcome

    def enter(self, stack: ExitStack, name: str, python: Path | str, url: str) -> None:
        """Open a side."""
        print(f"pipelines: opening {NAMES[name]} …", flush=True)
        make = lambda: Contestant(name, f"shapes_{name}.py", python=python, url=url, patience=120)  # noqa: E731
        side = self.attempt(name, make)
        if side is not None:
            self.sides[name] = stack.enter_context(side)

    def attempt[T](self, name: str, what: Callable[[], T]) -> T | None:
        """Do something with a side; a peer that fails leaves, Sorbus must not."""
        try:
            return what()
        except ContestantEnded as error:
            if name == "sorbus":
                raise
            self.sides.pop(name, None)
            self._outcome.notes.append(f"{NAMES[name]} failed and is missing: {error}.")
            print(f"pipelines: {NAMES[name]} failed: {error}", flush=True)
            return None

    def check(self) -> None:
        """All sides find the same, and have left nothing unfinished."""
        found = {
            name: self.attempt(name, lambda s=side: s.ask("check")) for name, side in [*self.sides.items()]
        }
        must_agree({name: answer for name, answer in found.items() if answer is not None})

    def burst(self, name: str, shape: str, runs: int) -> dict[str, float] | None:
        """One side's turn."""
        before = self.meter.cpu()
        found = self.attempt(name, lambda: self.sides[name].ask("burst", shape=shape, runs=runs))
        return found and {**found, "server_us": (self.meter.cpu() - before) / runs * 1e6}


async def shapes(outcome: Outcome, meter: Meter, peers: Path, *, quick: bool) -> None:
    """Measure both shapes on all sides."""
    urls = {name: (await meter.database(f"bench_{name}")).url for name in NAMES}
    contest = Field(outcome, meter)
    with ExitStack() as stack:

        def open_all() -> None:
            for name, url in urls.items():
                contest.enter(stack, name, sys.executable if name == "sorbus" else peers, url)
            contest.check()

        await asyncio.to_thread(open_all)
        found = {shape: Found() for shape in STAGES}
        for shape, each in found.items():
            await asyncio.to_thread(_warm_up, contest, shape, quick=quick)
            await asyncio.to_thread(_bursts, contest, shape, each, quick=quick)
            await _statements(contest, shape, each, quick=quick)
        await asyncio.to_thread(_idle, contest, found["chain3"], "chain3", quick=quick)
        await asyncio.to_thread(contest.check)
    for shape, each in found.items():
        _add_bursts(outcome, shape, each)
        _add_statements(outcome, shape, each)
    _add_idle(outcome, found["chain3"].idle)
    if found["chain3"].bursts.measured("prefect"):
        outcome.notes.append(
            SLOW_NOTE.format(rounds=1 if quick else SLOW_ROUNDS, runs=_at_once("prefect", quick=quick))
        )


def _at_once(name: str, *, quick: bool) -> int:
    if quick:
        return 5 if name in SLOW else 40
    return SLOW_AT_ONCE if name in SLOW else AT_ONCE


def _warm_up(contest: Field, shape: str, *, quick: bool) -> None:
    for name in [*contest.sides]:
        contest.burst(name, shape, _at_once(name, quick=quick))


def _bursts(contest: Field, shape: str, found: Found, *, quick: bool) -> None:
    rounds = 1 if quick else 5
    for number in range(rounds):
        print(f"pipelines: {shape}, round {number + 1} of {rounds}", flush=True)
        order = [name for name in contest.sides if name not in SLOW or number < SLOW_ROUNDS]
        turn: dict[str, dict[str, float]] = {}
        for name in order if number % 2 == 0 else reversed(order):
            measured = contest.burst(name, shape, _at_once(name, quick=quick))
            if measured is not None:
                turn[name] = measured
        found.bursts.rounds.append(turn)


async def _statements(contest: Field, shape: str, found: Found, *, quick: bool) -> None:
    print(f"pipelines: {shape}, statements", flush=True)
    for name in [*contest.sides]:
        runs = _at_once(name, quick=quick)
        await contest.meter.count()
        measured = await asyncio.to_thread(contest.burst, name, shape, runs)
        statements, connections = await contest.meter.counted(f"bench_{name}")
        if measured is not None:
            found.statements[name] = statements / runs / STAGES[shape]
            found.connections[name] = connections


def _idle(contest: Field, found: Found, shape: str, *, quick: bool) -> None:
    rounds = 1 if quick else 5
    print("pipelines: one run at a time", flush=True)
    for number in range(rounds):
        for name in [*contest.sides]:
            if name in SLOW and number:
                continue
            runs = 5 if quick or name in SLOW else 30
            answer = contest.attempt(
                name, lambda n=name, r=runs: contest.sides[n].ask("one_by_one", shape=shape, runs=r)
            )
            if answer is not None:
                found.idle.setdefault(name, []).extend(answer["took_ms"])


def _add_bursts(outcome: Outcome, shape: str, found: Found) -> None:
    samples = found.bursts
    measures = (
        ("runs/s", "", "rate", True, 1.0, "{:,.0f}"),
        ("ms CPU of the process per run", "_cpu", "cpu_us", False, 1e3, "{:,.2f}"),
        ("ms CPU of the server per run", "_server_cpu", "server_us", False, 1e3, "{:,.2f}"),
    )
    for label, suffix, measure, more, unit, form in measures:
        figures = {name: samples.median(name, measure) / unit for name in NAMES if samples.measured(name)}
        ratios = {
            f"vs_{peer}": samples.ratio("sorbus", peer, measure, more_is_better=more)
            for peer in figures
            if peer != "sorbus"
        }
        if not suffix and ratios:
            ratios["vs_best"] = min(ratios.values())
        name = f"pipelines.{shape}{suffix}"
        _add(outcome, f"{shape}: {label}", name, {k: form.format(v) for k, v in figures.items()}, ratios)


def _add_statements(outcome: Outcome, shape: str, found: Found) -> None:
    ours = found.statements["sorbus"]
    ratios = {f"vs_{peer}": theirs / ours for peer, theirs in found.statements.items() if peer != "sorbus"}
    name = "pipelines.statements_per_stage"
    if shape == "chain3":
        ratios["vs_budget"] = STATEMENTS_BUDGET / ours
    else:
        name += f"_{shape}"
    figures = {side: f"{value:.2f}" for side, value in found.statements.items()}
    _add(outcome, f"{shape}: statements per stage", name, figures, ratios)
    if shape == "chain3":
        connections = {side: str(value) for side, value in found.connections.items()}
        outcome.rows.append(row("connections", connections))


def _add_idle(outcome: Outcome, took: Mapping[str, list[float]]) -> None:
    stages = STAGES["chain3"]
    for share, budget in ((50, IDLE_BUDGET_MS), (99, None)):
        figures = {name: _percentile(each, share) / stages for name, each in took.items()}
        ours = figures["sorbus"]
        ratios = {f"vs_{peer}": theirs / ours for peer, theirs in figures.items() if peer != "sorbus"}
        if budget is not None:
            ratios["vs_budget"] = budget / ours
        name = "pipelines.idle_stage" + ("" if share == 50 else f"_p{share}")
        shown = {side: f"{value:.1f}" for side, value in figures.items()}
        _add(outcome, f"chain3: ms per stage, idle, p{share}", name, shown, ratios)


def _percentile(values: list[float], share: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


def _add(
    outcome: Outcome, label: str, name: str, figures: Mapping[str, str], ratios: Mapping[str, float]
) -> None:
    outcome.ratios |= {f"{name}.{peer}": round(ratio, 3) for peer, ratio in ratios.items()}
    shown = ", ".join(f"{ratio:.2f} × {_name(peer)}" for peer, ratio in ratios.items())
    outcome.rows.append(row(label, figures, shown))


def row(label: str, figures: Mapping[str, str], ratios: str = "") -> tuple[str, ...]:
    """A row of the suite's table."""
    return (label, *(figures.get(name, "") for name in NAMES), ratios)


def _name(ratio: str) -> str:
    against = ratio.removeprefix("vs_")
    return {"best": "the best peer", "budget": "the aim"}.get(against, NAMES.get(against, against))
