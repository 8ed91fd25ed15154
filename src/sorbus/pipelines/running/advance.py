"""Advancing runs: the handler of their jobs, each of which is a lease on one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from sorbus.errors.base import SorbusError
from sorbus.errors.database import DatabaseFault
from sorbus.errors.pipelines import (
    CheckpointRefused,
    ConditionUndecided,
    InvalidDefinition,
    UnknownPipelineVersion,
)
from sorbus.jobs.context import JobContext
from sorbus.jobs.outcomes import Cancel, Done, Outcome, Snooze
from sorbus.llm.calls import DatabaseSink
from sorbus.pipelines.definition.registry import Registry
from sorbus.pipelines.running.attempts import planned_stage
from sorbus.pipelines.running.conductor import Conductor
from sorbus.pipelines.running.events import EventKind, Observer, RunEvent
from sorbus.pipelines.running.family import Parents
from sorbus.pipelines.running.live import Live
from sorbus.pipelines.running.next import PlannedPipeline, Refused
from sorbus.pipelines.running.permits import Permits
from sorbus.pipelines.running.progress import Progress
from sorbus.pipelines.running.reuse import reuse_of
from sorbus.pipelines.running.store import RunStore

if TYPE_CHECKING:
    from sorbus.resource.application import Sorbus

_AGAIN_AFTER = 2.0
# Ten minutes of a deploy, in which nodes with other versions of the code run side by side.
_DEPLOY_LOOKS = 300
# Each look is the answer to somebody else's word; nobody talks that much for long.
_MOST_LOOKS = 100


@dataclass(slots=True)
class Advancer:
    """Runs the jobs of pipelines: each job is a lease on one run.

    Attributes:
        permits: with the limits of the application.
        parents: told of runs inside others that have ended.
        observers: told of every step, on the event loop; they must not raise.
    """

    app: Sorbus
    store: RunStore
    sink: DatabaseSink
    registry: Registry
    observers: list[Observer]
    live: Live
    permits: Permits
    parents: Parents
    _planned: dict[UUID | tuple[str, int], PlannedPipeline] = field(
        default_factory=dict[UUID | tuple[str, int], PlannedPipeline]
    )

    async def __call__(self, job: JobContext) -> Outcome:
        """Advance a job's run as far as it goes."""
        run_id = UUID(job.args["run_id"])
        refused: set[str] = set()
        try:
            for _ in range(_MOST_LOOKS):
                progress = await self.store.begin(run_id, job.lease)
                if progress is None:
                    return Done()
                try:
                    planned = await self._plan(progress)
                except (UnknownPipelineVersion, InvalidDefinition) as error:
                    return await self._unknown(job, progress, error)
                try:
                    return await self._conduct(job, progress, planned)
                except Refused as error:
                    # The run is over, another lease holds it, or another one settled a stage first: look again.
                    again = refused.intersection(error.stages)
                    if again:
                        raise CheckpointRefused(progress.pipeline, min(again)) from None
                    refused.update(error.stages)
            return Snooze(_AGAIN_AFTER)
        except DatabaseFault:
            # Nothing can be written now. What is committed is committed; the next attempt begins behind it.
            return Snooze(_AGAIN_AFTER)

    async def _conduct(self, job: JobContext, progress: Progress, planned: PlannedPipeline) -> Outcome:
        self.sink.enter(
            progress.id,
            progress.tenant,
            payer=progress.payer_id,
            fresh=progress.fresh,
            budgeted=progress.budgeted,
        )
        tell = partial(self._tell, progress)
        tell(EventKind.BEGUN)
        conductor = Conductor(
            app=self.app,
            store=self.store,
            job=job,
            progress=progress,
            planned=planned,
            permits=self.permits,
            reuse=reuse_of(self.app, self.store, progress, planned.pipeline),
            tell=tell,
        )
        try:
            return await conductor.conduct()
        except ConditionUndecided as error:
            return await self._fail(job, progress, error)
        finally:
            self.sink.leave(progress.id)

    async def _unknown(self, job: JobContext, progress: Progress, error: SorbusError) -> Outcome:
        """Leave a run that this process does not know to the other nodes, as in a deploy; in the end it fails."""
        given_back = int(job.meta.get("snoozed", 0))
        if given_back < _DEPLOY_LOOKS and await self.store.other_nodes(job.node):
            return Snooze(_AGAIN_AFTER)
        return await self._fail(job, progress, error)

    async def _fail(self, job: JobContext, progress: Progress, error: SorbusError) -> Outcome:
        if not await self.store.fail_run(progress.id, error.to_dict(), job.lease):
            return Done()
        self._tell(progress, EventKind.FAILED, error=error.message)
        return Cancel(error.message)

    async def _plan(self, progress: Progress) -> PlannedPipeline:
        pipeline = await self.registry.find(
            progress.pipeline, progress.version, progress.definition_id, self.store.definition
        )
        key = progress.definition_id or (progress.pipeline, progress.version)
        found = self._planned.get(key)
        if found is None or found.pipeline is not pipeline:
            plans = pipeline.plans.values()
            limits = self.permits.limits.values()
            found = self._planned[key] = PlannedPipeline(
                pipeline,
                {each.stage.name: planned_stage(self.app, each, limits=limits) for each in plans},
                {
                    each.stage.name: planned_stage(self.app, each, undo=True, limits=limits)
                    for each in plans
                    if each.stage.undo is not None
                },
            )
        return found

    def _tell(
        self, progress: Progress, kind: EventKind, *, stage: str | None = None, error: str | None = None
    ) -> None:
        self.live.touch(progress.id, progress.tenant, kind)
        if progress.parent_id is not None and kind in (EventKind.COMPLETED, EventKind.FAILED):
            self.parents.wake(progress.parent_id)
        if not self.observers:
            return
        event = RunEvent(kind=kind, run_id=progress.id, pipeline=progress.pipeline, stage=stage, error=error)
        for observer in self.observers:
            observer(event)
