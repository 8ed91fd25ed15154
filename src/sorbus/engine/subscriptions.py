"""Subscriptions: one reader of one topic, with a bounded memory of what it has not read yet."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from sorbus.data_layers.messages import Courier, Message, Outbox, Receiver, Route
from sorbus.engine.delivering import Deliverer, Sight, copied
from sorbus.engine.notifications import Lagged, Notification, notification_of
from sorbus.errors.inputs import InvalidInput
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine

logger = logging.getLogger(__name__)

_AT_ONCE = 100
_REMEMBERED = 10_000
_LOOKS = 4
"""Looks at the outbox in the time that it keeps messages, for a topic that nothing is published to."""


class Home(Receiver, Protocol):
    """What a subscription needs of its hub."""

    engine: Engine
    deliverer: Deliverer
    courier: Courier
    outbox: Outbox | None

    def join(self, subscription: Subscription) -> None:
        """Hand a subscription what comes in from now on."""
        ...

    def leave(self, subscription: Subscription) -> None:
        """Hand it nothing any more."""
        ...


class Subscription:
    """`async with app.subscribe("run:…", scope=scope) as events:` then `async for event in events:`.

    When the block is entered the node is listening, so nothing that is committed afterwards is missed
    unnoticed. Without the block the subscription begins with the first event that is asked for. It ends with
    the block, with `close()`, when the application closes, or when nobody holds it any more.

    Attributes:
        topic: what it listens to.
        position: how far a durable subscription has come; what to give as `after` to go on from here.
    """

    def __init__(
        self,
        hub: Home,
        topic: str,
        scope: Scope,
        *,
        routes: tuple[Route, ...],
        after: int | None,
        durable: bool,
        plain: bool,
        records: bool,
        known: Iterable[Any],
        backlog: int,
    ) -> None:
        self.topic = topic
        self.routes = routes
        self.position = after
        self._hub = hub
        self._scope = scope
        self._durable = durable
        self._plain = plain
        self._records = records
        self._visible = OrderedDict.fromkeys(known)
        self._backlog = backlog
        self._open = False
        self._ended = False
        self._behind = False
        self._look_at: float | None = None
        self._lost = 0
        self._lost_unknown = False
        self._scanned = after or 0
        self._waiting: deque[Message] = deque()
        self._ready: deque[Notification] = deque()
        self._wake = asyncio.Event()

    def __del__(self) -> None:
        self._hub.leave(self)

    # the hub's side

    def put(self, message: Message) -> None:
        """One more message; when the memory is full, all of it is dropped and counted."""
        if len(self._waiting) >= self._backlog:
            self._lost += len(self._waiting)
            self._waiting.clear()
        self._waiting.append(message)
        self._wake.set()

    def advance(self) -> None:
        """The outbox has something."""
        self._behind = self._durable
        self._wake.set()

    def lag(self, count: int | None) -> None:
        """Messages were lost on the way; what the outbox has is read from there."""
        if self._plain:
            self._lost_unknown = self._lost_unknown or count is None
            self._lost += count or 0
        self.advance()

    # the reader's side

    async def open(self) -> None:
        """Begin to listen; returns when nothing can be missed unnoticed any more."""
        if self._open or self._ended:
            return
        self._open = True
        self._hub.join(self)
        try:
            await self._hub.courier.listen(self._hub)
            if self._durable and self._hub.outbox is not None and not self._ended:
                self._plan_look(self._hub.outbox)
                if self.position is None:
                    self._scanned = self.position = await self._hub.outbox.tail()
                else:
                    self._behind = True
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End; what has been fetched can still be read."""
        self._ended = True
        self._hub.leave(self)
        self._wake.set()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Notification | Lagged:
        """The next notification, or `Lagged` when some were lost before it.

        Raises:
            PositionGone: what is to be read has been pruned.
            StopAsyncIteration: the subscription has ended.
        """
        await self.open()
        while True:
            if self._ready:
                found = self._ready.popleft()
                if found.position is not None:
                    self.position = found.position
                return found
            lagged = self._lagged()
            if lagged is not None:
                return lagged
            if self._behind and not self._ended and self._hub.outbox is not None:
                await self._pull(self._hub.outbox)
            elif self._waiting:
                await self._take()
            elif self._ended:
                raise StopAsyncIteration
            else:
                await self._rest()

    async def batch(self) -> list[Notification | Lagged]:
        """The next ones, as many as are at hand: at least one, or none when the subscription has ended.

        Raises:
            PositionGone: what is to be read has been pruned.
        """
        first = await anext(self, None)
        if first is None or isinstance(first, Lagged):
            return [] if first is None else [first]
        found: list[Notification | Lagged] = [first, *self._ready]
        self._ready.clear()
        last = found[-1]
        if isinstance(last, Notification) and last.position is not None:
            self.position = last.position
        return found

    async def _rest(self) -> None:
        """Wait for the hub; where it stays quiet, look at the outbox before the position is pruned."""
        self._wake.clear()
        try:
            async with asyncio.timeout_at(self._look_at):
                await self._wake.wait()
        except TimeoutError:
            self._behind = True

    def _lagged(self) -> Lagged | None:
        count, unknown = self._lost, self._lost_unknown
        if not count and not unknown:
            return None
        self._lost, self._lost_unknown = 0, False
        return Lagged(None if unknown else count)

    async def _pull(self, outbox: Outbox) -> None:
        """Read on from the outbox."""
        self._behind = False
        try:
            batch = await outbox.read(self._scanned, self.routes, limit=_AT_ONCE)
            self._ready.extend(await self._seen(batch.messages))
        except BaseException:
            self._behind = True
            raise
        if len(batch.messages) == _AT_ONCE:
            self._behind = True
        self._scanned = batch.last
        self._plan_look(outbox)
        if not self._ready:
            self.position = batch.last

    def _plan_look(self, outbox: Outbox) -> None:
        self._look_at = asyncio.get_running_loop().time() + outbox.keep.total_seconds() / _LOOKS

    async def _take(self) -> None:
        """Make what waits ready."""
        taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), _AT_ONCE))]
        try:
            self._ready.extend(await self._seen(taken))
        except BaseException:
            self._waiting.extendleft(reversed(taken))
            raise

    # what this scope may see

    async def _seen(self, messages: Sequence[Message]) -> list[Notification]:
        engine = self._hub.engine
        found: list[Notification] = []
        for each in messages:
            try:
                found.append(notification_of(engine, each, topic=self.topic))
            except InvalidInput as error:
                # Written by another program, or before the key had another type: no reader can get past it.
                logger.warning("a notification is left out: %s", error)
        if self._scope.authorize:
            # The payload was chosen by the declaration, not by what this actor may read.
            found = [replace(each, data={}, previous={}) for each in found]
        return await self._with_records(found) if self._records else found

    async def _with_records(self, found: list[Notification]) -> list[Notification]:
        """Each with its record as the scope may read it now; what it has never seen stays unseen."""
        records: dict[tuple[str, Any], Any] = {}
        for resource in dict.fromkeys(each.resource for each in found):
            keys = list(dict.fromkeys(each.key for each in found if each.resource == resource))
            (sight,) = await self.look(resource, [self._scope], keys)
            if sight.error is not None:
                raise sight.error
            records.update({(resource, key): each for key, each in zip(keys, sight.records, strict=True)})
        told: list[Notification] = []
        for each in found:
            record = records.get((each.resource, each.key))
            if record is not None:
                self._visible[each.key] = None
                if len(self._visible) > _REMEMBERED:
                    self._visible.popitem(last=False)
                told.append(replace(each, record=copied(record)))
            elif each.key in self._visible:
                del self._visible[each.key]
                told.append(replace(each, actor=None))
        return told

    async def look(self, resource: str, scopes: Sequence[Scope], keys: Sequence[Any]) -> list[Sight]:
        """What scopes see now of some of a resource's rows; whoever asks at the same time shares one statement.

        The records of a sight are shared with others: they are to be read, not changed.
        """
        spec = self._hub.engine.application.resources.get(resource)
        if spec is None:
            return [Sight([None] * len(keys)) for _ in scopes]
        return await self._hub.deliverer.look(spec, scopes, keys)
