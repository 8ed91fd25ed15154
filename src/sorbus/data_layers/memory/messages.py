"""Messages within one process: delivered at once, kept as long as it lives."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sorbus.data_layers.messages import Batch, Message, Receiver, Route
from sorbus.errors.notifications import PositionGone


class MemoryCourier:
    """Hands messages to the receiver of this process."""

    def __init__(self) -> None:
        self.receiver: Receiver | None = None

    def send(self, messages: Sequence[Message]) -> None:
        """Deliver messages at once."""
        if self.receiver is not None:
            self.receiver.received(messages)

    async def listen(self, receiver: Receiver) -> None:
        """Deliver to a receiver from now on."""
        self.receiver = receiver

    async def close(self) -> None:
        """Deliver to nobody any more."""
        self.receiver = None


class MemoryOutbox:
    """The outbox of the memory layer: its order is the order of the commits."""

    def __init__(self, courier: MemoryCourier, *, keep: timedelta) -> None:
        self.keep = keep
        self._courier = courier
        self._messages: list[Message] = []
        self._last = 0
        self._pruned = 0

    async def append(self, transaction: Any, messages: Sequence[Message]) -> None:
        """Keep messages once the transaction has committed."""

        async def keep() -> None:
            for message in messages:
                self._last += 1
                self._messages.append(replace(message, position=self._last))
            if self._courier.receiver is not None:
                self._courier.receiver.advanced([route for each in messages for route in each.routes])

        transaction.on_commit.append(keep)

    async def move_tenant(
        self, transaction: Any, name: str, new: str | None, resources: Sequence[str]
    ) -> None:
        """Give a tenant's messages to its new name once the transaction has committed; without one, forget them."""

        async def move() -> None:
            kept: list[Message] = []
            for each in self._messages:
                if each.tenant != name or each.resource not in resources:
                    kept.append(each)
                elif new is not None:
                    kept.append(replace(each, tenant=new))
            self._messages = kept

        transaction.on_commit.append(move)

    def wake(self) -> None:
        """Nothing to do: a commit has told the receiver already."""

    async def tail(self) -> int:
        """The last position."""
        return self._last

    async def read(self, after: int, routes: Sequence[Route], *, limit: int) -> Batch:
        """The next messages for some routes.

        Raises:
            PositionGone: some of them have been pruned.
        """
        if after < self._pruned:
            raise PositionGone(after, oldest=self._pruned)
        wanted = set(routes)
        start = bisect_right(self._messages, after, key=lambda each: each.position or 0)
        found = [each for each in self._messages[start:] if not wanted.isdisjoint(each.routes)][:limit]
        full = len(found) == limit
        return Batch(found, found[-1].position or 0 if full else max(after, self._last))

    async def prune(self, before: datetime) -> int:
        """Forget what was written before a moment."""
        kept = [each for each in self._messages if each.at >= before]
        gone = len(self._messages) - len(kept)
        if gone:
            self._pruned = (kept[0].position or 0) - 1 if kept else self._last
        self._messages = kept
        return gone

    async def start(self) -> None:
        """Nothing to look for: what this process left behind went with it."""

    async def close(self) -> None:
        """Nothing to stop."""
