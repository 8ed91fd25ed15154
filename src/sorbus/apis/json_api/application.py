"""The ASGI application of JSON:API: finds the route of a request by look-up, and answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from sorbus.apis.json_api.faults import error_reply
from sorbus.apis.json_api.handlers import Call, Handler, Handlers
from sorbus.apis.json_api.negotiation import check_accept, check_content_type
from sorbus.apis.json_api.openapi import openapi_bytes
from sorbus.apis.json_api.routes import RouteKind, RouteSpec, routes_of
from sorbus.apis.json_api.surface import surface_of
from sorbus.apis.json_api.uploads import takes_files
from sorbus.apis.json_api.written import WrittenDocuments
from sorbus.errors.http import ChangeNotServed, MethodNotAllowed, NoSuchRoute
from sorbus.http.application import HttpSettings
from sorbus.http.bodies import header, read_body
from sorbus.http.callers import key_scheme_of, scope_of
from sorbus.http.media_types import media_type_of
from sorbus.http.multipart import MULTIPART, check_not_from_elsewhere
from sorbus.http.replies import Reply
from sorbus.resource.application import Sorbus

PREFIX = "/api"
"""Where JSON:API is mounted."""


@dataclass(slots=True)
class Place:
    """The routes of one path, by method."""

    routes: dict[str, tuple[RouteSpec, Handler]] = field(default_factory=dict[str, tuple[RouteSpec, Handler]])

    @property
    def changing(self) -> Mapping[str, str]:
        """The methods that would change what is read here, and what that is: JSON:API refuses them with 403."""
        kinds = {route.kind for route, _ in self.routes.values()}
        if RouteKind.LINKAGE in kinds:
            return dict.fromkeys(("PATCH", "POST", "DELETE"), "relationship")
        return {"PATCH": "record"} if RouteKind.GET in kinds else {}

    @property
    def methods(self) -> tuple[str, ...]:
        """Every method that the path takes."""
        extra = ("HEAD", "OPTIONS") if "GET" in self.routes else ("OPTIONS",)
        return tuple(sorted((*self.routes, *extra)))

    def route(self, method: str, path: str) -> tuple[RouteSpec, Handler]:
        """The route of a method and its handler.

        Raises:
            MethodNotAllowed: the path does not take it.
            ChangeNotServed: it is about a record or relationship, which is not changed here.
        """
        found = self.routes.get("GET" if method == "HEAD" else method)
        if found is None:
            changing = self.changing.get(method, "")
            if changing:
                raise ChangeNotServed(method, path, what=changing, allowed=self.methods)
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
        parts = [unquote(each) for each in path.split("/")]
        slashes = [place for place, each in enumerate(parts) if "/" in each]
        if not slashes and (found := self.places.get("/".join(parts))) is not None and "{id}" not in parts:
            return found, None
        # Where the key may stand: last, before a name, and before `relationships` and a name.
        for after in range(1, min(4, len(parts) - 1)):
            place = len(parts) - after
            head, key, tail = parts[:place], parts[place], parts[place + 1 :]
            found = self.places.get("/".join([*head, "{id}", *tail]))
            # Only a key may hold a slash.
            if found is not None and key and slashes in ([], [place]):
                return found, key
        raise NoSuchRoute(self.prefix + path)

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer one request; no error leaves it."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000, "reason": None})
            return
        method: str = scope["method"]
        reply = await self._reply(scope, receive)
        await reply.send(send, head=method == "HEAD")

    async def _reply(self, scope: AsgiScope, receive: Receive) -> Reply:
        method: str = scope["method"]
        where = f"{method} {scope['path']}"
        route: RouteSpec | None = None
        call: Call | None = None
        try:
            path = _path_of(scope)
            place, key = self.find(path)
            if method == "OPTIONS":
                return Reply(status=204, headers=((b"allow", ", ".join(place.methods).encode()),))
            route, handler = place.route(method, scope["path"])
            call = await self._call(scope, receive, route, key)
            call.route_path = path
            return await handler(call)
        except Exception as error:  # the boundary: everything becomes an error document
            if call is None:
                return error_reply(error, where=where, route=route)
            # Of a form only one part is a document.
            body = None if call.form else call.body
            return error_reply(error, where=where, route=route, linked=call.linked, body=body)

    async def _call(self, scope: AsgiScope, receive: Receive, route: RouteSpec, key: str | None) -> Call:
        """The request as a call: negotiated, read, and with who calls."""
        check_accept(header(scope, b"accept"))
        # Who calls is found out before a large body is read for them.
        caller = await scope_of(self.settings.scope_from, Request(scope))
        body, form = b"", ""
        if route.kind.takes_body:
            body = await read_body(scope, receive, limit=self.settings.body_limit)
            if body:
                form = _check_type(scope, route)
        return Call(
            scope=caller, path=scope["path"], query=scope["query_string"], key=key, body=body, form=form
        )


def _check_type(scope: AsgiScope, route: RouteSpec) -> str:
    """The Content-Type of a form with files; empty for a document.

    Raises:
        UnsupportedMediaType: the body is of a type that is not read here.
        CrossOrigin: it is a form that a page from elsewhere sends.
    """
    given = header(scope, b"content-type")
    if not takes_files(route) or media_type_of(given).kind != MULTIPART:
        check_content_type(given)
        return ""
    check_not_from_elsewhere(
        header(scope, b"sec-fetch-site"), header(scope, b"origin"), header(scope, b"host")
    )
    return given


def _path_of(scope: AsgiScope) -> str:
    """The path below the prefix, as the client wrote it: a key may hold an encoded slash.

    A server that does not say how it was written, or rewrote it, gives the decoded one.
    """
    root: str = scope.get("root_path", "")
    decoded: str = scope["path"]
    raw = scope.get("raw_path") or b""
    written = raw.partition(b"?")[0].decode("latin-1")
    if unquote(written) == decoded and written.startswith(root):
        return written.removeprefix(root)
    return quote(decoded.removeprefix(root), safe="/")


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
    handlers = Handlers(surface, WrittenDocuments(), prefix=PREFIX)
    serving = JsonApiApplication(routes, handlers, settings, prefix=PREFIX)
    scheme = key_scheme_of(settings.scope_from)
    description = openapi_bytes(surface, routes, title=app.name, prefix=PREFIX, scheme=scheme)

    async def openapi(_: Request) -> Response:
        return Response(description, media_type="application/json")

    below = Mount(PREFIX, app=serving)
    # Everything below belongs to this interface and its errors, a path with a line break in it too.
    below.path_regex = re.compile(below.path_regex.pattern, re.DOTALL)
    return [Route(f"{PREFIX}/openapi.json", openapi, methods=["GET"]), below]
