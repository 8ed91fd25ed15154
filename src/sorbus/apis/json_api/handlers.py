"""Handlers: one for each route, made once; each reads the request, calls the engine, and answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from sorbus.apis.json_api.bodies import BodyReader, Given, Inputs
from sorbus.apis.json_api.documents import VERSION, Documents, Links
from sorbus.apis.json_api.encoding import EncoderFactory
from sorbus.apis.json_api.filters import FilterBook
from sorbus.apis.json_api.negotiation import HEADERS, MEDIA_TYPE
from sorbus.apis.json_api.parameters import ParameterReader, Parameters
from sorbus.apis.json_api.related import Source
from sorbus.apis.json_api.routes import RouteKind, RouteSpec
from sorbus.apis.json_api.surface import Surface
from sorbus.apis.json_api.uploads import UploadReader
from sorbus.apis.json_api.views import View, ViewRequest, view_of
from sorbus.changeset.outcome import UpsertOutcome, outcome_of
from sorbus.errors.base import Forbidden
from sorbus.errors.inputs import NotFound
from sorbus.http.replies import Reply
from sorbus.query.keys import key_of
from sorbus.query.query import Query
from sorbus.scope import Scope
from sorbus.types.showing import to_json

_MEDIA_TYPE = MEDIA_TYPE.encode()

_LARGEST_CACHE = 500

_IN_LINKS = "".join(chr(each) for each in range(33, 127))

NOTHING_LINKED: Mapping[str, Given] = MappingProxyType({})
"""The `linked` of a call without relationships in its body."""


NO_FILES: Mapping[str, Any] = MappingProxyType({})


@dataclass(slots=True, kw_only=True)
class Call:
    """One request to a route.

    Attributes:
        route_path: the path below where JSON:API is mounted, as the client wrote it.
        key: the key in the path.
        form: the Content-Type of a body that is a form with files; empty for a document.
        linked: set once the body has been read: the inputs that were given by resource identifiers.
    """

    scope: Scope
    path: str
    route_path: str = ""
    query: bytes = b""
    key: str | None = None
    body: bytes = b""
    form: str = ""
    linked: Mapping[str, Given] = field(default=NOTHING_LINKED)


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
        self.filters = FilterBook(surface)

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
            case RouteKind.RELATED:
                return self._related(parts)
            case RouteKind.LINKAGE:
                return self._linkage(parts)
            case RouteKind.REPLACE | RouteKind.ADD | RouteKind.REMOVE:
                return self._link(parts)

    def _get(self, parts: _Parts) -> Handler:
        async def get(call: Call) -> Reply:
            view = parts.view(parts.parameters.read(call.query))
            key, itself = parts.key(call), self._links(call).itself
            return _ok(await self.documents.single(view, call.scope, key, itself=itself))

        return get

    def _list(self, parts: _Parts) -> Handler:
        route, action = parts.route, parts.action
        python = route.exposed.spec.python

        async def listing(call: Call) -> Reply:
            found = parts.parameters.read(call.query)
            scope = call.scope
            query: Query[Any]
            if route.kind is RouteKind.INDEX:
                query = Query(resource=python, scope=scope)
            else:
                query = scope.need_runtime().read_action(action, scope, found.inputs, ())
            return _ok(
                await self.documents.listing(
                    parts.view(found),
                    scope,
                    _asked(query, found),
                    paging=found.paging,
                    links=self._links(call),
                )
            )

        return listing

    def _links(self, call: Call) -> Links:
        # The path as it came, with its key still encoded.
        # What a client sends as it is, such as letters beyond ASCII, is written as links have to be.
        query = call.query.decode() if call.query.isascii() else quote(call.query, safe=_IN_LINKS)
        return Links(path=self.prefix + call.route_path, query=query)

    def _source(self, parts: _Parts, call: Call) -> Source:
        relationship = parts.route.relationship
        assert relationship is not None
        exposed = parts.route.exposed
        path = f"{self.prefix}{exposed.path}/{quote(call.key or '', safe='')}"
        return Source(exposed=exposed, relationship=relationship, key=parts.key(call), path=path)

    def _related(self, parts: _Parts) -> Handler:
        python = parts.route.shown.spec.python

        async def related(call: Call) -> Reply:
            found = parts.parameters.read(call.query)
            query: Query[Any] = _asked(Query(resource=python), found)
            return _ok(
                await self.documents.related(
                    parts.view(found),
                    call.scope,
                    self._source(parts, call),
                    query,
                    paging=found.paging,
                    links=self._links(call),
                )
            )

        return related

    def _linkage(self, parts: _Parts) -> Handler:
        async def linkage(call: Call) -> Reply:
            return _ok(await self._identifiers(parts, call, parts.parameters.read(call.query)))

        return linkage

    async def _identifiers(self, parts: _Parts, call: Call, found: Parameters) -> bytes:
        shown = parts.route.shown
        query: Query[Any] = _asked(Query(resource=shown.spec.python), found)
        return await self.documents.linkage(
            call.scope,
            self._source(parts, call),
            query,
            kind=shown.type,
            paging=found.paging,
            links=self._links(call),
        )

    def _link(self, parts: _Parts) -> Handler:
        async def link(call: Call) -> Reply:
            found = parts.parameters.read(call.query)
            scope, key = call.scope, parts.key(call)
            inputs = parts.body.read_linkage(call.body)
            call.linked = inputs.linked
            await scope.need_runtime().update(parts.action, scope, key, inputs.values, ())
            try:
                return _ok(await self._identifiers(parts, call, found))
            except (Forbidden, NotFound):
                # It is written, though the actor may not read it: the request has succeeded all the same.
                return Reply(status=204, headers=HEADERS)

        return link

    def _create(self, parts: _Parts) -> Handler:
        exposed = parts.route.exposed
        location = (self.prefix + exposed.path + "/").encode() if exposed.gettable else b""

        async def create(call: Call) -> Reply:
            view = parts.view(parts.parameters.read(call.query))
            inputs = parts.inputs(call)
            scope = call.scope
            record = await scope.need_runtime().create(parts.action, scope, inputs.values, ())
            headers = HEADERS
            if location:
                key = str(record.__dict__[exposed.spec.primary_key.name])
                headers = (*HEADERS, (b"location", location + parts.quoted(key)))
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
            return Reply(status=204, headers=HEADERS)

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
        self.parameters = ParameterReader(route, handlers.surface, handlers.filters)
        self.body = BodyReader(route)
        self.uploads = UploadReader(route)
        self.encoders = handlers.encoders
        self._views: dict[Any, View] = {}

    @cached_property
    def default(self) -> View:
        """What is shown when nothing else is asked for."""
        return view_of(self.encoders, self.route.shown, ViewRequest())

    def view(self, parameters: Parameters) -> View:
        """The view that the parameters ask for."""
        if not parameters.shapes:
            return self.default
        wanted = ViewRequest(
            fields=parameters.fields,
            calls=parameters.calls,
            includes=parameters.includes,
            included=parameters.included,
            compound=parameters.compound,
        )
        if wanted.included or wanted.calls:  # what they say holds values
            return view_of(self.encoders, self.route.shown, wanted)
        key = (frozenset(wanted.fields.items()), wanted.includes, wanted.compound)
        found = self._views.get(key)
        if found is None:
            if len(self._views) >= _LARGEST_CACHE:
                self._views.clear()
            found = self._views[key] = view_of(self.encoders, self.route.shown, wanted)
        return found

    def key(self, call: Call) -> Any:
        """The key in the path, in its declared type.

        Raises:
            NotFound: it can be no key.
        """
        return key_of(self.route.exposed.spec, call.key or "")

    def inputs(self, call: Call) -> Inputs:
        """The inputs in the body; what was given by relationships is noted on the call, for its errors."""
        document, files = call.body, NO_FILES
        if call.form:
            document, files = self.uploads.read(call.body, call.form)
        found = self.body.read(document, key=call.key)
        call.linked = found.linked
        return replace(found, values={**found.values, **files}) if files else found

    def quoted(self, key: str) -> bytes:
        """A key as part of a path."""
        return quote(key, safe="").encode()


def _asked(query: Query[Any], found: Parameters) -> Query[Any]:
    """The query with the conditions and the order that a request asks for."""
    if found.conditions:
        query = query.where(*found.conditions)
    return query.order_by(*found.sorts) if found.sorts else query


def _ok(body: bytes) -> Reply:
    return Reply(body=body, media_type=_MEDIA_TYPE, headers=HEADERS)
