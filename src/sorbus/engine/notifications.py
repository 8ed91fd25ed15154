"""What subscribers and notifiers are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sorbus.data_layers.messages import Message

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A write that has been committed.

    Attributes:
        resource, action: the names of both.
        kind: `create`, `update` or `destroy`.
        key: the key of the row.
        topics: where it was published; a subscriber finds its own topic in `topic` too.
        data: the payload, as plain JSON values. Notifiers see it, and of a durable topic the subscribers
            whose scope is the system's; everybody else is told ids.
        previous: the payload as it was before an update, where the publication says `previous=True`.
        actor: the id of who acted, as text.
        tenant: the tenant's key, as text.
        at: when it was written.
        position: its place in the order of the durable notifications; None when it is not durable.
        record: the record as written, for notifiers; as the scope may read it now, for subscribers that ask
            for records. None there means that it is gone, or out of sight.
    """

    id: UUID
    resource: str
    action: str
    kind: str
    key: Any
    topics: tuple[str, ...]
    topic: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    previous: Mapping[str, Any] = field(default_factory=dict[str, Any])
    actor: str | None = None
    tenant: str | None = None
    at: datetime
    position: int | None = None
    record: Any = None


@dataclass(frozen=True, slots=True)
class Lagged:
    """A subscriber has missed notifications: look at the data itself.

    Attributes:
        count: how many; None when nobody can know, since the database was away.
    """

    count: int | None


def notification_of(engine: Engine, message: Message, **more: Any) -> Notification:
    """A message as subscribers see it, its key in its own type."""
    spec = engine.application.resources.get(message.resource)
    return Notification(
        id=message.id,
        resource=message.resource,
        action=message.action,
        kind=message.kind,
        key=engine.reader.cast_key(spec, message.key) if spec is not None else message.key,
        topics=message.topics,
        data=message.data,
        previous=message.previous,
        actor=message.actor,
        tenant=message.tenant,
        at=message.at,
        position=message.position,
        **more,
    )
