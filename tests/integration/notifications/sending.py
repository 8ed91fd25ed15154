"""A receiver that remembers, messages for it, and ways to wait for what comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import uuid4

from sorbus.data_layers.messages import Message, Route
from sorbus.engine.notifications import Notification
from sorbus.engine.subscriptions import Subscription


class Ear:
    """Remembers what it received."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.lost = 0

    def received(self, messages: Sequence[Message]) -> None:
        self.keys.extend(each.key for each in messages)

    def advanced(self, routes: Sequence[Route] | None) -> None:
        raise AssertionError(routes)

    def missed(self) -> None:
        self.lost += 1


def message(number: int) -> Message:
    """A message with a number as its key."""
    return Message(
        id=uuid4(),
        resource="Letter",
        action="write",
        kind="create",
        key=str(number),
        topics=("letters:a",),
        tenant=None,
        actor=None,
        at=datetime.now(UTC),
    )


async def told(events: Subscription, count: int, *, seconds: float = 20) -> list[Notification]:
    """The next notifications."""
    found: list[Notification] = []
    async with asyncio.timeout(seconds):
        while len(found) < count:
            event = await anext(events)
            if isinstance(event, Notification):
                found.append(event)
    return found


async def until(holds: Callable[[], bool], *, seconds: float = 10) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)
