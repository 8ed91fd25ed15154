"""Subscriptions: the events of a topic, each with its record as the subscriber may read it at that moment."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Hashable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from sorbus.apis.graphql.answering import Answerer, Prepared, Response, refused
from sorbus.apis.graphql.fanning import Fan, Selection, seat_of
from sorbus.apis.graphql.faults import of_field
from sorbus.apis.graphql.operations import Runner, TopField
from sorbus.apis.graphql.requests import Asked
from sorbus.apis.graphql.sharing import Reader, Told
from sorbus.apis.graphql.surface import Root
from sorbus.engine.topics import topic
from sorbus.errors.graphql import MalformedGraphqlRequest
from sorbus.errors.inputs import InvalidInput
from sorbus.resource.application import Sorbus
from sorbus.schema.resource import PRIMARY_READ
from sorbus.scope import Scope, tenant_key
from sorbus.types.showing import to_json

ShareKey = Callable[[Scope], Hashable | None]
"""What a caller sees like others: the same value for those who may see the same."""

BACKLOG = 1000
"""Events that wait for a slow reader; when more come they are dropped, and it is told how many."""


class Subscriber:
    """Answers operations as streams: subscriptions with every event, all others with one response.

    Args:
        share: tells which callers may see the same: those for whom it gives the same value, in one tenant. None is a
            caller of whom only the policies tell.
    """

    def __init__(self, app: Sorbus, answerer: Answerer, *, share: ShareKey | None = None) -> None:
        self.app = app
        self.answerer = answerer
        self.share = share
        self.fans: dict[Hashable, Fan] = {}

    async def answers(
        self, asked: Asked, scope: Scope, *, after: int | None, where: str
    ) -> AsyncGenerator[Told]:
        """The responses to a request, one after the other; no error leaves it.

        A subscription begins with `LISTENING`, unless it cannot be.

        Args:
            after: the position of the last event that was dealt with.
        """
        async with aclosing(self.batches(asked, scope, after=after, where=where)) as found:
            async for batch in found:
                for each in batch:
                    yield each

    async def batches(
        self, asked: Asked, scope: Scope, *, after: int | None, where: str
    ) -> AsyncGenerator[Sequence[Told]]:
        """The same, as many responses at a time as have come."""
        try:
            prepared = self.answerer.prepare(asked, streams=True)
            alike = self.share(scope) if self.share is not None else None
        except Exception as error:  # the boundary: everything becomes an error object
            yield (Told(document=refused(error, where=where).document),)
            return
        if not prepared.operation.subscribes:
            response: Response = await self.answerer.run(prepared, scope, where=where)
            yield (Told(document=response.document),)
            return
        (field,) = prepared.operation.fields
        try:
            fan, reader, selection = await self._opened(
                field, prepared, scope, alike, after=after, where=where
            )
        except Exception as error:  # the boundary: everything becomes an error object
            yield (Told(document={"errors": of_field(error, field.root, [field.key], where=where)}),)
            return
        fan.join(reader)
        try:
            async with aclosing(reader.batches(selection.lagged)) as found:
                async for each in found:
                    yield each
        finally:
            await fan.leave(reader)

    async def _opened(
        self,
        field: TopField,
        prepared: Prepared,
        scope: Scope,
        alike: Hashable | None,
        *,
        after: int | None,
        where: str,
    ) -> tuple[Fan, Reader, Selection]:
        """A reader, and the fan that it joins.

        Raises:
            SorbusError: it cannot be listened to.
        """
        root, arguments = field.root, field.arguments
        if root is None or root.topic is None or arguments is None:
            raise MalformedGraphqlRequest("a subscription asks for one field of `Subscription`")
        values = _values(root, arguments.values(prepared.variables))
        scope.need_runtime().reader.check(root.exposed.spec, PRIMARY_READ, scope, None)
        reader = Reader(scope, seat_of(scope, alike), BACKLOG, await self._known(root, values, scope))
        selection = self._selection(field, root, prepared, where)
        fan = self._fan(topic(root.topic.text, **values), selection, prepared, scope, after)
        return fan, reader, selection

    def _selection(self, field: TopField, root: Root, prepared: Prepared, where: str) -> Selection:
        def runner(scope: Scope, events: int) -> Runner:
            # Each event has what one request has.
            most = self.answerer.limits.complexity * events
            return Runner(scope, prepared.variables, prepared.raw, most=most)

        return Selection(field=field, root=root, runner=runner, where=where)

    def _fan(
        self, name: str, selection: Selection, prepared: Prepared, scope: Scope, after: int | None
    ) -> Fan:
        """What is open already for the same request, or anew; whoever goes on from a position has one alone."""
        tenant: Any = tenant_key(scope.tenant)
        # The operation is part of the key by itself, so that its place in memory is not given to another one.
        kind: type[Any] = tenant.__class__
        key: Hashable = (name, kind, tenant, prepared.operation, to_json(prepared.raw))
        if after is not None:
            key = object()
        found = self.fans.get(key)
        if found is None:
            listening = self.app.subscribe(name, scope, after=after, backlog=BACKLOG)
            found = self.fans[key] = Fan(listening, selection, lambda ended: self._forget(key, ended))
        return found

    def _forget(self, key: Hashable, ended: Fan) -> None:
        if self.fans.get(key) is ended:
            del self.fans[key]

    async def _known(self, root: Root, values: Mapping[str, Any], scope: Scope) -> dict[str, None]:
        """The key of the record that is asked for, if the scope may read it: then it is told when it goes."""
        spec = root.exposed.spec
        key = values.get(spec.primary_key.name)
        if key is None:
            return {}
        python: Any = spec.python
        rows = await python.query().where(getattr(python, spec.primary_key.name) == key).all(scope)
        return {str(key): None} if rows else {}


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
