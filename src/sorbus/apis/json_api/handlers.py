"""Handlers: one for each route, made once; each reads the request, calls the engine, and answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from sorbus.apis.json_api.bodies import BodyReader, Inputs
from sorbus.apis.json_api.documents import VERSION, Documents, Links
from sorbus.apis.json_api.encoding import EncoderFactory, to_json
from sorbus.apis.json_api.filters import Filters
from sorbus.apis.json_api.negotiation import MEDIA_TYPE
from sorbus.apis.json_api.parameters import ParameterReader, Parameters
from sorbus.apis.json_api.routes import RouteKind, RouteSpec
from sorbus.apis.json_api.surface import Surface
from sorbus.apis.json_api.views import NO_FIELD_SETS, View, view_of
from sorbus.changeset.outcome import UpsertOutcome, outcome_of
from sorbus.errors.inputs import NotFound
from sorbus.http.replies import Header, Reply
from sorbus.query.query import Query
from sorbus.scope import Scope

_VARY: tuple[Header, ...] = ((b"vary", b"accept"),)
_MEDIA_TYPE = MEDIA_TYPE.encode()

NOTHING_LINKED: Mapping[str, str] = MappingProxyType({})
"""The `linked` of a call without relationships in its body."""


@dataclass(slots=True, kw_only=True)
class Call:
    """One request to a route.

    Attributes:
        key: the key in the path.
        linked: set once the body has been read: the inputs that were given by relationships.
    """

    scope: Scope
    path: str
    query: bytes = b""
    key: str | None = None
    body: bytes = b""
    linked: Mapping[str, str] = field(default=NOTHING_LINKED)


Handler = Callable[[Call], Awaitable[Reply]]


class Handlers:
    """Makes the handlers of an application's routes.

    Args:
        documents: who makes the documents.
    """

    def __init__(self, surface: Surface, documents: Documents, *, prefix: str) -> None:
        self.surface = surface
        self.documents = documents
        self.prefix = prefix
        self.encoders = EncoderFactory(surface, prefix=prefix)
        self.filters = {each.spec.name: Filters(each) for each in surface.exposed.values()}

    def handler(self, route: RouteSpec) -> Handler:
        """The handler of a route."""
        parts = _Parts(route, self)
        match route.kind:
            case RouteKind.GET:
                return self._get(parts)
            case RouteKind.INDEX | RouteKind.READ:
                return self._list(parts)
            case RouteKind.CREATE:
                return self._create(parts)
            case RouteKind.UPDATE:
                return self._update(parts)
            case RouteKind.DESTROY:
                return self._destroy(parts)
            case RouteKind.GENERIC:
                return self._generic(parts)

    def _get(self, parts: _Parts) -> Handler:
        async def get(call: Call) -> Reply:
            view = parts.view(parts.parameters.read(call.query))
            return _ok(await self.documents.single(view, call.scope, parts.key(call)))

        return get

    def _list(self, parts: _Parts) -> Handler:
        route, action = parts.route, parts.action
        python, path = route.exposed.spec.python, self.prefix + route.path

        async def listing(call: Call) -> Reply:
            found = parts.parameters.read(call.query)
            scope = call.scope
            query: Query[Any]
            if route.kind is RouteKind.INDEX:
                query = Query(resource=python, scope=scope)
            else:
                query = scope.need_runtime().read_action(action, scope, found.inputs, ())
            if found.conditions:
                query = query.where(*found.conditions)
            if found.sorts:
                query = query.order_by(*found.sorts)
            return _ok(
                await self.documents.listing(
                    parts.view(found),
                    scope,
                    query,
                    paging=found.paging,
                    links=Links(path=path, query=call.query.decode("latin-1")),
                )
            )

        return listing

    def _create(self, parts: _Parts) -> Handler:
        exposed = parts.route.exposed
        location = (self.prefix + exposed.path + "/").encode() if exposed.gettable else b""

        async def create(call: Call) -> Reply:
            view = parts.view(parts.parameters.read(call.query))
            inputs = parts.inputs(call)
            scope = call.scope
            record = await scope.need_runtime().create(parts.action, scope, inputs.values, ())
            headers = _VARY
            if location:
                key = str(record.__dict__[exposed.spec.primary_key.name])
                headers = (*_VARY, (b"location", location + parts.quoted(key)))
            # An upsert may have found a row.
            made = outcome_of(record) in (None, UpsertOutcome.INSERTED)
            body = await self.documents.written(view, scope, record)
            return Reply(status=201 if made else 200, body=body, media_type=_MEDIA_TYPE, headers=headers)

        return create

    def _update(self, parts: _Parts) -> Handler:
        async def update(call: Call) -> Reply:
            view = parts.view(parts.parameters.read(call.query))
            scope, key = call.scope, parts.key(call)
            inputs = parts.inputs(call)
            record = await scope.need_runtime().update(parts.action, scope, key, inputs.values, ())
            return _ok(await self.documents.written(view, scope, record))

        return update

    def _destroy(self, parts: _Parts) -> Handler:
        async def destroy(call: Call) -> Reply:
            parts.parameters.read(call.query)
            scope, key = call.scope, parts.key(call)
            inputs = parts.inputs(call)
            await scope.need_runtime().destroy(parts.action, scope, key, inputs.values, ())
            return Reply(status=204, headers=_VARY)

        return destroy

    def _generic(self, parts: _Parts) -> Handler:
        async def generic(call: Call) -> Reply:
            parts.parameters.read(call.query)
            inputs = parts.inputs(call)
            answer = await call.scope.need_runtime().generic(parts.action, call.scope, inputs.values, ())
            return _ok(to_json({"meta": {"result": answer}, "jsonapi": VERSION}))

        return generic


class _Parts:
    """What the handler of one route needs, made once."""

    def __init__(self, route: RouteSpec, handlers: Handlers) -> None:
        spec = route.exposed.spec
        self.route = route
        self.action: Any = getattr(spec.python, route.action.name, None)
        self.parameters = ParameterReader(route, handlers.surface, handlers.filters[spec.name])
        self.body = BodyReader(route, handlers.surface)
        self.encoders = handlers.encoders
        self.default = view_of(self.encoders, route.exposed, fields=NO_FIELD_SETS, includes=frozenset())
        self._key_of = spec.primary_key.type.adapter.validate_strings

    def view(self, parameters: Parameters) -> View:
        """The view that the parameters ask for."""
        if not parameters.shapes:
            return self.default
        return view_of(
            self.encoders, self.route.exposed, fields=parameters.fields, includes=parameters.includes
        )

    def key(self, call: Call) -> Any:
        """The key in the path, in its declared type.

        Raises:
            NotFound: it can be no key.
        """
        text = call.key or ""
        try:
            return self._key_of(text if text.isprintable() else "")
        except ValueError:
            raise NotFound(self.route.exposed.spec.name, text[:100]) from None

    def inputs(self, call: Call) -> Inputs:
        """The inputs in the body; what was given by relationships is noted on the call, for its errors."""
        found = self.body.read(call.body, key=call.key)
        call.linked = found.linked
        return found

    def quoted(self, key: str) -> bytes:
        """A key as part of a path."""
        return quote(key, safe="").encode()


def _ok(body: bytes) -> Reply:
    return Reply(body=body, media_type=_MEDIA_TYPE, headers=_VARY)
