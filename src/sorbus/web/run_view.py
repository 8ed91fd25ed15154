"""A run with everything about it, as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from sorbus.errors.inputs import NotFound
from sorbus.llm.calls import LlmCall
from sorbus.pipelines.component import Pipelines
from sorbus.pipelines.definition.given import Approval
from sorbus.pipelines.definition.work import Await
from sorbus.pipelines.resources.content import Content
from sorbus.pipelines.resources.definition import Definition
from sorbus.pipelines.resources.run import Run
from sorbus.pipelines.resources.stages import StageItem, StageRun
from sorbus.pipelines.resources.states import OPEN_RUNS, OPEN_STAGES, RunState, StageState
from sorbus.pipelines.resources.waiting import LimitWait
from sorbus.query.query import Query
from sorbus.resource import agg
from sorbus.resource.application import Sorbus
from sorbus.scope import Scope
from sorbus.web.access import ACTS, allowed
from sorbus.web.around import (
    NONE_INSIDE,
    NOTHING,
    Beginning,
    Count,
    Inside,
    Origin,
    Purse,
    beginning,
    cost_inside,
    inside,
    origins,
    purse,
)
from sorbus.web.charts import NO_PLAN, Chart, Plan, Shape, Source, chart_of, plan_of, shape_of
from sorbus.web.forms import Field, fields_of

ITEMS = 200
"""The most items of a run that its page shows; all of a stage stand on the stage's own page."""

CALLS = 50
"""The most model calls that the page of a run shows."""

_FROM: Mapping[str, tuple[RunState, ...]] = {
    "pause": (RunState.PENDING, RunState.RUNNING, RunState.WAITING),
    "resume": (RunState.PAUSED,),
    "retry": (RunState.FAILED, RunState.CANCELLED),
    "cancel": OPEN_RUNS,
}
"""The states from which each act leads on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageView:
    """A stage of a run.

    Attributes:
        id: that of its element on the page.
        items: the first of its items or rounds.
        count: how its items, its rounds or the runs inside it stand.
        cells: the first of the runs inside it.
        lines: some of those with their progress.
        waits: the limits that it stands before.
        origin: where its output was taken from.
        awaits: whether somebody may give it the value that it waits for.
        fields: of the form for that value.
        refused: why the value that was given just now was refused.
    """

    row: StageRun
    shape: Shape
    data: Mapping[str, Any]
    sources: Sequence[Source]
    items: Sequence[StageItem]
    count: Count
    calls: int
    awaits: bool
    cells: Sequence[Run] = ()
    lines: Sequence[Run] = ()
    waits: Sequence[LimitWait] = ()
    origin: Origin | None = None
    fields: tuple[Field, ...] = ()
    refused: str = ""

    @property
    def id(self) -> str:
        """That of its element on the page."""
        return f"stage-{self.row.position}"


@dataclass(frozen=True, kw_only=True)
class RunView:
    """A run.

    Attributes:
        plan: what its definition says; empty when there is no such definition any more.
        missing: whether this process has no such pipeline, so that the run cannot go on here.
        acts: what the actor may do to it now.
        inside: the runs inside it.
        cost_inside: what those have cost; None where it has none, or is itself inside another one.
        purse: the budget from which it is paid.
        waits: the limits that its stages stand before.
        began: the run inside it with which its failure began.
    """

    run: Run
    plan: Plan
    chart: Chart | None
    stages: Sequence[StageView]
    calls: Sequence[LlmCall]
    missing: bool
    acts: tuple[str, ...]
    known: bool
    inside: Inside = NONE_INSIDE
    cost_inside: Decimal | None = None
    purse: Purse | None = None
    waits: Sequence[LimitWait] = ()
    began: Beginning | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.run.state not in OPEN_RUNS

    @property
    def by_name(self) -> Mapping[str, StageView]:
        """The stages by their names."""
        return {each.row.name: each for each in self.stages}

    @property
    def states(self) -> Mapping[str, str]:
        """The states of the stages by their names."""
        return {each.row.name: each.row.state.value for each in self.stages}

    @property
    def counts(self) -> Mapping[str, Count]:
        """How the items of the stages, or the runs inside them, stand, by their names."""
        return {each.row.name: each.count for each in self.stages}

    @property
    def links(self) -> Mapping[str, str]:
        """The ids of the stages' elements by their names."""
        return {each.row.name: each.id for each in self.stages}

    @property
    def short_of(self) -> str:
        """Whose budget it failed for: `run` for the one that pays for it, `tenant`; empty where it did not."""
        error: Any = self.began.error if self.began is not None else self.run.error
        if not isinstance(error, dict) or self.run.state is not RunState.FAILED:
            return ""
        told = cast("Mapping[str, Any]", error)
        if told.get("code") != "budget-exceeded":
            return ""
        payer = str(self.run.payer_id or self.run.id)
        return "run" if payer in cast("Sequence[Any]", told.get("path") or ()) else "tenant"

    @property
    def awaiting(self) -> Sequence[StageView]:
        """The stages that are ready for somebody's word."""
        return [each for each in self.stages if each.awaits and each.row.state is StageState.READY]


class RunReader:
    """Reads runs as their pages show them, each in the scope of who looks."""

    def __init__(self, app: Sorbus) -> None:
        self.app = app
        self._plans: dict[UUID, Plan] = {}

    async def view(self, scope: Scope, run_id: UUID) -> RunView:
        """A run.

        Raises:
            NotFound: there is none, or none that the actor may see.
        """
        run = await _run(scope, run_id)
        plan = await self._plan(scope, run)
        items = await _items(scope, run_id, plan)
        counts = await _counts(scope, run_id, plan)
        calls = await _calls(scope, run_id).limit(CALLS).all()
        known, kinds = self.kinds(run, plan)
        within = await inside(scope, run_id, _nested(plan))
        waits = await self._waits(scope, run)
        found = await origins(scope, run.stages)
        counts |= within.counts
        stages = [
            _stage(run, row, plan, items=items, counts=counts, calls=calls, kinds=kinds) for row in run.stages
        ]
        outermost = run.payer_id is None and bool(within.cells)
        return RunView(
            run=run,
            plan=plan,
            chart=chart_of(plan, [row.name for row in run.stages]),
            stages=[_with_around(each, within, waits, found) for each in stages],
            calls=calls,
            missing=not known,
            known=bool(plan.stages),
            acts=self._acts(scope, run),
            inside=within,
            cost_inside=await cost_inside(scope, run) if outermost else None,
            purse=await purse(scope, run),
            waits=waits,
            began=await beginning(scope, run),
        )

    def _acts(self, scope: Scope, run: Run) -> tuple[str, ...]:
        """What the actor may do to a run now."""
        left = {
            # A run that has left nothing cannot be found again, and one inside another one has no budget of its own.
            "replay": any(each.fingerprint is not None for each in run.stages),
            "raise_budget": run.payer_id is None,
        }
        return tuple(
            name
            for name in ACTS
            if left.get(name, True)
            and run.state in _FROM.get(name, tuple(RunState))
            and allowed(self.app, name, scope, run)
        )

    async def _waits(self, scope: Scope, run: Run) -> list[LimitWait]:
        """The limits that stages of a run stand before; nothing is asked where there can be none."""
        pipelines: Pipelines | None = self.app.service(Pipelines)
        if run.state not in OPEN_RUNS or pipelines is None or not pipelines.limits:
            return []
        return await Run.waits(scope, run_id=run.id)

    async def _plan(self, scope: Scope, run: Run) -> Plan:
        wanted = Definition.query(scope)
        if run.definition_id is not None:
            wanted = wanted.where(Definition.id == run.definition_id)
        else:
            named = (Definition.name == run.pipeline, Definition.version == run.version)
            wanted = wanted.where(Definition.owner == "", *named)
        found = await wanted.select(Definition.stages, Definition.edges).first()
        return NO_PLAN if found is None else plan_of(found.stages, found.edges)

    def kinds(self, run: Run, plan: Plan) -> tuple[bool, Mapping[str, Any]]:
        """Whether this process has the pipeline of a run, and what its stages wait for, by stage."""
        pipelines: Pipelines | None = self.app.service(Pipelines)
        if run.definition_id is not None:
            # What users compose waits for nothing but approvals.
            blocks: Mapping[str, Any] = {} if pipelines is None else pipelines.registry.blocks
            used = [each.get("action") for each in plan.stages.values()]
            kinds = {name: Approval for name, each in plan.stages.items() if each.get("approval") is not None}
            return bool(plan.stages) and all(each is None or each in blocks for each in used), kinds
        pipeline = (
            None if pipelines is None else pipelines.registry.pipelines.get((run.pipeline, run.version))
        )
        if pipeline is None:
            return False, {}
        return True, {each.name: each.work.type for each in pipeline.stages if isinstance(each.work, Await)}

    async def stage(self, scope: Scope, run_id: UUID, name: str) -> StageRun:
        """One stage of a run, with all of its output.

        Raises:
            NotFound: the run has no such stage, or none that the actor may see.
        """
        found = await StageRun.query(scope).where(StageRun.run_id == run_id, StageRun.name == name).first()
        if found is None:
            raise NotFound("StageRun", where=f"named `{name[:100]}`")
        return found

    async def item_output(self, scope: Scope, run_id: UUID, stage: str, index: str) -> Any:
        """The output of one item of a stage.

        Raises:
            NotFound: the stage has no such item, or none that the actor may see.
        """
        place = int(index) if index.isdecimal() and len(index) < 10 else -1
        own = (StageItem.run_id == run_id, StageItem.stage == stage, StageItem.index == place)
        found = await StageItem.query(scope).where(*own).first()
        if found is None:
            raise NotFound("StageItem", where=f"number {index[:20]} of `{stage[:100]}`")
        return found.output

    async def call(self, scope: Scope, run_id: UUID, call_id: UUID) -> LlmCall:
        """One model call of a run.

        Raises:
            NotFound: the run has no such call, or none that the actor may see.
        """
        found = await LlmCall.query(scope).where(LlmCall.run_id == run_id, LlmCall.id == call_id).first()
        if found is None:
            raise NotFound("LlmCall", call_id)
        return found


def _stage(
    run: Run,
    row: StageRun,
    plan: Plan,
    *,
    items: Sequence[StageItem],
    counts: Mapping[str, Count],
    calls: Sequence[LlmCall],
    kinds: Mapping[str, Any],
) -> StageView:
    data = plan.stages.get(row.name)
    waits = row.given_at is None and row.state in OPEN_STAGES and run.state in OPEN_RUNS and row.name in kinds
    return StageView(
        row=row,
        shape=shape_of(row.name, data),
        data=data or {},
        sources=plan.sources.get(row.name, ()),
        items=[each for each in items if each.stage == row.name],
        count=counts.get(row.name, NOTHING),
        calls=sum(each.stage == row.name for each in calls),
        awaits=waits,
        fields=fields_of(kinds[row.name]) if row.name in kinds else (),
    )


def _with_around(
    stage: StageView, within: Inside, waits: Sequence[LimitWait], found: Mapping[UUID, Origin]
) -> StageView:
    """A stage with the runs inside it, the limits that it stands before, and where its output is from."""
    name, source = stage.row.name, stage.row.reused_from
    return replace(
        stage,
        cells=[each for each in within.cells if each.parent_stage == name],
        lines=[each for each in within.lines if each.parent_stage == name],
        waits=[each for each in waits if each.stage == name],
        origin=None if source is None else found[source],
    )


async def _run(scope: Scope, run_id: UUID) -> Run:
    stages = (
        StageRun.query()
        .select(
            StageRun.name,
            StageRun.position,
            StageRun.state,
            StageRun.attempt,
            StageRun.error,
            StageRun.wake_at,
            StageRun.given_at,
            StageRun.started_at,
            StageRun.finished_at,
            StageRun.fingerprint,
            StageRun.reused_from,
        )
        .load(StageRun.output_size, StageRun.output_start)
        .order_by(StageRun.position)
    )
    content = Content.query().select(Content.title, Content.source_type, Content.external_id)
    found = await (
        Run.query(scope)
        .where(Run.id == run_id)
        .load(Run.cost_usd, Run.tokens_in, Run.tokens_out, Run.stages_over, Run.stage_count)
        .load(Run.stages_reused, Run.items_reused)
        .load_with(Run.content, content)
        .load_with(Run.stages, stages)
        .first()
    )
    if found is None:
        raise NotFound("Run", run_id)
    return found


def item_query(scope: Scope, run_id: UUID) -> Query[StageItem]:
    """The items of a run, without their outputs."""
    return (
        StageItem.query(scope)
        .where(StageItem.run_id == run_id)
        .select(
            StageItem.stage,
            StageItem.index,
            StageItem.state,
            StageItem.attempt,
            StageItem.error,
            StageItem.started_at,
            StageItem.finished_at,
            StageItem.reused_from,
        )
    )


def _with_items(plan: Plan) -> list[str]:
    return [name for name, data in plan.stages.items() if data.get("for_each") or data.get("repeat")]


async def _items(scope: Scope, run_id: UUID, plan: Plan) -> list[StageItem]:
    if not _with_items(plan):
        return []
    return await item_query(scope, run_id).order_by(StageItem.index, StageItem.stage).limit(ITEMS).all()


def _nested(plan: Plan) -> list[str]:
    return [name for name, data in plan.stages.items() if data.get("nested")]


async def _counts(scope: Scope, run_id: UUID, plan: Plan) -> dict[str, Count]:
    """How the items of each stage stand, of all stages in one statement."""
    names = _with_items(plan)
    if not names:
        return {}
    states = {"done": StageState.DONE, "failed": StageState.FAILED, "running": StageState.RUNNING}
    totals: dict[str, Any] = {}
    for place, name in enumerate(names):
        of = StageItem.stage == name
        totals[f"total{place}"] = agg.count(where=of)
        totals[f"reused{place}"] = agg.count(where=of & ~StageItem.reused_from.is_null())
        for word, state in states.items():
            totals[f"{word}{place}"] = agg.count(where=of & (StageItem.state == state))
    found = await StageItem.query(scope).where(StageItem.run_id == run_id).aggregate(**totals)
    return {
        name: Count(**{word: found[f"{word}{place}"] for word in (*states, "total", "reused")})
        for place, name in enumerate(names)
    }


def _calls(scope: Scope, run_id: UUID) -> Query[LlmCall]:
    return (
        LlmCall.query(scope)
        .where(LlmCall.run_id == run_id)
        .select(
            LlmCall.stage,
            LlmCall.kind,
            LlmCall.provider,
            LlmCall.model,
            LlmCall.status,
            LlmCall.tokens_in,
            LlmCall.tokens_out,
            LlmCall.latency_ms,
            LlmCall.cost_usd,
            LlmCall.priced,
            LlmCall.attempts,
            LlmCall.error_code,
            LlmCall.inserted_at,
        )
        .order_by(LlmCall.id.desc())
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The time that something took, in a waterfall: in thousandths of the run's time."""

    x: float
    width: float


def bar(run: Run, start: datetime | None, end: datetime | None) -> Bar | None:
    """Where the time of a stage or an item lies in the time of its run; None before it started."""
    if start is None:
        return None
    now = datetime.now(UTC)
    begin = run.inserted_at
    whole = max((run.finished_at or now) - begin, timedelta(milliseconds=1))
    # The clocks of several nodes, and a stage that was settled by the statement that ended the run.
    left = min(max((start - begin) / whole, 0.0), 0.997)
    right = min(max(((end or run.finished_at or now) - begin) / whole, left), 1.0)
    return Bar(x=round(1000 * left, 1), width=round(max(1000 * (right - left), 3.0), 1))
