"""Subscriptions: the events of a topic, each with its record as the subscriber may read it at that moment."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Hashable, Mapping
from contextlib import aclosing
from typing import Any

from sorbus.apis.graphql.answering import Answerer, Prepared, Response, refused
from sorbus.apis.graphql.compiling import TYPE_NAME
from sorbus.apis.graphql.faults import of_field
from sorbus.apis.graphql.operations import Runner, TopField
from sorbus.apis.graphql.requests import Asked
from sorbus.apis.graphql.sharing import LISTENING, Shares, Told
from sorbus.apis.graphql.surface import Root
from sorbus.engine.notifications import Lagged, Notification
from sorbus.engine.topics import topic
from sorbus.errors.base import Forbidden
from sorbus.errors.graphql import MalformedGraphqlRequest
from sorbus.errors.inputs import InvalidInput
from sorbus.resource.application import Sorbus
from sorbus.scope import Scope, tenant_key
from sorbus.types.showing import to_json

ShareKey = Callable[[Scope], Hashable | None]
"""What a caller sees like others: the same value for those who may see the same."""

KINDS: Mapping[str, str] = {"create": "CREATED", "update": "UPDATED", "destroy": "GONE"}
"""What subscribers are told of each kind of write; what is out of sight now is gone, too."""

BACKLOG = 256
"""Events that wait for a slow reader; when more come they are dropped, and it is told how many."""


class Subscriber:
    """Answers operations as streams: subscriptions with every event, all others with one response.

    Args:
        share: tells which callers may see the same: those for whom it gives the same value, in one tenant. None is a
            caller who shares with nobody.
    """

    def __init__(self, app: Sorbus, answerer: Answerer, *, share: ShareKey | None = None) -> None:
        self.app = app
        self.answerer = answerer
        self.share = share
        self.shares = Shares()

    async def answers(
        self, asked: Asked, scope: Scope, *, after: int | None, where: str
    ) -> AsyncGenerator[Told]:
        """The responses to a request, one after the other; no error leaves it.

        A subscription begins with `LISTENING`, unless it cannot be.

        Args:
            after: the position of the last event that was dealt with.
        """
        try:
            prepared = self.answerer.prepare(asked, streams=True)
            alike = self.share(scope) if self.share is not None and after is None else None
        except Exception as error:  # the boundary: everything becomes an error object
            yield Told(document=refused(error, where=where).document)
            return
        if not prepared.operation.subscribes:
            response: Response = await self.answerer.run(prepared, scope, where=where)
            yield Told(document=response.document)
            return

        def source() -> AsyncGenerator[Told]:
            return self._guarded(prepared, scope, after, where=where)

        if alike is None:
            found = source()
        else:
            # The operation is part of the key by itself, so that its place in memory is not given to another one.
            key = (alike, tenant_key(scope.tenant), prepared.operation, to_json(asked.variables))
            (field,) = prepared.operation.fields
            found = self.shares.read(key, source, most=BACKLOG, lagged=lambda count: _lagged(field, count))
        async with aclosing(found) as told:
            async for each in told:
                yield each

    async def _guarded(
        self, prepared: Prepared, scope: Scope, after: int | None, *, where: str
    ) -> AsyncGenerator[Told]:
        """The events of a subscription, the last of which may tell why there are no more."""
        (field,) = prepared.operation.fields
        try:
            async with aclosing(self._events(field, prepared, scope, after)) as events:
                async for each in events:
                    yield each
        except Exception as error:  # the boundary: everything becomes an error object
            yield Told(document={"errors": of_field(error, field.root, [field.key], where=where)})

    async def _events(
        self, field: TopField, prepared: Prepared, scope: Scope, after: int | None
    ) -> AsyncGenerator[Told]:
        root, arguments = field.root, field.arguments
        if root is None or root.topic is None or arguments is None:
            raise MalformedGraphqlRequest("a subscription asks for one field of `Subscription`")
        values = _values(root, arguments.values(prepared.variables))
        name = topic(root.topic.text, **values)
        known = await self._known(root, values, scope)
        listening = self.app.subscribe(name, scope, after=after, records=True, known=known, backlog=BACKLOG)
        async with listening as events:
            yield LISTENING
            async for event in events:
                # Each event has what one request has: its values are counted anew.
                runner = Runner(scope, prepared.variables, prepared.raw, most=self.answerer.limits.complexity)
                shown = await _shown(field, root, event, runner)
                if shown is not None:
                    position = getattr(event, "position", None)
                    yield Told(document={"data": {field.key: shown}}, position=position)

    async def _known(self, root: Root, values: Mapping[str, Any], scope: Scope) -> tuple[Any, ...]:
        """The key of the record that is asked for, if the scope may read it: then it is told when it goes."""
        spec = root.exposed.spec
        key = values.get(spec.primary_key.name)
        if key is None:
            return ()
        python: Any = spec.python
        rows = await python.query().where(getattr(python, spec.primary_key.name) == key).all(scope)
        return (key,) if rows else ()


def _values(root: Root, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that the topic is made of, in their types, since a topic has one spelling of each.

    Raises:
        InvalidInput: one is none of its type.
    """
    found: dict[str, Any] = {}
    for name in root.topic.fields if root.topic is not None else ():
        kind, value = root.exposed.spec.attributes[name].type, given[name]
        try:
            found[name] = kind.adapter.validate_strings(value) if isinstance(value, str) else value
        except ValueError:
            raise InvalidInput(
                root.name, name, problem="it is no value of it", expected=kind.describe()
            ) from None
    return found


async def _shown(
    field: TopField, root: Root, event: Notification | Lagged, runner: Runner
) -> dict[str, Any] | None:
    """What a subscriber is told of an event; None when that is nothing."""
    record: Any = None
    values: dict[str, str | int | None] = {"kind": "LAGGED", "action": None, "id": None, "lost": None}
    if isinstance(event, Lagged):
        values["lost"] = event.count
    else:
        spec = root.exposed.spec
        if event.resource != spec.name:
            return None
        record = event.record
        kind = "GONE" if record is None else KINDS.get(event.kind, "UPDATED")
        # What is not served has no name here.
        served = any(getattr(each, "name", "") == event.action for each in root.exposed.section.actions)
        action = event.action if served and record is not None else None
        values = {"kind": kind, "action": action, "id": str(event.key), "lost": None}
        if record is not None and field.plan is not None and not field.plan.plain:
            try:
                record = await runner.record(field.plan, event.key)
            except Forbidden:
                record = None
            if record is None:
                return None
    return _event(field, values, record)


def _event(field: TopField, values: Mapping[str, Any], record: Any) -> dict[str, Any]:
    """An event as it is asked for."""
    shown: dict[str, Any] = {}
    for key, name, encode in field.payload:
        if name == TYPE_NAME:
            shown[key] = encode
        elif name == "record":
            shown[key] = None if record is None else encode(record)
        else:
            shown[key] = values[name]
    return shown


def _lagged(field: TopField, count: int) -> Told:
    values = {"kind": "LAGGED", "action": None, "id": None, "lost": count}
    return Told(document={"data": {field.key: _event(field, values, None)}})
