"""The ASGI application of GraphQL over HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack

from graphql import GraphQLSchema, print_schema
from starlette.requests import Request
from starlette.responses import Response as PlainResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from sorbus.apis.graphql.answering import Answerer, Response, refused
from sorbus.apis.graphql.callers import caller_of, client_of, is_still
from sorbus.apis.graphql.documents import Documents
from sorbus.apis.graphql.limits import Limits
from sorbus.apis.graphql.openings import Openings
from sorbus.apis.graphql.requests import (
    EVENTS,
    PLAIN,
    RESPONSE,
    Asked,
    check_content_type,
    from_body,
    from_query,
    media_type,
)
from sorbus.apis.graphql.scalars import UPLOAD
from sorbus.apis.graphql.schema import schema_of
from sorbus.apis.graphql.sockets import Sockets
from sorbus.apis.graphql.streams import Streams
from sorbus.apis.graphql.subscriptions import ShareKey, Subscriber
from sorbus.apis.graphql.surface import surface_of
from sorbus.apis.graphql.uploads import check_preflight, from_form
from sorbus.errors.http import MethodNotAllowed
from sorbus.http.application import HttpSettings, Interface
from sorbus.http.bodies import header, read_body
from sorbus.http.callers import scope_of
from sorbus.http.media_types import media_type_of
from sorbus.http.multipart import MULTIPART
from sorbus.http.problems import refusal_headers
from sorbus.http.replies import Header, Reply
from sorbus.resource.application import Sorbus
from sorbus.resource.graphql import GraphQL
from sorbus.resource.sections import section_of
from sorbus.scope import Scope
from sorbus.types.showing import to_json

PATH = "/graphql"
"""Where GraphQL is served."""

_METHODS = ("GET", "POST")
_VARY: tuple[Header, ...] = ((b"vary", b"accept"), (b"cache-control", b"no-store"))


class GraphqlApplication:
    """Serves one schema."""

    def __init__(self, subscriber: Subscriber, openings: Openings, settings: HttpSettings) -> None:
        self.answerer = subscriber.answerer
        self.settings = settings
        self.subscriber = subscriber
        self.openings = openings
        self.streams = Streams(settings.closing, seconds=self.answerer.limits.stream_seconds)
        self.uploads = self.answerer.schema.get_type(UPLOAD.name) is UPLOAD

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer one request; no error leaves it."""
        reply = await self._answer(scope, receive, send)
        if reply is not None:
            await reply.send(send)

    async def _answer(self, scope: AsgiScope, receive: Receive, send: Send) -> Reply | None:
        """The reply, or None when it has been sent as a stream."""
        where = f"{scope['method']} {scope['path']}"
        kind = RESPONSE
        with ExitStack() as counted:
            try:
                kind = media_type(header(scope, b"accept"))
                caller, asked = await self._read(scope, receive)
                if kind == EVENTS:
                    counted.enter_context(self.openings.one(caller_of(caller, client_of(scope))))
            except Exception as error:  # the boundary: everything becomes an error object
                return self._refused(error, kind, where=where)
            if kind == EVENTS and isinstance(asked, Asked) and not self._is_form(scope):
                await self._stream(scope, receive, send, asked, caller, where=where)
                return None
        kind = PLAIN if kind == EVENTS else kind
        if isinstance(asked, list):
            found = [await self.answerer.answer(each, caller, where=where) for each in asked]
            body = to_json([each.document for each in found])
            return Reply(status=200, body=body, media_type=kind, headers=_VARY)
        response = await self.answerer.answer(asked, caller, where=where)
        status = _status(response, kind)
        # What only POST may do came by GET.
        headers = (*_VARY, (b"allow", b"POST")) if status == 405 else _VARY
        return Reply(status=status, body=to_json(response.document), media_type=kind, headers=headers)

    async def _stream(
        self, scope: AsgiScope, receive: Receive, send: Send, asked: Asked, caller: Scope, *, where: str
    ) -> None:
        after = header(scope, b"last-event-id")
        position = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else None
        answers = self.subscriber.batches(asked, caller, after=position, where=where)

        async def still() -> bool:
            return await is_still(self.settings.scope_from, Request(scope), caller)

        await self.streams.serve(answers, receive, send, still=still)

    def _is_form(self, scope: AsgiScope) -> bool:
        """Whether a request is one with files, where there are any."""
        return self.uploads and media_type_of(header(scope, b"content-type")).kind == MULTIPART

    async def _read(self, scope: AsgiScope, receive: Receive) -> tuple[Scope, Asked | list[Asked]]:
        """Who calls, and what is asked."""
        method, limits = scope["method"], self.answerer.limits
        if method not in _METHODS:
            raise MethodNotAllowed(method, scope["path"], allowed=_METHODS)
        form = method == "POST" and self._is_form(scope)
        if form:
            check_preflight(scope["headers"])
        elif method == "POST":
            check_content_type(header(scope, b"content-type"))
        # Who calls is found out before a large body is read for them.
        caller = await scope_of(self.settings.scope_from, Request(scope))
        if method == "GET":
            return caller, from_query(scope["query_string"], limits)
        most = min(limits.upload if form else limits.body, self.settings.body_limit)
        body = await read_body(scope, receive, limit=most)
        if form:
            return caller, from_form(body, header(scope, b"content-type"), limits)
        return caller, from_body(body, limits)

    def _refused(self, error: BaseException, kind: bytes, *, where: str) -> Reply:
        response = refused(error, where=where)
        retry = response.document["errors"][0]["extensions"].get("retryAfter")
        again: tuple[Header, ...] = ((b"retry-after", b"%d" % retry),) if retry else ()
        return Reply(
            status=response.status,
            body=to_json(response.document),
            media_type=PLAIN if kind == EVENTS else kind,
            headers=(*_VARY, *refusal_headers(error), *again),
        )


def _status(response: Response, kind: bytes) -> int:
    """The HTTP status: plain JSON tells of a well-formed request that it was answered, whatever the answer is."""
    if kind == PLAIN and response.status == 400:
        return 200
    return response.status


class GraphqlInterface:
    """GraphQL with settings of its own; give it to `http_app`.

    Args:
        introspection: whether clients may ask for the schema.
        limits: the most that one request may ask.
        allowed: the only documents that are answered, as texts; None means any.
        persisted: whether clients may register documents and then send their hash alone.
        share: tells which subscribers may see the same, where their policies and actors do not show it: the same
            value for those who may. It stands for everything of the actor that policies ask for, since events are
            read in the scope of one of them. None says nothing.
        origins: web pages that may open sockets, as in `https://app.example.com`, besides the server's own.
        init_headers: names of headers that `scope_from` sees with the values that a client gives them in the payload
            of `connection_init`, under `headers`. Add none that a proxy sets and `scope_from` trusts.
    """

    def __init__(
        self,
        *,
        introspection: bool = True,
        limits: Limits | None = None,
        allowed: Iterable[str] | None = None,
        persisted: bool = True,
        share: ShareKey | None = None,
        origins: Iterable[str] = (),
        init_headers: Iterable[str] = ("authorization",),
    ) -> None:
        self.origins = tuple(origins)
        self.init_headers = tuple(init_headers)
        self.share = share
        self.introspection = introspection
        self.limits = limits or Limits()
        self.allowed = None if allowed is None else tuple(allowed)
        self.persisted = persisted

    def __call__(self, app: Sorbus, settings: HttpSettings, /) -> Sequence[BaseRoute]:
        """GraphQL under `/graphql`, over HTTP and WebSocket; where clients may see it, the schema beside it.

        Raises:
            DefinitionErrors: the `graphql` sections have mistakes; all of them are listed.
        """
        schema = schema_of(surface_of(app.spec))
        documents = Documents(
            schema,
            self.limits,
            introspection=self.introspection,
            allowed=self.allowed,
            persisted=self.persisted,
        )
        subscriber = Subscriber(app, Answerer(schema, documents, self.limits), share=self.share)
        most, each = self.limits.streams, self.limits.streams_each
        openings = Openings(settings.closing, most=most, each=each)
        sockets = Sockets(subscriber, openings, settings, origins=self.origins, headers=self.init_headers)
        routes: list[BaseRoute] = [
            Route(PATH, GraphqlApplication(subscriber, openings, settings)),
            WebSocketRoute(PATH, sockets),
        ]
        if self.introspection:
            routes.append(_description(schema))
        return routes


def _description(schema: GraphQLSchema) -> Route:
    text = print_schema(schema) + "\n"

    async def description(_: Request) -> PlainResponse:
        return PlainResponse(text, media_type="application/graphql")

    return Route(f"{PATH}/schema.graphql", description, methods=["GET"])


graphql_api: Interface = GraphqlInterface()
"""GraphQL under `/graphql`; give it to `http_app`."""


def has_graphql(app: Sorbus) -> bool:
    """Whether a resource of an application has a `graphql` section."""
    return any(section_of(spec, GraphQL) is not None for spec in app.spec.resources.values())
