"""What a stage that may start needs next: an attempt, a wait, or nothing more, by its kind of work."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sorbus.errors.base import SorbusError
from sorbus.errors.pipelines import NestedRunFailed, NoSuchItems, NothingGiven, RoundsUsedUp
from sorbus.pipelines.definition.conditions import Selection
from sorbus.pipelines.definition.outputs import list_of
from sorbus.pipelines.definition.work import Await, ForEach, Inner, Nested, Once, Pause, Repeat
from sorbus.pipelines.resources.states import OPEN_RUNS, RunState, StageState
from sorbus.pipelines.running.attempts import Attempt, PlannedStage, error_data
from sorbus.pipelines.running.progress import ChildRow, ItemRow, Progress, StageRow
from sorbus.pipelines.running.store import Change

_FAILED_RUNS = frozenset({RunState.FAILED, RunState.COMPENSATED, RunState.CANCELLED})


@dataclass(frozen=True, slots=True)
class Birth:
    """A run that a stage starts.

    Attributes:
        index: the position of its item; 0 for a stage that is one run.
        given: what it is started with, as plain data.
    """

    stage: str
    pipeline: Inner
    index: int
    given: Any


Place = tuple[str, int | None]
"""A stage, and the item of it."""


@dataclass(slots=True)
class Look:
    """What a stage needs next.

    Attributes:
        change: what has become of it without any work.
        attempts: what may start now.
        births: the runs that it starts now.
        wake_at: when to look again.
        sleeps: whether it waits for a time or for a word, and not for another attempt.
    """

    change: Change | None = None
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    births: list[Birth] = field(default_factory=list[Birth])
    wake_at: datetime | None = None
    sleeps: bool = False


def look(progress: Progress, planned: PlannedStage, running: Collection[Place]) -> Look:
    """What a stage that may start needs next.

    Args:
        running: the places at which work is under way.
    """
    row = progress.stages[planned.name]
    work = planned.work
    match work:
        case Await(within=within):
            return _awaited(progress, planned, row, within)
        case Pause(seconds):
            return _timed(progress, planned, row, seconds) or Look(
                change=_settled(planned, row, StageState.DONE)
            )
        case _:
            waits = _timed(progress, planned, row, planned.delay)
            if waits is not None:
                return waits
    try:
        match work:
            case Once():
                return _once(planned, row, running)
            case Nested():
                return _nested(progress, planned, row, work)
            case ForEach():
                return _for_each(progress, planned, row, running, work)
            case Repeat():
                return _repeat(progress, planned, row, running, work)
    except SorbusError as error:
        return Look(change=_broken(planned, row, error))


def _timed(progress: Progress, planned: PlannedStage, row: StageRow, seconds: float) -> Look | None:
    """The wait before a stage; None when there is none, or no more."""
    if row.state is StageState.WAITING and seconds:
        return Look(change=Change(stage=planned.name, state=StageState.READY, delay=seconds), sleeps=True)
    if row.wake_at is not None and row.wake_at > progress.now():
        return Look(wake_at=row.wake_at, sleeps=row.attempt == 0)
    return None


def _awaited(progress: Progress, planned: PlannedStage, row: StageRow, within: float | None) -> Look:
    if row.given:
        return Look(change=_settled(planned, row, StageState.DONE, output=row.output))
    if row.state is StageState.WAITING:
        return Look(change=Change(stage=planned.name, state=StageState.READY, delay=within), sleeps=True)
    if within is not None and row.wake_at is not None and row.wake_at <= progress.now():
        error = NothingGiven(progress.pipeline, planned.name, seconds=within)
        return Look(change=_broken(planned, row, error))
    return Look(wake_at=row.wake_at, sleeps=True)


def _once(planned: PlannedStage, row: StageRow, running: Collection[Place]) -> Look:
    if (planned.name, None) in running:
        return Look()
    return Look(attempts=[Attempt(planned=planned, failed=row.attempt)])


def _for_each(
    progress: Progress, planned: PlannedStage, row: StageRow, running: Collection[Place], work: ForEach
) -> Look:
    over = planned.plan.over
    assert over is not None, "the checks have found it"
    items = _items(progress, planned, over)
    rows = progress.items.get(planned.name, {})
    busy = {index for name, index in running if name == planned.name}
    failed = next((rows[index] for index in rows if rows[index].state is StageState.FAILED), None)
    if failed is not None and not work.keep_going:
        # What is under way is kept; then the stage fails with its item.
        return Look() if busy else Look(change=_settled(planned, row, StageState.FAILED, error=failed.output))
    if len([each for each in rows.values() if _over(each)]) == len(items):
        outputs = [
            rows[index].output if rows[index].state is StageState.DONE else None
            for index in range(len(items))
        ]
        return Look(change=_settled(planned, row, StageState.DONE, output=outputs))
    found_here = Look()
    for index, each in _open(items, rows, busy):
        if each is not None and each.wake_at is not None and each.wake_at > progress.now():
            found_here.wake_at = min(found_here.wake_at or each.wake_at, each.wake_at)
        elif len(busy) + len(found_here.attempts) < work.limit:
            tried = 0 if each is None else each.attempt
            found_here.attempts.append(Attempt(planned=planned, index=index, failed=tried, item=items[index]))
        else:
            break
    return found_here


def _items(progress: Progress, planned: PlannedStage, over: Selection) -> list[Any]:
    found = over.of(progress.outputs)
    items = list_of(found)
    if items is None:
        kind = "nothing" if found is None else f"a value of type {type(found).__name__}"
        raise NoSuchItems(progress.pipeline, planned.name, str(over), found=kind)
    return items


def _nested(progress: Progress, planned: PlannedStage, row: StageRow, work: Nested) -> Look:
    over, given = planned.plan.over, planned.plan.given
    items: list[Any] = [None if given is None else given.of(progress.outputs)]
    if over is not None:
        items = _items(progress, planned, over)
    children = progress.children.get(planned.name, {})
    open_now = [each for each in children.values() if each.state in OPEN_RUNS]
    failed = [index for index in sorted(children) if children[index].state in _FAILED_RUNS]
    if failed and not work.keep_going:
        if open_now:
            # What is under way is kept; then the stage fails with its run.
            return Look(sleeps=True)
        raise NestedRunFailed(
            progress.pipeline,
            planned.name,
            run=children[failed[0]].id,
            state=children[failed[0]].state.value,
            error=children[failed[0]].error,
        )
    if len(children) >= len(items) and not open_now:
        outputs = [_given_by(children[index], work) for index in range(len(items))]
        return Look(
            change=_settled(planned, row, StageState.DONE, output=outputs[0] if over is None else outputs)
        )
    missing = [index for index in range(len(items)) if index not in children]
    births = [
        Birth(planned.name, work.pipeline, index, items[index])
        for index in missing[: max(work.limit - len(open_now), 0)]
    ]
    return Look(births=births, sleeps=True)


def _given_by(child: ChildRow, work: Nested) -> Any:
    return None if child.result is None else child.result.get(work.pipeline.output)


def _over(row: ItemRow) -> bool:
    return row.state in (StageState.DONE, StageState.FAILED)


def _open(
    items: list[Any], rows: dict[int, ItemRow], busy: Collection[int | None]
) -> Iterator[tuple[int, ItemRow | None]]:
    """The items that are neither over nor under way."""
    for index in range(len(items)):
        row = rows.get(index)
        if index not in busy and (row is None or not _over(row)):
            yield index, row


def _repeat(
    progress: Progress, planned: PlannedStage, row: StageRow, running: Collection[Place], work: Repeat
) -> Look:
    until = planned.plan.until
    assert until is not None, "the checks have found it"
    if any(name == planned.name for name, _ in running):
        return Look()
    rounds = progress.items.get(planned.name, {})
    done = [rounds[index] for index in sorted(rounds) if rounds[index].state is StageState.DONE]
    given = done[-1].output if done else None
    label = f"{progress.pipeline}.{planned.name}"
    if done and until.holds({planned.name: given}, label=label):
        return Look(change=_settled(planned, row, StageState.DONE, output=given))
    if len(done) >= work.at_most:
        if work.keep_last:
            return Look(change=_settled(planned, row, StageState.DONE, output=given))
        raise RoundsUsedUp(progress.pipeline, planned.name, rounds=len(done), condition=str(until))
    current = rounds.get(len(done), ItemRow(StageState.READY))
    if current.state is StageState.FAILED:
        return Look(change=_settled(planned, row, StageState.FAILED, error=current.output))
    if current.wake_at is not None and current.wake_at > progress.now():
        return Look(wake_at=current.wake_at)
    return Look(attempts=[Attempt(planned=planned, index=len(done), failed=current.attempt, item=given)])


def _settled(
    planned: PlannedStage, row: StageRow, state: StageState, *, output: Any = None, error: Any = None
) -> Change:
    return Change(stage=planned.name, state=state, output=output, error=error, attempt=row.attempt)


def _broken(planned: PlannedStage, row: StageRow, error: SorbusError) -> Change:
    data = error_data(error, stage=planned.name, attempt=row.attempt + 1)
    return Change(stage=planned.name, state=StageState.FAILED, error=data, attempt=row.attempt + 1)


def applied(progress: Progress, change: Change) -> None:
    """Note in a run's rows what has become of a stage or an item."""
    wake_at = None if change.delay is None else progress.now() + timedelta(seconds=change.delay)
    if change.index is not None:
        output = change.error if change.state is StageState.FAILED else change.output
        item = ItemRow(change.state, change.attempt, wake_at, output)
        progress.items.setdefault(change.stage, {})[change.index] = item
        return
    # Taken out and put back, so that what is done stands in the order in which it was.
    row = progress.stages.pop(change.stage)
    row.state, row.attempt, row.wake_at, row.error = change.state, change.attempt, wake_at, change.error
    if change.state is StageState.DONE:
        row.output = change.output
    progress.stages[change.stage] = row
