"""What stands around a run: the runs inside it and those it is inside of, what pays for it, what it has taken over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from sorbus.llm.budgets.resources import Budget
from sorbus.llm.calls import LlmCall
from sorbus.pipelines.resources.run import Run
from sorbus.pipelines.resources.stages import StageItem, StageRun
from sorbus.pipelines.resources.states import OPEN_RUNS, RunState
from sorbus.query.query import Query
from sorbus.resource import agg
from sorbus.scope import Scope

CELLS = 200
"""The most runs inside a run whose states its page shows."""

LINES = 12
"""The most runs inside a run that its page shows with their progress; those that are not done come first."""

_DEEPEST = 16
_BROKEN = (RunState.FAILED, RunState.COMPENSATED)
_WORDS: Mapping[str, tuple[RunState, ...]] = {
    "done": (RunState.COMPLETED,),
    "failed": (*_BROKEN, RunState.CANCELLED),
    "running": OPEN_RUNS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many items of a stage, or runs inside it, there are, and how they stand.

    Attributes:
        reused: how many have their output from an earlier run.
    """

    done: int = 0
    failed: int = 0
    running: int = 0
    total: int = 0
    reused: int = 0


NOTHING = Count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """The runs inside a run.

    Attributes:
        cells: the first of them, with their states.
        lines: some of them with their progress.
        counts: how those of each stage stand.
    """

    cells: Sequence[Run] = ()
    lines: Sequence[Run] = ()
    counts: Mapping[str, Count]

    @property
    def is_open(self) -> bool:
        """Whether some have not ended."""
        return any(each.running for each in self.counts.values())


NONE_INSIDE = Inside(counts={})


async def inside(scope: Scope, run_id: UUID, stages: Sequence[str]) -> Inside:
    """The runs inside a run.

    Args:
        stages: those of its stages that are runs of other pipelines.
    """
    if not stages:
        return NONE_INSIDE
    counts = await _counts(scope, run_id, stages)
    if not any(each.total for each in counts.values()):
        return Inside(counts=counts)
    own = Run.query(scope).where(Run.parent_id == run_id)
    cells = await (
        own.select(
            Run.pipeline, Run.state, Run.parent_stage, Run.parent_index, Run.started_at, Run.finished_at
        )
        .order_by(Run.parent_stage, Run.parent_index)
        .limit(CELLS)
        .all()
    )
    lines = await _lines(own.where(Run.state != RunState.COMPLETED)).limit(LINES).all()
    if len(lines) < LINES:
        done = _lines(own.where(Run.state == RunState.COMPLETED)).limit(LINES - len(lines))
        lines = [*lines, *await done.all()]
    return Inside(cells=cells, lines=lines, counts=counts)


def _lines(query: Query[Run]) -> Query[Run]:
    return (
        query.select(
            Run.pipeline,
            Run.version,
            Run.state,
            Run.error,
            Run.parent_stage,
            Run.parent_index,
            Run.started_at,
            Run.finished_at,
        )
        .load(Run.stages_over, Run.stage_count, Run.cost_usd)
        .order_by(Run.parent_stage, Run.parent_index)
    )


async def _counts(scope: Scope, run_id: UUID, stages: Sequence[str]) -> dict[str, Count]:
    totals: dict[str, Any] = {}
    for place, name in enumerate(stages):
        of = Run.parent_stage == name
        totals[f"total{place}"] = agg.count(where=of)
        for word, states in _WORDS.items():
            totals[f"{word}{place}"] = agg.count(where=of & Run.state.is_in(list(states)))
    found = await Run.query(scope).where(Run.parent_id == run_id).aggregate(**totals)
    return {
        name: Count(**{word: found[f"{word}{place}"] for word in (*_WORDS, "total")})
        for place, name in enumerate(stages)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A run that another one is inside of.

    Attributes:
        stage: the stage of it that the other one is, or belongs to.
        index: the position of the item there; None where that stage is one run only.
    """

    id: UUID
    pipeline: str
    stage: str
    index: int | None


async def parents(scope: Scope, run: Run) -> list[Parent]:
    """The runs that a run is inside of, the outermost first, as far as the actor may see them."""
    found: list[Parent] = []
    child = run
    while child.parent_id is not None and len(found) < _DEEPEST:
        outer = await (
            Run.query(scope)
            .where(Run.id == child.parent_id)
            .select(Run.pipeline, Run.parent_id, Run.parent_stage, Run.parent_index)
            .first()
        )
        if outer is None:
            break
        index = child.parent_index if await _has_siblings(scope, child) else None
        found.insert(
            0, Parent(id=outer.id, pipeline=outer.pipeline, stage=child.parent_stage or "", index=index)
        )
        child = outer
    return found


async def _has_siblings(scope: Scope, run: Run) -> bool:
    if run.parent_index:
        return True
    beside = (
        (Run.parent_id == run.parent_id) & (Run.parent_stage == run.parent_stage) & (Run.parent_index > 0)
    )
    return await Run.query(scope).where(beside).exists()


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """A run inside a run, at which its failure began."""

    id: UUID
    pipeline: str
    error: Mapping[str, Any]


async def beginning(scope: Scope, run: Run) -> Beginning | None:
    """The run inside a failed one with which it began to fail; None where it is its own failure."""
    error, at, found = _error(run), run.id, None
    for _ in range(_DEEPEST):
        if error.get("code") != "nested-run-failed":
            break
        inner = await (
            Run.query(scope)
            .where(Run.parent_id == at, Run.state.is_in(list(_BROKEN)))
            .select(Run.pipeline, Run.error)
            .order_by(Run.finished_at, Run.id)
            .first()
        )
        if inner is None:
            break
        error, at = _error(inner), inner.id
        found = Beginning(id=inner.id, pipeline=inner.pipeline, error=error)
    return found


def _error(run: Run) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", run.error) if isinstance(run.error, dict) else {}


# money

_FIGURES = (Budget.spent_usd, Budget.spent_tokens, Budget.left_usd, Budget.left_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """One limit of a budget.

    Attributes:
        unit: `usd` or `tokens`.
    """

    unit: str
    limit: Decimal | int
    spent: Decimal | int
    reserved: Decimal | int
    left: Decimal | int

    @property
    def share(self) -> float:
        """How much of it is spent, in hundredths of it; all of it where there is none."""
        return 100.0 if not self.limit else min(100.0, float(100 * self.spent / self.limit))

    @property
    def held(self) -> float:
        """How much of it is reserved, in hundredths."""
        return 0.0 if not self.limit else min(100.0 - self.share, float(100 * self.reserved / self.limit))


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """The budget from which a run is paid.

    Attributes:
        payer: the run that it belongs to.
    """

    payer: UUID
    limits: Sequence[Limited]


async def purse(scope: Scope, run: Run) -> Purse | None:
    """The budget of a run, or of the outermost run around it; None where there is none that the actor may see."""
    payer = run.payer_id or run.id
    found = await Budget.of_run(scope, run_id=payer).load(*_FIGURES).first()
    if found is None:
        return None
    limits: list[Limited] = []
    if found.limit_usd is not None:
        limits.append(
            Limited(
                unit="usd",
                limit=found.limit_usd,
                spent=found.spent_usd,
                reserved=found.reserved_usd,
                left=found.left_usd or 0,
            )
        )
    if found.limit_tokens is not None:
        limits.append(
            Limited(
                unit="tokens",
                limit=found.limit_tokens,
                spent=found.spent_tokens,
                reserved=found.reserved_tokens,
                left=found.left_tokens or 0,
            )
        )
    return Purse(payer=payer, limits=limits)


async def cost_inside(scope: Scope, run: Run) -> Decimal | None:
    """What the runs inside an outermost run have cost."""
    return await LlmCall.query(scope).where(LlmCall.payer_id == run.id).sum(LlmCall.cost_usd)


# what was taken over


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an output was taken from.

    Attributes:
        run: the other run; None where it is gone, or out of sight.
    """

    run: UUID | None


async def origins(scope: Scope, rows: Iterable[StageRun | StageItem]) -> Mapping[UUID, Origin]:
    """The runs from which stages or items have their outputs, by `reused_from`."""
    taken = list(rows)
    wanted = {each.reused_from for each in taken if each.reused_from is not None}
    found: dict[UUID, Origin] = dict.fromkeys(wanted, Origin(run=None))
    if not wanted:
        return found
    # A stage takes over from a stage, an item from an item.
    if any(isinstance(each, StageRun) for each in taken):
        stages = StageRun.query(scope).where(StageRun.id.is_in(list(wanted))).select(StageRun.run_id)
        found |= {each.id: Origin(run=each.run_id) for each in await stages.all()}
    else:
        items = StageItem.query(scope).where(StageItem.id.is_in(list(wanted))).select(StageItem.run_id)
        found |= {each.id: Origin(run=each.run_id) for each in await items.all()}
    return found
