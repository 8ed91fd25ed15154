"""Advancing a run: the holder of a job's lease takes the next stage, runs it, commits it, and goes on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import TypeAdapter

from sorbus.data_layers.postgres.json_codec import storable
from sorbus.errors.base import Kind, SorbusError, UnknownError
from sorbus.errors.database import DatabaseFault, DatabaseUnavailable
from sorbus.errors.pipelines import (
    CheckpointRefused,
    StageOutputTooLarge,
    StageTimedOut,
    UnknownPipelineVersion,
)
from sorbus.jobs.context import JobContext
from sorbus.jobs.outcomes import Cancel, Done, Outcome, Snooze
from sorbus.llm.calls import DatabaseSink
from sorbus.pipelines.definition import CONTENT, Pipeline, Stage, StageContext
from sorbus.pipelines.store import Checkpoint, Progress, RunStore, encoded_size
from sorbus.schema.actions import ActionSpec

if TYPE_CHECKING:
    from sorbus.resource.application import Sorbus

LARGEST_OUTPUT = 50_000_000
_LONGEST_WAIT = 300.0
_AGAIN_WHEN_DATABASE_AWAY = 2.0


class EventKind(StrEnum):
    """What happened to a run."""

    BEGUN = "begun"
    STAGE_STARTED = "stage_started"
    STAGE_DONE = "stage_done"
    STAGE_FAILED = "stage_failed"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """One step of a run, as told to observers in this process."""

    kind: EventKind
    run_id: UUID
    pipeline: str
    stage: str | None = None
    error: str | None = None


Observer = Callable[[RunEvent], None]


@dataclass(slots=True)
class PlannedStage:
    """A stage with what running it needs, made once.

    Attributes:
        dump: from the stage's answer to plain data.
    """

    stage: Stage
    needs: tuple[str, ...]
    dump: Callable[[Any], Any]


@dataclass(slots=True)
class PlannedPipeline:
    """A pipeline with its stages planned."""

    pipeline: Pipeline
    stages: tuple[PlannedStage, ...]


@dataclass(slots=True)
class Advancer:
    """Runs the jobs of pipelines: each job is a lease on one run.

    Attributes:
        observers: told of every step, on the event loop; they must not raise.
    """

    app: Sorbus
    store: RunStore
    sink: DatabaseSink
    pipelines: Mapping[tuple[str, int], Pipeline]
    observers: list[Observer] = field(default_factory=list[Observer])
    _planned: dict[tuple[str, int], PlannedPipeline] = field(
        default_factory=dict[tuple[str, int], PlannedPipeline]
    )

    async def __call__(self, job: JobContext) -> Outcome:
        """Advance a job's run as far as it goes."""
        run_id = UUID(job.args["run_id"])
        refused: set[str] = set()
        try:
            while True:
                progress = await self.store.begin(run_id, job.lease)
                if progress is None:
                    return Done()
                planned = self._plan(progress)
                if planned is None:
                    return await self._unknown(progress)
                outcome = await self._stages(job, progress, planned)
                if not isinstance(outcome, str):
                    return outcome
                # The run is over, another lease holds it, or another one committed this stage first: look again.
                if outcome in refused:
                    raise CheckpointRefused(progress.pipeline, outcome)
                refused.add(outcome)
        except DatabaseFault:
            # Nothing can be written now. What is committed is committed; the next attempt begins behind it.
            return Snooze(_AGAIN_WHEN_DATABASE_AWAY)

    async def _stages(self, job: JobContext, progress: Progress, planned: PlannedPipeline) -> Outcome | str:
        """Run what is left; the name of a stage whose checkpoint was refused, else the outcome."""
        self.sink.enter(progress.id, progress.tenant, fresh=progress.fresh)
        try:
            return await self._rest(job, progress, planned)
        finally:
            self.sink.leave(progress.id)

    async def _rest(self, job: JobContext, progress: Progress, planned: PlannedPipeline) -> Outcome | str:
        todo = [each for each in planned.stages if each.stage.name not in progress.outputs]
        self._tell(EventKind.BEGUN, progress)
        for each in todo:
            started = datetime.now(UTC)
            self._tell(EventKind.STAGE_STARTED, progress, stage=each.stage.name)
            try:
                output = each.dump(await self._run(each, progress))
                _check_output(output, progress.pipeline, each.stage.name)
            except DatabaseUnavailable:
                raise
            except Exception as error:
                return await self._failed(job, progress, each.stage, error)
            progress.outputs[each.stage.name] = output
            last = each is todo[-1]
            verdict = await self.store.complete(
                Checkpoint(
                    run_id=progress.id,
                    stage=each.stage.name,
                    output=output,
                    started_at=started,
                    result=progress.outputs if last else None,
                    lease=job.lease,
                )
            )
            if not verdict.taken:
                return each.stage.name
            self._tell(EventKind.STAGE_DONE, progress, stage=each.stage.name)
            if verdict.finished:
                job.already_acked()
                self._tell(EventKind.COMPLETED, progress)
        return Done()

    async def _run(self, planned: PlannedStage, progress: Progress) -> Any:
        """One stage: a generic action on the content and the earlier outputs, with no transaction open."""
        stage = planned.stage
        context = StageContext(
            run_id=progress.id,
            stage=stage.name,
            attempt=progress.attempts.get(stage.name, 0) + 1,
            tenant=progress.tenant,
        )
        scope = self.app.system_scope(tenant=progress.tenant).with_service(StageContext, context)
        inputs = {
            need: progress.content if need == CONTENT else progress.outputs[need] for need in planned.needs
        }
        limit = asyncio.timeout(stage.timeout)
        try:
            async with limit:
                return await stage.action(scope, **inputs)
        except TimeoutError as error:
            if limit.expired() and stage.timeout is not None:
                raise StageTimedOut(progress.pipeline, stage.name, stage.timeout) from error
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody cancelled this run: something that the stage waited for was cancelled.
            raise UnknownError("The stage ended with a CancelledError of its own.") from error

    async def _failed(
        self, job: JobContext, progress: Progress, stage: Stage, error: Exception
    ) -> Outcome | str:
        known = error if isinstance(error, SorbusError) else UnknownError(f"{type(error).__name__}: {error}")
        attempt = progress.attempts.get(stage.name, 0) + 1
        final = attempt >= stage.attempts or not is_retryable(error)
        data = storable({**known.to_dict(), "stage": stage.name, "attempt": attempt})
        held = await self.store.fail_stage(progress.id, stage.name, data, job.lease, final=final)
        if not held:
            return stage.name
        self._tell(EventKind.STAGE_FAILED, progress, stage=stage.name, error=known.message)
        if final:
            self._tell(EventKind.FAILED, progress, stage=stage.name, error=known.message)
            return Cancel(f"the run failed: {known.message}")
        return Snooze(_backoff(attempt))

    async def _unknown(self, progress: Progress) -> Outcome:
        known = [f"{name} {version}" for name, version in self.pipelines]
        error = UnknownPipelineVersion(progress.pipeline, progress.version, known=known)
        await self.store.fail_run(progress.id, error.to_dict())
        self._tell(EventKind.FAILED, progress, error=error.message)
        return Cancel(error.message)

    def _plan(self, progress: Progress) -> PlannedPipeline | None:
        key = (progress.pipeline, progress.version)
        found = self._planned.get(key)
        if found is None:
            pipeline = self.pipelines.get(key)
            if pipeline is None:
                return None
            found = self._planned[key] = PlannedPipeline(
                pipeline, tuple(self._plan_stage(each) for each in pipeline.stages)
            )
        return found

    def _plan_stage(self, stage: Stage) -> PlannedStage:
        _, action = self.app.engine.action_spec(stage.action)
        return PlannedStage(stage, stage.needs, dumper(action))

    def _tell(
        self, kind: EventKind, progress: Progress, *, stage: str | None = None, error: str | None = None
    ) -> None:
        if not self.observers:
            return
        event = RunEvent(kind=kind, run_id=progress.id, pipeline=progress.pipeline, stage=stage, error=error)
        for observer in self.observers:
            observer(event)


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


def _backoff(attempt: int) -> float:
    """Exponential, with jitter: about 1, 2, 4… seconds, at most five minutes."""
    return min(_LONGEST_WAIT, 2.0 ** (attempt - 1)) * random.uniform(0.75, 1.25)  # noqa: S311  # no secret
