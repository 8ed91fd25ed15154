"""Conducting a run: its ready stages side by side, each outcome committed before what follows from it starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sorbus.jobs.context import JobContext
from sorbus.jobs.outcomes import Cancel, Done, Outcome
from sorbus.pipelines.definition.graph import Frontier
from sorbus.pipelines.definition.pipeline import Pipeline
from sorbus.pipelines.resources.states import RunState, StageState
from sorbus.pipelines.running.attempts import Attempt, PlannedStage, attempted, undo_name
from sorbus.pipelines.running.events import EventKind
from sorbus.pipelines.running.looking import Place, applied, look
from sorbus.pipelines.running.progress import SETTLED, Progress, StageRow
from sorbus.pipelines.running.store import Change, Checkpoint, Ending, RunStore, Verdict

if TYPE_CHECKING:
    from sorbus.resource.application import Sorbus

# A wait as short as this is waited out; a longer one gives the job back.
_SHORT_WAIT = 0.02


@dataclass(frozen=True, slots=True)
class PlannedPipeline:
    """A pipeline planned for an application.

    Attributes:
        undoing: what undoes its stages, by the name of the stage.
    """

    pipeline: Pipeline
    stages: Mapping[str, PlannedStage]
    undoing: Mapping[str, PlannedStage]


class Refused(Exception):
    """A checkpoint was not taken: the lease is lost, the run has ended, or the rows are not as they were thought to be.

    Attributes:
        stages: those that it would have changed.
    """

    def __init__(self, stages: Sequence[str]) -> None:
        super().__init__(", ".join(stages))
        self.stages = tuple(stages)


Tell = Callable[..., None]


class Conductor:
    """One lease's work on one run.

    Args:
        tell: told of every step: a kind of event, and `stage` and `error` where they apply.
    """

    def __init__(
        self,
        *,
        app: Sorbus,
        store: RunStore,
        job: JobContext,
        progress: Progress,
        planned: PlannedPipeline,
        tell: Tell,
    ) -> None:
        self.app = app
        self.store = store
        self.job = job
        self.progress = progress
        self.planned = planned
        self.tell = tell
        self._running: dict[asyncio.Task[Change], Place] = {}
        self._finished: list[Change] = []
        self._heard = False

    async def conduct(self) -> Outcome:
        """Go on until the run ends or nothing can run for now.

        Raises:
            Refused: look at the rows anew.
            ConditionUndecided: the run cannot go on.
        """
        try:
            while True:
                outcome = await self._step()
                if outcome is not None:
                    return outcome
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _step(self) -> Outcome | None:
        """Commit what has finished and what follows from it, then start what may start, and wait for something."""
        changes = await self._gathered()
        attempts, wake_at, sleeps, frontier = self._follow(changes)
        ending: Ending | None = None
        if not self._running and not attempts:
            ending = await self._ending(frontier, wake_at, sleeps=sleeps)
        # Only what is committed anyway also says what starts with it: no statement is sent for that alone.
        if changes or ending is not None:
            marks = self._marks(attempts) if ending is None else self._unmarks()
            if await self._committed([*changes, *marks], ending):
                return self._outcome(ending)
            if self._heard:
                # Something was said to the run in the meantime: what follows now may be something else.
                self._heard = False
                return None
        if len(attempts) == 1 and not self._running and wake_at is None:
            self.tell(EventKind.STAGE_STARTED, stage=attempts[0].planned.name)
            self._finished.append(await attempted(self.app, self.progress, attempts[0]))
            return None
        self._start(attempts)
        await self._wait(wake_at)
        return None

    # what has finished

    async def _gathered(self) -> list[Change]:
        """What the finished attempts have come to; the items among it are committed here."""
        finished, self._finished = self._finished, []
        for task in [each for each in self._running if each.done()]:
            del self._running[task]
            finished.append(task.result())
        items = [each for each in finished if each.index is not None]
        if items:
            verdict = await self.store.checkpoint_items(self._checkpoint(items, None))
            if not verdict.taken:
                raise Refused([each.stage for each in items])
            await self._hear(verdict)
        for each in finished:
            applied(self.progress, each)
            self._tell_change(each)
        return [each for each in finished if each.index is None]

    def _tell_change(self, change: Change) -> None:
        if change.error is not None:
            self.tell(EventKind.STAGE_FAILED, stage=change.stage, error=str(change.error.get("message", "")))

    # what follows

    def _follow(self, changes: list[Change]) -> tuple[list[Attempt], datetime | None, bool, Frontier]:
        """Add to some changes what follows from them without any work; and what may start, or when to look again."""
        while True:
            frontier = self.planned.pipeline.plan.frontier(self.progress.settled, self.progress.outputs)
            for name in frontier.skipped:
                self._note(Change(stage=name, state=StageState.SKIPPED), changes)
            found = [look(self.progress, each, self._running.values()) for each in self._startable(frontier)]
            moved = [each.change for each in found if each.change is not None]
            for change in moved:
                self._note(change, changes)
            if not moved:
                room = max(self.planned.pipeline.side_by_side - len(self._running), 0)
                attempts = [attempt for each in found for attempt in each.attempts][:room]
                wakes = [each.wake_at for each in found if each.wake_at is not None]
                return attempts, min(wakes, default=None), any(each.sleeps for each in found), frontier

    def _note(self, change: Change, changes: list[Change]) -> None:
        """Add a change; of two about one stage the later one stays."""
        changes[:] = [each for each in changes if each.stage != change.stage]
        changes.append(change)
        applied(self.progress, change)

    def _startable(self, frontier: Frontier) -> list[PlannedStage]:
        if self.progress.paused:
            return []
        if not frontier.failed:
            return [self.planned.stages[name] for name in frontier.ready]
        return [] if self._running else self._undoing()

    def _undoing(self) -> list[PlannedStage]:
        """What is to be undone next, of a run that fails; the last that was done first, one at a time."""
        stages = self.progress.stages
        names = [
            name
            for name, row in stages.items()
            if row.state is StageState.DONE and name in self.planned.undoing
        ]
        for name in reversed(names):
            row = stages.get(undo_name(name))
            if row is not None and row.state not in SETTLED:
                return [self.planned.undoing[name]]
        return []

    def _marks(self, attempts: Sequence[Attempt]) -> list[Change]:
        """What says that stages start, for those who look."""
        marks: dict[str, Change] = {}
        for each in attempts:
            row = self.progress.stages[each.planned.name]
            if row.state is not StageState.RUNNING:
                marks[each.planned.name] = Change(
                    stage=each.planned.name, state=StageState.RUNNING, attempt=row.attempt
                )
        for mark in marks.values():
            applied(self.progress, mark)
        return list(marks.values())

    def _unmarks(self) -> list[Change]:
        """What says that nothing is under way any more, where a pause came in between."""
        rows = self.progress.stages.items()
        return [
            Change(stage=name, state=StageState.READY, attempt=row.attempt)
            for name, row in rows
            if row.state is StageState.RUNNING
        ]

    # committing

    async def _committed(self, changes: Sequence[Change], ending: Ending | None) -> bool:
        """Commit; whether the lease is given back with it."""
        verdict = await self.store.checkpoint(self._checkpoint(changes, ending))
        if not verdict.taken:
            raise Refused([each.stage for each in changes])
        for each in changes:
            if each.state is StageState.DONE:
                self.tell(EventKind.STAGE_DONE, stage=each.stage)
            elif each.state is StageState.SKIPPED:
                self.tell(EventKind.STAGE_SKIPPED, stage=each.stage)
        if ending is not None and not verdict.ended:
            # Who falls asleep must have heard everything; what has settled is taken, so look again.
            raise Refused([])
        if ending is None:
            await self._hear(verdict)
        return verdict.ended

    def _checkpoint(self, changes: Sequence[Change], ending: Ending | None) -> Checkpoint:
        return Checkpoint(
            run_id=self.progress.id,
            changes=changes,
            lease=self.job.lease,
            signals=self.progress.signals,
            ending=ending,
        )

    async def _hear(self, verdict: Verdict) -> None:
        """See what has been said to the run in the meantime, if anything."""
        paused = verdict.state is RunState.PAUSED
        if paused == self.progress.paused and verdict.signals == self.progress.signals:
            return
        self._heard, self.progress.paused = True, paused
        if verdict.signals == self.progress.signals:
            return
        seen = await self.store.begin(self.progress.id, self.job.lease)
        if seen is None:
            raise Refused([])
        self.progress.signals, self.progress.paused = seen.signals, seen.paused
        for name, row in seen.stages.items():
            mine = self.progress.stages[name]
            if row.given and not mine.given:
                mine.given, mine.output = True, row.output

    # starting and waiting

    def _start(self, attempts: Sequence[Attempt]) -> None:
        for each in attempts:
            self.tell(EventKind.STAGE_STARTED, stage=each.planned.name)
            task = asyncio.create_task(attempted(self.app, self.progress, each))
            self._running[task] = (each.planned.name, each.index)

    async def _wait(self, wake_at: datetime | None) -> None:
        seconds = None if wake_at is None else max((wake_at - self.progress.now()).total_seconds(), 0)
        if self._running:
            await asyncio.wait(self._running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        elif seconds is not None:
            await asyncio.sleep(min(seconds, _SHORT_WAIT))

    # ending

    async def _ending(self, frontier: Frontier, wake_at: datetime | None, *, sleeps: bool) -> Ending | None:
        """How the run ends or falls asleep, when nothing is under way and nothing can start; None: look again."""
        if not frontier.failed and not frontier.ready:
            outputs = self.progress.outputs
            result = {name: outputs[name] for name in self.planned.stages if name in outputs}
            return Ending(state=RunState.COMPLETED, result=result)
        if self.progress.paused:
            return Ending(state=RunState.PAUSED)
        seconds = None if wake_at is None else (wake_at - self.progress.now()).total_seconds()
        if seconds is not None and seconds <= _SHORT_WAIT:
            return None
        if seconds is not None or sleeps:
            return Ending(state=RunState.WAITING if sleeps else RunState.RUNNING, sleep=seconds)
        return await self._failure(frontier.failed[0])

    async def _failure(self, name: str) -> Ending | None:
        stages = self.progress.stages
        undoing = [
            undo_name(each)
            for each, row in stages.items()
            if row.state is StageState.DONE and each in self.planned.undoing
        ]
        missing = [each for each in undoing if each not in stages]
        if missing:
            if not await self.store.open_undo(self.progress, missing, self.job.lease):
                raise Refused([])
            stages.update({each: StageRow(StageState.READY) for each in missing})
            return None
        broken = next((each for each in undoing if stages[each].state is StageState.FAILED), None)
        compensated = bool(undoing) and broken is None
        return Ending(
            state=RunState.COMPENSATED if compensated else RunState.FAILED,
            error=stages[name].error
            if broken is None
            else {**stages[broken].error, "after": stages[name].error},
        )

    def _outcome(self, ending: Ending | None) -> Outcome:
        assert ending is not None, "only an ending gives the lease back"
        match ending.state:
            case RunState.FAILED | RunState.COMPENSATED:
                error: dict[str, Any] = ending.error or {}
                message = str(error.get("message", ""))
                self.tell(EventKind.FAILED, stage=error.get("stage"), error=message)
                return Cancel(f"the run failed: {message}")
            case RunState.COMPLETED:
                self.tell(EventKind.COMPLETED)
            case RunState.WAITING | RunState.PAUSED:
                self.tell(EventKind.WAITING)
            case _:
                pass
        self.job.already_acked()
        return Done()
