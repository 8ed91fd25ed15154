"""Messages between the nodes of an application, and the contract of what carries and keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

Route = tuple[str | None, str]
"""A tenant and a topic: topics of the same name are apart for each tenant. No tenant: the topic is everybody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one publication says about one write.

    Attributes:
        key: the key of the row, as text.
        data, previous: plain JSON values; kept by an outbox only, they never travel.
        position: the place in the outbox's order, once it has one.
    """

    id: UUID
    resource: str
    action: str
    kind: str
    key: str
    topics: tuple[str, ...]
    tenant: str | None
    actor: str | None
    at: datetime
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    previous: Mapping[str, Any] = field(default_factory=dict[str, Any])
    position: int | None = None

    @property
    def routes(self) -> list[Route]:
        """Where it goes."""
        return [(self.tenant, topic) for topic in self.topics]


class Receiver(Protocol):
    """The end of the line in each node."""

    def received(self, messages: Sequence[Message]) -> None:
        """Messages came in, in the order in which they were sent."""
        ...

    def advanced(self, routes: Sequence[Route] | None) -> None:
        """The outbox has new messages for these routes, or for any."""
        ...

    def missed(self) -> None:
        """Messages may have been lost."""
        ...


class Courier(Protocol):
    """Carries messages to every node, at most once."""

    def send(self, messages: Sequence[Message]) -> None:
        """Send messages soon. Returns at once; call it after the commit."""
        ...

    async def listen(self, receiver: Receiver) -> None:
        """Hand everything that is sent from now on to a receiver; returns when that is certain."""
        ...

    async def close(self) -> None:
        """Send what waits, and stop."""
        ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages from an outbox, in order; the reader has now seen everything up to `last`."""

    messages: Sequence[Message]
    last: int


class Outbox(Protocol):
    """Keeps messages that commit with the write that they tell of, and puts them in one order for all nodes.

    Attributes:
        keep: how long they are kept.
    """

    keep: timedelta

    async def append(self, transaction: Any, messages: Sequence[Message]) -> None:
        """Keep messages, if the transaction commits."""
        ...

    async def move_tenant(
        self, transaction: Any, name: str, new: str | None, resources: Sequence[str]
    ) -> None:
        """Give a tenant's messages about some resources to its new name; without one, forget them."""
        ...

    def wake(self) -> None:
        """Say that messages were committed. Returns at once."""
        ...

    async def tail(self) -> int:
        """The last position."""
        ...

    async def read(self, after: int, routes: Sequence[Route], *, limit: int) -> Batch:
        """The next messages for some routes.

        Raises:
            PositionGone: some of them have been pruned.
        """
        ...

    async def prune(self, before: datetime) -> int:
        """Forget what was relayed before a moment, and answer with how many messages that were."""
        ...

    async def start(self) -> None:
        """Begin to look for messages that a node left behind when it died."""
        ...

    async def close(self) -> None:
        """Stop."""
        ...
