"""The ASGI application of JSON:API: finds the route of a request by look-up, and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from sorbus.apis.json_api.documents import RecordDocuments
from sorbus.apis.json_api.faults import error_reply
from sorbus.apis.json_api.handlers import NOTHING_LINKED, Call, Handler, Handlers
from sorbus.apis.json_api.negotiation import check_accept, check_content_type
from sorbus.apis.json_api.openapi import openapi_bytes
from sorbus.apis.json_api.routes import RouteSpec, routes_of
from sorbus.apis.json_api.surface import surface_of
from sorbus.errors.http import MethodNotAllowed, NoSuchRoute
from sorbus.http.application import HttpSettings
from sorbus.http.bodies import ClientGone, header, read_body
from sorbus.http.callers import scope_of
from sorbus.http.replies import Reply
from sorbus.resource.application import Sorbus

PREFIX = "/api"
"""Where JSON:API is mounted."""


@dataclass(slots=True)
class Place:
    """The routes of one path, by method."""

    routes: dict[str, tuple[RouteSpec, Handler]] = field(default_factory=dict[str, tuple[RouteSpec, Handler]])

    @property
    def methods(self) -> tuple[str, ...]:
        """Every method that the path takes."""
        extra = ("HEAD", "OPTIONS") if "GET" in self.routes else ("OPTIONS",)
        return tuple(sorted((*self.routes, *extra)))

    def route(self, method: str, path: str) -> tuple[RouteSpec, Handler]:
        """The route of a method and its handler.

        Raises:
            MethodNotAllowed: the path does not take it.
        """
        found = self.routes.get("GET" if method == "HEAD" else method)
        if found is None:
            raise MethodNotAllowed(method, path, allowed=self.methods)
        return found


class JsonApiApplication:
    """Serves the routes of one application under a prefix."""

    def __init__(
        self, routes: Sequence[RouteSpec], handlers: Handlers, settings: HttpSettings, *, prefix: str
    ) -> None:
        self.settings = settings
        self.prefix = prefix
        self.places: Mapping[str, Place] = MappingProxyType(_places(routes, handlers))

    def find(self, path: str) -> tuple[Place, str | None]:
        """The routes of a path, and the key in it.

        Raises:
            NoSuchRoute: nothing is served there.
        """
        found = self.places.get(path)
        if found is not None and "{id}" not in path:
            return found, None
        head, _, tail = path.rpartition("/")
        found = self.places.get(f"{head}/{{id}}")
        if found is not None and tail:
            return found, tail
        head, _, key = head.rpartition("/")
        found = self.places.get(f"{head}/{{id}}/{tail}")
        if found is not None and key:
            return found, key
        raise NoSuchRoute(self.prefix + path)

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer one request; no error leaves it."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000, "reason": None})
            return
        method: str = scope["method"]
        try:
            reply = await self._reply(scope, receive)
        except ClientGone:
            return
        await reply.send(send, head=method == "HEAD")

    async def _reply(self, scope: AsgiScope, receive: Receive) -> Reply:
        method: str = scope["method"]
        where = f"{method} {scope['path']}"
        route: RouteSpec | None = None
        call: Call | None = None
        try:
            path: str = scope["path"].removeprefix(scope.get("root_path", ""))
            place, key = self.find(path)
            if method == "OPTIONS":
                return Reply(status=204, headers=((b"allow", ", ".join(place.methods).encode()),))
            route, handler = place.route(method, scope["path"])
            call = await self._call(scope, receive, route, key)
            return await handler(call)
        except ClientGone:
            raise
        except Exception as error:  # the boundary: everything becomes an error document
            linked = call.linked if call is not None else NOTHING_LINKED
            return error_reply(error, where=where, route=route, linked=linked)

    async def _call(self, scope: AsgiScope, receive: Receive, route: RouteSpec, key: str | None) -> Call:
        """The request as a call: negotiated, read, and with who calls."""
        check_accept(header(scope, b"accept"))
        # Who calls is found out before a large body is read for them.
        caller = await scope_of(self.settings.scope_from, Request(scope))
        body = b""
        if route.kind.takes_body:
            body = await read_body(scope, receive, limit=self.settings.body_limit)
            if body:
                check_content_type(header(scope, b"content-type"))
        return Call(scope=caller, path=scope["path"], query=scope["query_string"], key=key, body=body)


def _places(routes: Sequence[RouteSpec], handlers: Handlers) -> dict[str, Place]:
    found: dict[str, Place] = {}
    for route in routes:
        place = found.setdefault(route.path, Place())
        place.routes[route.method] = (route, handlers.handler(route))
    return found


def json_api(app: Sorbus, settings: HttpSettings) -> Sequence[BaseRoute]:
    """JSON:API under `/api`, with its description at `/api/openapi.json`; give it to `http_app`.

    Raises:
        DefinitionErrors: the `json_api` sections have mistakes; all of them are listed.
    """
    surface = surface_of(app.spec)
    routes = routes_of(surface)
    handlers = Handlers(surface, RecordDocuments(), prefix=PREFIX)
    serving = JsonApiApplication(routes, handlers, settings, prefix=PREFIX)
    description = openapi_bytes(surface, routes, title=app.name, prefix=PREFIX)

    async def openapi(_: Request) -> Response:
        return Response(description, media_type="application/json")

    return [Route(f"{PREFIX}/openapi.json", openapi, methods=["GET"]), Mount(PREFIX, app=serving)]
