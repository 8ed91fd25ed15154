"""Conducting a run: its ready stages side by side, each outcome committed before what follows from it starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sorbus.jobs.context import JobContext
from sorbus.jobs.outcomes import Cancel, Done, Outcome
from sorbus.pipelines.definition.graph import Frontier
from sorbus.pipelines.resources.states import OPEN_RUNS, RunState, StageState
from sorbus.pipelines.running.attempts import Attempt, PlannedStage, attempted, undo_name
from sorbus.pipelines.running.ear import Ear
from sorbus.pipelines.running.events import EventKind
from sorbus.pipelines.running.family import abandon, bear
from sorbus.pipelines.running.looking import Birth, Place, applied, look
from sorbus.pipelines.running.marks import Marks
from sorbus.pipelines.running.next import Next, PlannedPipeline, Refused
from sorbus.pipelines.running.permits import WHOLE, Asked, Freed, Permits
from sorbus.pipelines.running.progress import SETTLED, Progress, StageRow
from sorbus.pipelines.running.reuse import Reuse
from sorbus.pipelines.running.store import Change, Checkpoint, Ending, RunStore, Verdict

if TYPE_CHECKING:
    from sorbus.resource.application import Sorbus

# A wait as short as this is waited out; a longer one gives the job back.
_SHORT_WAIT = 0.02
# Who waits for a permit is woken when it has one. This is for the word that gets lost with the process that says it.
_LOOK_AGAIN = 30.0
_LOOK_AFTER_CHILDREN = 300.0


Tell = Callable[..., None]


class Conductor:
    """One lease's work on one run.

    Args:
        permits: asked before work that stands under limits.
        reuse: what the run takes from others and leaves for them; None when it does neither.
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
        permits: Permits,
        reuse: Reuse | None = None,
        tell: Tell,
    ) -> None:
        self.app = app
        self.store = store
        self.job = job
        self.progress = progress
        self.planned = planned
        self.permits = permits
        self.reuse = reuse
        self.tell = tell
        self._running: dict[asyncio.Task[Change], Place] = {}
        self._finished: list[Change] = []
        self._heard = False
        # Places that wait for a permit; and those that hold one, with those among them that need it no more.
        self._blocked: set[Place] = set()
        self._holding: set[Place] = set()
        self._settled: list[Change] = []
        self._ear: Ear | None = None
        self._marks = Marks(progress, self._write_marks)

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
            await self._marks.close()
            if self._ear is not None:
                await self._ear.close()

    async def _step(self) -> Outcome | None:
        """Commit what has finished and what follows from it, then start what may start, and wait for something."""
        changes = await self._gathered()
        next_ = await self._reusing(changes)
        attempts = await self._admitted(next_.attempts)
        wake_at = next_.wake_at
        sleeps = next_.sleeps or (bool(self._blocked) and not next_.frontier.failed)
        ending: Ending | None = None
        if not self._running and not attempts and not next_.births and not self._finished:
            ending = await self._ending(next_.frontier, wake_at, sleeps=sleeps)
        # Only what is committed anyway also says what starts with it: no statement is sent for that alone.
        if changes or ending is not None:
            marks = self._born(next_.births) if ending is None else self._unmarks()
            if await self._committed([*changes, *marks], ending):
                self._give_back(ending)
                await self._part(ending)
                return self._outcome(ending)
            await self._free()
            if self._heard:
                # Something was said to the run in the meantime: what follows now may be something else.
                self._heard = False
                return None
        if next_.births:
            await bear(self.app, self.progress, next_.births)
            await self._look_anew()
        if next_.births or self._finished:
            # Runs that were started are looked at next; items that were reused are committed next.
            self._start(attempts)
            return None
        if len(attempts) == 1 and not self._running and wake_at is None and not sleeps:
            self._begin(attempts[0])
            self._finished.append(await attempted(self.app, self.progress, attempts[0]))
            return None
        self._start(attempts)
        await self._wait(wake_at, listening=sleeps)
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
        if self._holding:
            self._settled += [each for each in finished if (each.stage, each.index) in self._holding]
            if items:
                await self._free(only_items=True)
        for each in finished:
            applied(self.progress, each)
            self._tell_change(each)
        whole = [each for each in finished if each.index is None]
        for each in whole:
            self._marks.end(each.stage)
        return whole

    def _tell_change(self, change: Change) -> None:
        if change.error is not None:
            self.tell(EventKind.STAGE_FAILED, stage=change.stage, error=str(change.error.get("message", "")))

    # what follows

    def _follow(self, changes: list[Change]) -> Next:
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
                attempts = [attempt for each in found for attempt in each.attempts]
                wakes = [each.wake_at for each in found if each.wake_at is not None]
                return Next(
                    frontier,
                    attempts,
                    [birth for each in found for birth in each.births],
                    min(wakes, default=None),
                    sleeps=any(each.sleeps for each in found),
                )

    async def _reusing(self, changes: list[Change]) -> Next:
        """What follows from some changes, as `_follow` says it, with what earlier runs have kept of it.

        Stages are among the changes then. Items wait until what they follow from is committed.
        """
        while True:
            next_ = self._follow(changes)
            if self.reuse is None or not next_.attempts:
                return next_
            found = await self.reuse.look(next_.attempts, self._running.values())
            self._finished += found.items
            if not found.stages:
                return replace(next_, attempts=found.attempts)
            for change in found.stages:
                self._note(change, changes)

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

    def _born(self, births: Sequence[Birth]) -> list[Change]:
        """What says that stages start runs."""
        marks: dict[str, Change] = {}
        for birth in births:
            row = self.progress.stages[birth.stage]
            if row.state is not StageState.RUNNING:
                marks[birth.stage] = Change(stage=birth.stage, state=StageState.RUNNING, attempt=row.attempt)
        for mark in marks.values():
            applied(self.progress, mark)
        return list(marks.values())

    def _unmarks(self) -> list[Change]:
        """What says that nothing is under way any more, where a pause came in between."""
        self._marks.forget()
        rows = self.progress.stages.items()
        return [
            Change(stage=name, state=StageState.READY, attempt=row.attempt)
            for name, row in rows
            if row.state is StageState.RUNNING and name not in self.progress.children
        ]

    # under limits

    async def _admitted(self, wanted: Sequence[Attempt]) -> list[Attempt]:
        """Those for which there is room in this run, and that hold what the limits ask for."""
        left = [each for each in wanted if (each.planned.name, each.index) not in self._blocked]
        if not any(each.planned.limits for each in left):
            return left[: self.planned.fitting(self._running.values(), left)]
        admitted: list[Attempt] = []
        while left:
            busy = [*self._running.values(), *((each.planned.name, each.index) for each in admitted)]
            room = self.planned.fitting(busy, left)
            if not room:
                break
            asking, left = left[:room], left[room:]
            answers = await asyncio.gather(*(self._permitted(each) for each in asking))
            admitted += [each for each, answer in zip(asking, answers, strict=True) if answer]
        return admitted

    async def _permitted(self, attempt: Attempt) -> bool:
        planned = attempt.planned
        if not planned.limits:
            return True
        progress, pipeline = self.progress, self.planned.pipeline
        asked = Asked(
            spot=(progress.id, planned.name, WHOLE if attempt.index is None else attempt.index),
            tenant=progress.tenant,
            priority=pipeline.priority,
            keys=planned.keys(progress),
        )
        place = (planned.name, attempt.index)
        if await self.permits.ask(asked):
            self._holding.add(place)
            return True
        self._blocked.add(place)
        return False

    async def _free(self, *, only_items: bool = False) -> None:
        """Give back what is held by places whose end is committed; who tries again has done so before it asks."""
        settled, left = list[Change](), list[Change]()
        for each in self._settled:
            (left if only_items and each.index is None else settled).append(each)
        self._settled = left
        self._holding -= {(each.stage, each.index) for each in settled}
        again: list[Freed] = []
        for each in settled:
            freed = Freed(self.progress.id, each.stage, each.index)
            if each.state is StageState.READY:
                again.append(freed)
            else:
                self.permits.free_soon(freed)
        await asyncio.gather(*(self.permits.free(each) for each in again))

    def _give_back(self, ending: Ending | None) -> None:
        """Give back all that the run holds, unless it sleeps until it is let in."""
        if ending is not None and ending.state is RunState.WAITING:
            for each in self._settled:
                self.permits.free_soon(Freed(self.progress.id, each.stage, each.index))
        elif self._holding or self._blocked:
            self.permits.free_soon(Freed(self.progress.id))

    async def _part(self, ending: Ending | None) -> None:
        """Cancel the runs that are still open inside this one when it has failed."""
        over = ending is not None and ending.state in (RunState.FAILED, RunState.COMPENSATED)
        if over and self._open_children():
            await abandon(self.app, self.progress.id, self.progress.tenant)

    def _open_children(self) -> bool:
        rows = (each for children in self.progress.children.values() for each in children.values())
        return any(each.state in OPEN_RUNS for each in rows)

    # committing

    async def _committed(self, changes: Sequence[Change], ending: Ending | None) -> bool:
        """Commit; whether the lease is given back with it."""
        async with self._marks.turn:
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

    async def _write_marks(self, marks: Sequence[Change]) -> Verdict:
        return await self.store.checkpoint(self._checkpoint(marks, None))

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
        if verdict.signals != self.progress.signals:
            await self._look_anew()

    async def _look_anew(self) -> None:
        """See what others have written into the rows of the run."""
        self._blocked.clear()
        seen = await self.store.begin(self.progress.id, self.job.lease)
        if seen is None:
            raise Refused([])
        self.progress.signals, self.progress.paused = seen.signals, seen.paused
        self.progress.children = seen.children
        for name, row in seen.stages.items():
            mine = self.progress.stages[name]
            if row.given and not mine.given:
                mine.given, mine.output = True, row.output

    # starting and waiting

    def _begin(self, attempt: Attempt) -> None:
        self.tell(EventKind.STAGE_STARTED, stage=attempt.planned.name)
        self._marks.begin(attempt.planned.name)

    def _start(self, attempts: Sequence[Attempt]) -> None:
        for each in attempts:
            self._begin(each)
            task = asyncio.create_task(attempted(self.app, self.progress, each))
            self._running[task] = (each.planned.name, each.index)

    async def _wait(self, wake_at: datetime | None, *, listening: bool) -> None:
        """Wait until something in hand has ended, for a moment, or until something is said to the run."""
        seconds = None if wake_at is None else max((wake_at - self.progress.now()).total_seconds(), 0)
        if self._running and listening:
            await self._listen(seconds)
        elif self._running:
            await asyncio.wait(self._running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        elif seconds is not None:
            await asyncio.sleep(min(seconds, _SHORT_WAIT))

    async def _listen(self, seconds: float | None) -> None:
        if self._ear is None:
            self._ear = Ear(self.app, self.progress.id, self.progress.tenant)
        word = asyncio.create_task(self._ear.heard.wait())
        try:
            await asyncio.wait([*self._running, word], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            word.cancel()
        if self._ear.heard.is_set():
            self._ear.heard.clear()
            await self._look_anew()

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
        if frontier.failed:
            pass  # nobody waits for a permit or for a run inside any more
        elif self._blocked:
            seconds = _LOOK_AGAIN if seconds is None else min(seconds, _LOOK_AGAIN)
        elif self._open_children():
            seconds = _LOOK_AFTER_CHILDREN if seconds is None else min(seconds, _LOOK_AFTER_CHILDREN)
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
