"""Publishing: from a write to the messages and notifications that tell of it."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from sorbus.changeset.outcome import UpsertOutcome, outcome_of
from sorbus.data_layers.messages import Message
from sorbus.engine.notifications import Notification, notification_of
from sorbus.engine.notify import Hub
from sorbus.engine.tenants import topic_tenant
from sorbus.engine.topics import Template, fitted
from sorbus.expressions.evaluate import Environment, evaluate
from sorbus.expressions.nodes import Node
from sorbus.policies.rows import DICT_ROW
from sorbus.query.query import Query
from sorbus.schema.actions import ActionKind, ActionSpec
from sorbus.schema.resource import ResourceSpec
from sorbus.scope import Scope
from sorbus.types.uuid7 import uuid7

if TYPE_CHECKING:
    from sorbus.engine.engine import Effect, Engine

logger = logging.getLogger(__name__)

_NOT_STORABLE = re.compile(r"[\x00\ud800-\udfff]")

Notifier = Callable[[Notification], Awaitable[None] | None]
Transform = Callable[[Any], Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What is published, where, and when.

    Attributes:
        actions: the names of the actions that it follows.
        where: the condition that the written row must meet.
        payload: the attributes that `data` holds.
        previous: whether `previous` holds them as they were.
        transform: makes `data` from the record; None from it leaves the notification out.
        load: what is loaded on the record for `transform` and for notifiers.
    """

    template: Template
    actions: frozenset[str]
    where: Node | None = None
    payload: tuple[str, ...] = ()
    previous: bool = False
    transform: Transform | None = None
    load: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Publications:
    """Everything that a resource publishes."""

    spec: ResourceSpec
    publications: tuple[Publication, ...] = ()
    notifiers: tuple[Notifier, ...] = ()
    durable: bool = False


class Written(Protocol):
    """What publishing needs to know of a write: an `ActionCall`, or one record of a bulk action.

    Attributes:
        result: the record that was written or removed.
        previous: attributes that an update changed, as they were.
    """

    engine: Engine
    scope: Scope
    changeset: Any
    result: Any
    previous: dict[str, Any]


class Publisher:
    """Publishes the writes of one action. One call publishes one write, `many` any number of them.

    Attributes:
        previous: the attributes whose old values it needs, where an update changes them.
    """

    def __init__(self, hub: Hub, resource: Publications, action: ActionSpec) -> None:
        self.hub = hub
        self.resource = resource
        self.action = action
        self.publications = tuple(each for each in resource.publications if action.name in each.actions)
        self.load = tuple(dict.fromkeys(target for each in self.publications for target in each.load))
        self.previous: frozenset[str] = frozenset()
        if action.kind is ActionKind.UPDATE or action.soft or action.upsert is not None:
            self.previous = frozenset(
                name
                for each in self.publications
                for name in (*each.template.fields, *(each.payload if each.previous else ()))
            )

    async def __call__(self, call: Written) -> None:
        """Publish one write."""
        await self.many((call,))

    async def many(self, calls: Sequence[Written]) -> None:
        """Publish writes after their commit: one NOTIFY, then the notifiers."""
        told = await self._tell(written(calls))
        messages = [message for _, _, messages in told for message in messages]
        if messages:
            self.hub.courier.send([replace(each, data={}, previous={}) for each in messages])
        await self._notify(told)

    async def _tell(self, calls: Sequence[Written]) -> list[tuple[Written, Any, list[Message]]]:
        records = await self._loaded(calls) if self.load and calls else [call.result for call in calls]
        return [
            (call, record, self._messages(call, record)) for call, record in zip(calls, records, strict=True)
        ]

    async def _loaded(self, calls: Sequence[Written]) -> list[Any]:
        """The records anew with what is to be loaded; None for a row that is gone meanwhile."""
        name = self.resource.spec.primary_key.name
        python: Any = self.resource.spec.python
        keys = [call.result.__dict__[name] for call in calls]
        scope = calls[0].scope.as_system()
        rows: Query[Any] = Query(resource=python, scope=scope)
        query = rows.where(getattr(python, name).is_in(keys)).load(*self.load)
        found = {row.__dict__[name]: row for row in await query.all()}
        return [found.get(key) for key in keys]

    def _messages(self, call: Written, record: Any) -> list[Message]:
        after: dict[str, Any] = call.result.__dict__
        before = {**after, **call.previous}
        environment = Environment(
            rows=DICT_ROW, actor=call.scope.actor, tenant=call.scope.tenant, inputs=call.changeset.inputs
        )
        found: list[Message] = []
        for each in self.publications:
            if each.where is not None and evaluate(each.where, after, environment) is not True:
                continue
            topics = (each.template.topic(after), each.template.topic(before))
            named = tuple(dict.fromkeys(fitted(topic) for topic in topics if topic is not None))
            made = self._made(each, record) if named else None
            if made is not None:
                data = {**{name: after[name] for name in each.payload}, **made}
                old = {name: before[name] for name in each.payload} if each.previous else {}
                found.append(self._message(call, named, data, old))
        return found

    def _made(self, publication: Publication, record: Any) -> Mapping[str, Any] | None:
        """What `transform` adds to the payload; None when there is nothing to publish."""
        if record is None and publication.load:
            return None  # the write that removed the row is published itself
        if publication.transform is None:
            return {}
        try:
            return publication.transform(record)
        except Exception:
            if self.resource.durable:
                raise  # what must not be lost cannot be left out: the write is undone
            logger.exception("the payload of `%s` could not be made", publication.template.text)
            return None

    def _message(
        self, call: Written, topics: tuple[str, ...], data: Mapping[str, Any], previous: Mapping[str, Any]
    ) -> Message:
        from pydantic_core import to_jsonable_python

        spec = self.resource.spec
        row = call.result.__dict__
        if spec.tenancy is not None:
            tenant = row.get(spec.tenancy.attribute, call.scope.tenant)
        else:
            tenant = topic_tenant(spec, call.scope, call.engine.tenant_names)
        return Message(
            id=uuid7(),
            resource=spec.name,
            action=self.action.name,
            kind=self.action.kind.value,
            key=str(row[spec.primary_key.name]),
            topics=topics,
            tenant=None if tenant is None else str(tenant),
            actor=actor_id(call.scope.actor),
            at=datetime.now(UTC),
            data=to_jsonable_python(data) if data else {},
            previous=to_jsonable_python(previous) if previous and self._tells_old(call) else {},
        )

    def _tells_old(self, call: Written) -> bool:
        """Whether what was before is known: of an update, and of an upsert that the data layer told it of."""
        if self.action.upsert is not None:
            return self.previous <= call.previous.keys()
        return self.action.kind is ActionKind.UPDATE

    async def _notify(self, told: Sequence[tuple[Written, Any, list[Message]]]) -> None:
        """Tell the notifiers of this process. They are bystanders: one that fails is logged, no more."""
        if not self.resource.notifiers:
            return
        for call, record, messages in told:
            if not messages and self.publications:
                continue
            notification = self._summary(call, record, messages)
            for notifier in self.resource.notifiers:
                try:
                    answer = notifier(notification)
                    if inspect.isawaitable(answer):
                        await answer
                except Exception:
                    logger.exception("a notifier of %s failed", self.action.label)

    def _summary(self, call: Written, record: Any, messages: list[Message]) -> Notification:
        """One notification for all that is published about a write."""
        base = messages[0] if messages else self._message(call, (), {}, {})
        merged = replace(
            base,
            topics=tuple(dict.fromkeys(topic for each in messages for topic in each.topics)),
            data={name: value for each in messages for name, value in each.data.items()},
            previous={name: value for each in messages for name, value in each.previous.items()},
        )
        return notification_of(self.hub.engine, merged, record=call.result if record is None else record)


class DurablePublisher(Publisher):
    """Publishes by way of the outbox: its rows commit together with the write."""

    async def many(self, calls: Sequence[Written]) -> None:
        """Keep the messages of writes with one statement; relay them, and tell the notifiers, after the commit."""
        told = await self._tell(written(calls))
        messages = [message for _, _, messages in told for message in messages]
        outbox = self.hub.outbox

        async def relay() -> None:
            if messages and outbox is not None:
                outbox.wake()
            await self._notify(told)

        async with self.hub.engine.transaction() as opened:
            if messages and outbox is not None:
                await outbox.append(opened, messages)
            opened.on_commit.append(relay)


def written(calls: Sequence[Written]) -> list[Written]:
    """The writes that wrote: an upsert may have left its row alone."""
    return [call for call in calls if outcome_of(call.result) is not UpsertOutcome.SKIPPED]


def install(hub: Hub, resources: Mapping[str, Publications]) -> None:
    """Have an engine publish what its resources declare."""

    def publisher(spec: ResourceSpec, action: ActionSpec, *, durable: bool) -> Effect | None:
        found = resources.get(spec.name)
        if found is None or found.durable is not durable or not action.kind.writes:
            return None
        made = (DurablePublisher if durable else Publisher)(hub, found, action)
        follows = bool(made.publications) or (bool(found.notifiers) and not found.publications)
        return made if follows else None

    hub.engine.effect_sources.append(lambda spec, action: publisher(spec, action, durable=True))
    hub.engine.notice_sources.append(lambda spec, action: publisher(spec, action, durable=False))


def actor_id(actor: Any) -> str | None:
    """Who acted, as text: the key of a record, a plain id as it is; None for others."""
    if actor is None:
        return None
    if isinstance(actor, (str, int, UUID)):
        # Whoever made the scope may have put anything into it, and a database cannot keep every text.
        return _NOT_STORABLE.sub("\N{REPLACEMENT CHARACTER}", str(actor))
    declared = getattr(actor.__class__, "__declared__", {})
    key = next((name for name, each in declared.items() if _is_key(each)), None)
    return str(actor.__dict__[key]) if key in getattr(actor, "__dict__", {}) else None


def _is_key(member: Any) -> bool:
    return bool(getattr(getattr(member, "options", None), "primary_key", False))
