"""Batches: items of the runs in this process's hands, gathered for calls of actions that work on many at once.

Nothing of a batch is durable. Each item is an attempt of its own run, with its own checkpoint; a process that dies
leaves nothing behind but attempts without an end, as it does without batches.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sorbus.errors.database import DatabaseFault
from sorbus.errors.flow import BatchAnswersWrong
from sorbus.errors.llm import AllModelsFailed, ModelUnavailable, RateLimited
from sorbus.errors.pipelines import StageTimedOut
from sorbus.llm.calls import DatabaseSink
from sorbus.llm.client import ModelClient
from sorbus.llm.ledger import Origin
from sorbus.pipelines.definition.batch import Batch
from sorbus.pipelines.definition.given import BatchContext, StageContext
from sorbus.pipelines.definition.stages import AnyAction
from sorbus.pipelines.running.bounds import bounded
from sorbus.pipelines.running.progress import Progress

if TYPE_CHECKING:
    from sorbus.resource.application import Sorbus

_OUTAGES = (DatabaseFault, ModelUnavailable, RateLimited, AllModelsFailed)
"""Errors that no item is to blame for: smaller calls would meet them, too."""

_MOST_SUSPECTS = 10_000
_MOST_LANES = 100

Place = tuple[UUID, str, int | None]
"""A run, a stage of it, and an item of that."""


@dataclass(frozen=True, slots=True)
class BatchKey:
    """What items must have in common to share a call.

    Attributes:
        payer: the run from whose own budget its calls are paid; None for one without such a budget.
        timeout: seconds that a call may take.
    """

    action: AnyAction
    batch: Batch
    tenant: str
    model: str | None
    payer: UUID | None
    timeout: float | None


@dataclass(slots=True, eq=False, kw_only=True)
class Entry:
    """An item that waits for its answer.

    Attributes:
        inputs: what it gives to the lists, by parameter.
        last: whether its stage gives it no further attempt.
        dump: from the answers for many to plain data.
        call, beside: the call that it is part of, and the items of that.
    """

    progress: Progress
    context: StageContext
    inputs: Mapping[str, Any]
    last: bool
    dump: Callable[[Any], Any]
    due: float = 0.0
    future: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    call: asyncio.Task[None] | None = None
    beside: list[Entry] = field(default_factory=list["Entry"])

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.context.run_id, self.context.stage, self.context.item


@dataclass(slots=True)
class _Queue:
    """The items that may share calls.

    Attributes:
        waiting: those that are gathered, the oldest first.
        formed: calls whose items are fixed: parts of one that has failed.
    """

    waiting: list[Entry] = field(default_factory=list[Entry])
    formed: deque[list[Entry]] = field(default_factory=deque[list[Entry]])

    def due(self, size: int) -> float:
        """When its next call should begin, in the time of the loop."""
        if self.formed or len(self.waiting) >= size:
            return 0.0
        return self.waiting[0].due if self.waiting else float("inf")

    def take(self, size: int) -> list[Entry]:
        """The items of the next call: of the runs that have some, in turn."""
        if self.formed:
            return self.formed.popleft()
        runs: OrderedDict[UUID, deque[Entry]] = OrderedDict()
        for each in self.waiting:
            runs.setdefault(each.progress.id, deque()).append(each)
        taken: list[Entry] = []
        turns = deque(runs.values())
        while turns and len(taken) < size:
            mine = turns.popleft()
            taken.append(mine.popleft())
            if mine:
                turns.append(mine)
        gone = set(map(id, taken))
        self.waiting = [each for each in self.waiting if id(each) not in gone]
        return taken

    def drop(self, entry: Entry) -> None:
        """Forget an item that nobody waits for any more."""
        if entry in self.waiting:
            self.waiting.remove(entry)


class Batcher:
    """The batches of one process.

    Args:
        sink: where model calls are recorded; it knows the run of a call as long as the call lasts.
    """

    def __init__(self, app: Sorbus, sink: DatabaseSink) -> None:
        self.app = app
        self.sink = sink
        # Calls belong to no run in particular, so they see nothing of the one whose item started them.
        self.context = copy_context()
        self._lanes: dict[tuple[AnyAction, Batch], _Lane] = {}

    async def answer(self, key: BatchKey, entry: Entry) -> Any:
        """The answer for an item, as plain data, from a call that it shares with others.

        Raises:
            Exception: what the action raised when it was called for this item alone, or what no item is to blame for.
        """
        place = key.action, key.batch
        lane = self._lanes.setdefault(place, _Lane(self, key.batch))
        if len(self._lanes) > _MOST_LANES:
            # Users may compose pipelines with batches of any size.
            self._lanes = {
                each: known for each, known in self._lanes.items() if known is lane or not known.idle
            }
        return await lane.answer(key, entry)

    async def call(self, key: BatchKey, entries: Sequence[Entry]) -> list[Any]:
        """The answers for some items from one call, as plain data.

        Raises:
            StageTimedOut: it took longer than it may.
            BatchAnswersWrong: the number of the answers is not that of the items.
        """
        first = entries[0]
        batch = BatchContext(items=tuple(each.context for each in entries))
        origin = Origin(stage=batch.stage, run=batch.run_id)
        scope = self.app.system_scope(tenant=key.tenant).with_services({BatchContext: batch, Origin: origin})
        if key.model is not None:
            scope = scope.with_service(ModelClient, scope.get(ModelClient).using(key.model))
        inputs = {name: [each.inputs[name] for each in entries] for name in first.inputs}
        self._enter(first.progress)
        try:
            answers = await bounded(
                key.action(scope, **inputs),
                pipeline=first.progress.pipeline,
                stage=first.context.stage,
                seconds=key.timeout,
            )
        finally:
            self.sink.leave(first.progress.id)
        if len(answers) != len(entries):
            raise BatchAnswersWrong(
                first.progress.pipeline, first.context.stage, items=len(entries), answers=len(answers)
            )
        return list(first.dump(answers))

    def _enter(self, progress: Progress) -> None:
        # The run may be over before the call is, which others wait for as well.
        self.sink.enter(
            progress.id,
            progress.tenant,
            payer=progress.payer_id,
            fresh=progress.fresh,
            budgeted=progress.budgeted,
        )

    async def close(self) -> None:
        """Cancel what is under way."""
        await asyncio.gather(*(each.close() for each in self._lanes.values()))


class _Lane:
    """The calls of one action with one batch: at most `at_once` at a time. Tenants take turns, and runs inside them."""

    def __init__(self, batcher: Batcher, batch: Batch) -> None:
        self._batcher = batcher
        self._batch = batch
        self._queues: dict[BatchKey, _Queue] = {}
        self._calls: dict[asyncio.Task[None], BatchKey] = {}
        self._last = ""
        self._timer: asyncio.TimerHandle | None = None
        # Items that have failed alone go alone until they have succeeded.
        self._suspects: OrderedDict[Place, None] = OrderedDict()

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do, and nothing to remember."""
        return not (
            self._calls
            or self._suspects
            or any(each.waiting or each.formed for each in self._queues.values())
        )

    async def answer(self, key: BatchKey, entry: Entry) -> Any:
        queue = self._queues.setdefault(key, _Queue())
        if entry.place in self._suspects:
            queue.formed.append([entry])
        else:
            entry.due = asyncio.get_running_loop().time() + self._batch.within
            queue.waiting.append(entry)
        # What has waited long enough is left to the timer, so that what becomes ready at one moment goes together.
        self._pump(now=0.0)
        try:
            return await entry.future
        except asyncio.CancelledError:
            queue.drop(entry)
            if entry.call is not None and all(each.future.done() for each in entry.beside):
                entry.call.cancel()
            raise

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for task in self._calls:
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    # which call is next

    def _look(self) -> None:
        self._pump(now=asyncio.get_running_loop().time())

    def _pump(self, *, now: float) -> None:
        """Begin the calls that are due, as many as may be under way."""
        while len(self._calls) < self._batch.at_once:
            key = self._next(now)
            if key is None:
                break
            entries = [each for each in self._queues[key].take(self._batch.size) if not each.future.done()]
            if entries:
                self._begin(key, entries)
        self._queues = {key: each for key, each in self._queues.items() if each.waiting or each.formed}
        self._set_timer()

    def _next(self, now: float) -> BatchKey | None:
        """Which items the next call is for: of the tenant that has the fewest under way, and of such ones in turn."""
        dues = {key: each.due(self._batch.size) for key, each in self._queues.items()}
        ready = [key for key, due in dues.items() if due <= now]
        if not ready:
            return None
        held = Counter(each.tenant for each in self._calls.values())

        def rank(key: BatchKey) -> tuple[int, bool, str, float]:
            return held[key.tenant], key.tenant <= self._last, key.tenant, dues[key]

        return min(ready, key=rank)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if len(self._calls) < self._batch.at_once and self._queues:
            due = min(each.due(self._batch.size) for each in self._queues.values())
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(due, self._look, context=self._batcher.context.copy())

    def _begin(self, key: BatchKey, entries: list[Entry]) -> None:
        self._last = key.tenant
        call = asyncio.get_running_loop().create_task(
            self._work(key, entries), name="sorbus-pipelines-batch", context=self._batcher.context.copy()
        )
        self._calls[call] = key
        for each in entries:
            each.call, each.beside = call, entries
        call.add_done_callback(self._ended)

    def _ended(self, call: asyncio.Task[None]) -> None:
        del self._calls[call]
        self._look()

    # one call

    async def _work(self, key: BatchKey, entries: list[Entry]) -> None:
        try:
            answers = await self._batcher.call(key, entries)
        except asyncio.CancelledError:
            for each in entries:
                each.future.cancel()
            raise
        except Exception as error:  # whoever waits for an answer raises it
            self._failed(key, [each for each in entries if not each.future.done()], error)
            return
        for each, answer in zip(entries, answers, strict=True):
            self._suspects.pop(each.place, None)
            if not each.future.done():
                each.future.set_result(answer)

    def _failed(self, key: BatchKey, entries: list[Entry], error: Exception) -> None:
        """Give an item that was alone its error; of several, find the one that is to blame by smaller calls."""
        if len(entries) == 1 and entries[0].beside == entries:
            self._suspect(entries[0])
            entries[0].future.set_exception(error)
            return
        parts: list[list[Entry]] = []
        if isinstance(error, _OUTAGES):
            # All of them wait as long as they do after a failure of their own. The last attempt is made alone.
            parts = [[each] for each in entries if each.last]
            for each in entries:
                if not each.last:
                    each.future.set_exception(error)
        elif isinstance(error, StageTimedOut):
            # Halves would take as long again, and again.
            parts = [[each] for each in entries]
        elif entries:
            middle = (len(entries) + 1) // 2
            parts = [entries[:middle], entries[middle:]]
        queue = self._queues.setdefault(key, _Queue())
        queue.formed.extend(each for each in parts if each)

    def _suspect(self, entry: Entry) -> None:
        self._suspects.pop(entry.place, None)
        if not entry.last:
            self._suspects[entry.place] = None
        if len(self._suspects) > _MOST_SUSPECTS:
            self._suspects.popitem(last=False)
