"""A receiver that remembers, and messages for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from sorbus.data_layers.messages import Message, Route


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
