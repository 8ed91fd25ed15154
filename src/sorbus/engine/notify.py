"""The hub of a node: takes what comes in to its subscribers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID
from weakref import WeakSet

from sorbus.data_layers.messages import Courier, Message, Outbox, Route
from sorbus.engine.delivering import Deliverer
from sorbus.engine.subscriptions import Subscription
from sorbus.engine.tenants import topic_tenant
from sorbus.engine.topics import Template, fitted
from sorbus.errors.notifications import NoSuchTopic, NotResumable, TopicNeedsTenant
from sorbus.schema.resource import ResourceSpec
from sorbus.scope import Scope
from sorbus.types.uuid7 import uuid7

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine

_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Channel:
    """A template of topics that a resource publishes to."""

    spec: ResourceSpec
    template: Template
    durable: bool


class Hub:
    """Takes what comes in at this node to its subscribers.

    Args:
        channels: what is published in this application.
        outbox: None where nothing is durable.
    """

    def __init__(
        self, engine: Engine, channels: Iterable[Channel], courier: Courier, outbox: Outbox | None
    ) -> None:
        self.engine = engine
        self.deliverer = Deliverer(engine)
        self.channels = tuple(channels)
        self.courier = courier
        self.outbox = outbox
        # Held weakly: a subscription that nobody reads any more is one that has ended.
        self._subscriptions: dict[Route, WeakSet[Subscription]] = {}
        self._seen: OrderedDict[tuple[UUID, tuple[str, ...]], None] = OrderedDict()

    def subscribe(
        self,
        topic: str,
        scope: Scope,
        *,
        after: int | None = None,
        records: bool = False,
        known: Iterable[Any] = (),
        backlog: int = 1000,
    ) -> Subscription:
        """What `Sorbus.subscribe` answers with.

        Raises:
            NoSuchTopic: no template makes this topic.
            TopicNeedsTenant: it is a tenant's, and the scope names none.
            NotResumable: `after` is given for a topic that keeps no positions.
        """
        found = [each for each in self.channels if each.template.matches(topic)]
        if not found:
            raise NoSuchTopic(topic, allowed={each.template.text for each in self.channels})
        durable = any(each.durable for each in found)
        if after is not None and not durable:
            raise NotResumable(topic)
        if records:
            for each in found:
                self.engine.reader.check(each.spec, "read", scope, None)
        return Subscription(
            self,
            topic,
            scope,
            routes=self._routes(topic, scope, found),
            after=after,
            durable=durable,
            plain=not all(each.durable for each in found),
            records=records,
            known=known,
            backlog=backlog,
        )

    def _routes(self, topic: str, scope: Scope, found: Sequence[Channel]) -> tuple[Route, ...]:
        specs = [each.spec for each in found]
        owned = sorted({each.name for each in specs if each.tenancy or each.schema_tenancy})
        if owned and scope.tenant is None:
            raise TopicNeedsTenant(topic, owned)
        tenants = {topic_tenant(each, scope, self.engine.tenant_names) for each in specs}
        return tuple((tenant, fitted(topic)) for tenant in tenants)

    def announce(
        self, spec: ResourceSpec, row: Mapping[str, Any], *, action: str, tenant: str | None
    ) -> None:
        """What `Sorbus.announce` does."""
        found = [
            each.template.topic(row)
            for each in self.channels
            if each.spec is spec and not each.durable and all(row.get(name) for name in each.template.fields)
        ]
        topics = tuple(dict.fromkeys(fitted(topic) for topic in found if topic is not None))
        if not topics:
            return
        message = Message(
            id=uuid7(),
            resource=spec.name,
            action=action,
            kind="update",
            key=str(row[spec.primary_key.name]),
            topics=topics,
            tenant=tenant,
            actor=None,
            at=datetime.now(UTC),
        )
        self.courier.send([message])

    def join(self, subscription: Subscription) -> None:
        """Hand a subscription what comes in from now on."""
        for route in subscription.routes:
            self._subscriptions.setdefault(route, WeakSet()).add(subscription)

    def leave(self, subscription: Subscription) -> None:
        """Hand it nothing any more."""
        for route in subscription.routes:
            subscribers = self._subscriptions.get(route)
            if subscribers is not None:
                subscribers.discard(subscription)
                if not subscribers:
                    del self._subscriptions[route]

    # the receiver's part

    def received(self, messages: Sequence[Message]) -> None:
        """Messages came in."""
        for message in messages:
            if self._is_new(message):
                for route in message.routes:
                    for subscription in tuple(self._subscriptions.get(route, ())):
                        subscription.put(message)

    def _is_new(self, message: Message) -> bool:
        """A NOTIFY whose answer was lost is sent again, and may then come twice."""
        key = (message.id, message.topics)
        if key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return True

    def advanced(self, routes: Sequence[Route] | None) -> None:
        """The outbox has new messages."""
        for route in tuple(self._subscriptions) if routes is None else routes:
            for subscription in tuple(self._subscriptions.get(route, ())):
                subscription.advance()

    def missed(self) -> None:
        """Messages may have been lost; what is durable can be read."""
        for subscribers in tuple(self._subscriptions.values()):
            for subscription in tuple(subscribers):
                subscription.lag(None)

    async def close(self) -> None:
        """End every subscription, relay and send what waits."""
        for subscribers in tuple(self._subscriptions.values()):
            for subscription in tuple(subscribers):
                subscription.close()
        await self.deliverer.close()
        if self.outbox is not None:
            await self.outbox.close()
        await self.courier.close()
