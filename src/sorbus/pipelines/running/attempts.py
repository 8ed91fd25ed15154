"""One attempt at a stage: its action run on what it takes, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from sorbus.data_layers.postgres.json_codec import storable
from sorbus.errors.base import Kind, SorbusError, UnknownError
from sorbus.errors.database import DatabaseUnavailable
from sorbus.errors.pipelines import StageOutputTooLarge
from sorbus.llm.client import ModelClient
from sorbus.llm.ledger import Origin
from sorbus.pipelines.definition.batch import Batch
from sorbus.pipelines.definition.checking import StagePlan
from sorbus.pipelines.definition.given import StageContext, StageFailure
from sorbus.pipelines.definition.limits import Apart, Limit
from sorbus.pipelines.definition.stages import CONTENT, FAILURE, INPUT, ITEM, AnyAction, Stage, parameters
from sorbus.pipelines.definition.work import Once, Work
from sorbus.pipelines.resources.states import StageState
from sorbus.pipelines.running.batching import Batcher, BatchKey, Entry
from sorbus.pipelines.running.bounds import bounded
from sorbus.pipelines.running.progress import Progress
from sorbus.pipelines.running.store import Change, encoded_size
from sorbus.schema.actions import ActionSpec

if TYPE_CHECKING:
    from sorbus.resource.application import Sorbus

LARGEST_OUTPUT = 50_000_000
"""Bytes of JSON that one output may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStage:
    """A stage with what running it needs, made once for an application.

    Attributes:
        name: that of its row: the stage's, or another one for what undoes it.
        action: None for a stage that only waits.
        work, delay: those of the stage; what undoes it runs once and at once.
        dump: from the action's answer to plain data.
        limits: those that count attempts at it.
        batch: how its items are gathered; None for an action that works on one.
    """

    name: str
    plan: StagePlan
    action: AnyAction | None
    work: Work
    delay: float
    needs: tuple[str, ...]
    dump: Callable[[Any], Any]
    limits: tuple[Limit, ...] = ()
    batch: Batch | None = None

    @property
    def stage(self) -> Stage:
        """The stage as it was declared."""
        return self.plan.stage

    def keys(self, progress: Progress) -> tuple[tuple[Limit, str], ...]:
        """What an attempt at it in a run counts for."""
        values: dict[Apart, str] = {
            "tenant": progress.tenant,
            "model": progress.model or "",
            "pipeline": progress.pipeline,
            "stage": f"{progress.pipeline}.{self.name}",
        }
        return tuple((each, each.key(values)) for each in self.limits)


def planned_stage(
    app: Sorbus, plan: StagePlan, *, undo: bool = False, limits: Iterable[Limit] = ()
) -> PlannedStage:
    """A stage, or what undoes it, planned for an application with some limits."""
    stage = plan.stage
    action = stage.undo if undo else stage.action
    dump: Callable[[Any], Any] = dumper(app.engine.action_spec(action)[1]) if action is not None else _same
    return PlannedStage(
        name=undo_name(stage.name) if undo else stage.name,
        plan=plan,
        action=action,
        work=Once() if undo else stage.work,
        delay=0.0 if undo else stage.delay,
        needs=() if action is None else parameters(action),
        dump=dump,
        limits=() if action is None else tuple(each for each in limits if not each.on or action in each.on),
        batch=None if undo else stage.batch,
    )


def undo_name(stage: str) -> str:
    """The name of the row of what undoes a stage."""
    return f"{stage}.undo"


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt at a stage or an item.

    Attributes:
        failed: how many attempts have failed before.
        item: the item itself, or what the last round of a loop gave.
        fingerprint: a digest of all that its output depends on, where somebody may want to reuse that.
    """

    planned: PlannedStage
    index: int | None = None
    failed: int = 0
    item: Any = None
    fingerprint: str | None = None


async def attempted(app: Sorbus, progress: Progress, attempt: Attempt) -> Change:
    """Run one attempt, with no transaction open, and say what came of it.

    Raises:
        DatabaseUnavailable: nothing can be written now, so that nothing can be said either.
    """
    started = time.monotonic()
    planned = attempt.planned
    context = StageContext(
        run_id=progress.id,
        stage=planned.name,
        attempt=attempt.failed + 1,
        tenant=progress.tenant,
        item=attempt.index,
    )
    try:
        run = _run if planned.batch is None else _run_with_others
        output = await run(app, progress, attempt, context)
        _check_output(output, progress.pipeline, planned.name)
    except DatabaseUnavailable:
        raise
    except Exception as error:
        return _failed(attempt, error, started)
    return Change(
        stage=planned.name,
        state=StageState.DONE,
        output=output,
        attempt=attempt.failed,
        took=time.monotonic() - started,
        index=attempt.index,
        # Who asks for a key does something outside, which nobody may leave out.
        fingerprint=None if context.keyed and not planned.stage.reuse else attempt.fingerprint,
    )


async def _run(app: Sorbus, progress: Progress, attempt: Attempt, context: StageContext) -> Any:
    planned = attempt.planned
    stage = planned.stage
    assert planned.action is not None, "a stage without an action is never attempted"
    origin = Origin(stage=context.stage, run=context.run_id)
    scope = app.system_scope(tenant=progress.tenant).with_services({StageContext: context, Origin: origin})
    if progress.model is not None:
        scope = scope.with_service(ModelClient, scope.get(ModelClient).using(progress.model))
    inputs = {need: input_of(progress, attempt, need) for need in planned.needs}
    answer = await bounded(
        planned.action(scope, **inputs),
        pipeline=progress.pipeline,
        stage=planned.name,
        seconds=stage.timeout,
    )
    return planned.dump(answer)


async def _run_with_others(app: Sorbus, progress: Progress, attempt: Attempt, context: StageContext) -> Any:
    """The same for a stage whose action works on many items at once."""
    planned = attempt.planned
    assert planned.action is not None, "a stage without an action is never attempted"
    assert planned.batch is not None, "it is called for such stages only"
    payer = progress.payer_id or progress.id
    key = BatchKey(
        action=planned.action,
        batch=planned.batch,
        tenant=progress.tenant,
        model=progress.model,
        payer=payer if progress.own_budget else None,
        timeout=planned.stage.timeout,
    )
    entry = Entry(
        progress=progress,
        context=context,
        inputs={need: input_of(progress, attempt, need) for need in planned.needs},
        last=attempt.failed + 1 >= planned.stage.attempts,
        dump=planned.dump,
    )
    return await app.system_scope(tenant=progress.tenant).get(Batcher).answer(key, entry)


def input_of(progress: Progress, attempt: Attempt, need: str) -> Any:
    """What an attempt gets for one of its parameters."""
    stage = attempt.planned.stage
    if need == CONTENT:
        return progress.content
    source = stage.source(need) if attempt.planned.name == stage.name else need
    if need == ITEM or source == attempt.planned.name:
        return attempt.item
    if need == INPUT:
        return progress.input
    if need == FAILURE:
        return _failure(progress, stage)
    row = progress.stages.get(source)
    return row.output if row is not None and row.state is StageState.DONE else None


def _failure(progress: Progress, stage: Stage) -> StageFailure | None:
    for name in stage.on_failure:
        row = progress.stages[name]
        if row.state is StageState.FAILED:
            error: dict[str, Any] = row.error or {}
            return StageFailure(
                stage=name,
                code=str(error.get("code", "")),
                message=str(error.get("message", "")),
                attempt=row.attempt,
            )
    return None


def _failed(attempt: Attempt, error: Exception, started: float) -> Change:
    stage = attempt.planned.stage
    number = attempt.failed + 1
    final = number >= stage.attempts or not is_retryable(error)
    return Change(
        stage=attempt.planned.name,
        state=StageState.FAILED if final else StageState.READY,
        error=error_data(error, stage=attempt.planned.name, attempt=number, item=attempt.index),
        attempt=number,
        took=time.monotonic() - started,
        delay=None if final else stage.backoff.seconds(number),
        index=attempt.index,
    )


def error_data(error: Exception, *, stage: str, attempt: int, item: int | None = None) -> dict[str, Any]:
    """An error as the rows hold it."""
    known = error if isinstance(error, SorbusError) else UnknownError(f"{type(error).__name__}: {error}")
    place = {} if item is None else {"item": item}
    data: dict[str, Any] = storable({**known.to_dict(), "stage": stage, "attempt": attempt, **place})
    return data


def _check_output(output: Any, pipeline: str, stage: str) -> None:
    # What a checkpoint cannot hold is refused here, before it spoils the others of its statement.
    size = encoded_size(output)
    if size > LARGEST_OUTPUT:
        raise StageOutputTooLarge(pipeline, stage, size=size, limit=LARGEST_OUTPUT)


def dumper(action: ActionSpec) -> Callable[[Any], Any]:
    """The function from a stage's answer to plain data that the next stage's input is cast from."""
    adapter: TypeAdapter[Any] = (
        action.returns.adapter if action.returns is not None else TypeAdapter(type(None))
    )
    return lambda answer: adapter.dump_python(answer, mode="json")


def is_retryable(error: Exception) -> bool:
    """Whether trying again may help: not when the declaration, the configuration or the input is at fault."""
    if isinstance(error, SorbusError):
        retryable = getattr(error, "retryable", None)
        if retryable is not None:
            return bool(retryable)
        return error.kind is Kind.UNKNOWN
    return not isinstance(error, (TypeError, AttributeError, NameError, ImportError))
