"""The ASGI application of MCP: Streamable HTTP without sessions, one message in, one answer out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from sorbus.apis.mcp.headers import check_headers, check_media_types
from sorbus.apis.mcp.origins import Origins
from sorbus.apis.mcp.protocol import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    UNSUPPORTED_VERSION,
    Message,
    Request,
    RpcError,
    decoded,
    id_of,
    request_of,
)
from sorbus.apis.mcp.server import McpServer, server_of
from sorbus.errors.http import MethodNotAllowed
from sorbus.http.application import HttpSettings, Interface
from sorbus.http.bodies import header, read_body
from sorbus.http.callers import scope_of
from sorbus.http.faults import fault_of
from sorbus.http.hosts import Hosts
from sorbus.http.problems import refusal_headers, retry_headers
from sorbus.http.replies import Header, Reply
from sorbus.resource.application import Sorbus
from sorbus.resource.mcp import Mcp
from sorbus.resource.sections import section_of
from sorbus.scope import Scope
from sorbus.types.showing import to_json

PATH = "/mcp"
"""Where MCP is served."""

BODY_LIMIT = 4 * 1024 * 1024
"""The most bytes of one message, unless the application's own limit is lower."""

_NOT_STORED: tuple[Header, ...] = ((b"cache-control", b"no-store"),)
_REFUSED = {PARSE_ERROR, INVALID_REQUEST, HEADER_MISMATCH, UNSUPPORTED_VERSION}
"""Errors of the message itself; they are 400 in every revision."""


class _ClientGone(Exception):
    """The client went away before its answer was ready; nobody waits for it."""


class McpApplication:
    """Answers HTTP requests."""

    def __init__(self, server: McpServer, settings: HttpSettings, origins: Origins) -> None:
        self.server = server
        self.settings = settings
        self.origins = origins
        self.body_limit = min(BODY_LIMIT, settings.body_limit)

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer one request; no error leaves it."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000, "reason": None})
            return
        try:
            reply = await self._reply(scope, receive)
        except _ClientGone:
            return
        await reply.send(send)

    async def _reply(self, scope: AsgiScope, receive: Receive) -> Reply:
        message: Any = None
        try:
            self._check(scope)
            # Who calls is found out before a large body is read for them.
            caller = await scope_of(self.settings.scope_from, HttpRequest(scope))
            message = decoded(await read_body(scope, receive, limit=self.body_limit))
            request = request_of(message)
            if request is None:
                return Reply(status=202)
            check_headers(scope, request)
            if request.notification:
                return Reply(status=202)
            return await self._answer(caller, request, receive)
        except _ClientGone:
            raise
        except RpcError as error:
            return _reply(error.response(id_of(message)), modern=False)
        except Exception as error:  # the boundary: everything becomes an error of the protocol
            return _refusal(error, where=f"{scope['method']} {scope['path']}")

    def _check(self, scope: AsgiScope) -> None:
        """Nothing, when a message may come in."""
        self.origins.check(header(scope, b"host"), header(scope, b"origin"))
        if scope["method"] != "POST":
            # There is no stream to listen to and no session to end.
            raise MethodNotAllowed(scope["method"], scope["path"], allowed=("POST",))
        check_media_types(accept=header(scope, b"accept"), content_type=header(scope, b"content-type"))

    async def _answer(self, caller: Scope, request: Request, receive: Receive) -> Reply:
        """The answer to a request; it is given up when the client goes away, which is how clients cancel."""
        working = asyncio.create_task(self.server.answer(request, caller))
        watching = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise _ClientGone
            return _reply(working.result(), modern=request.modern)
        finally:
            working.cancel()
            watching.cancel()
            await asyncio.gather(working, watching, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _reply(message: Message, *, modern: bool) -> Reply:
    status, error = 200, message.get("error")
    if error is not None:
        code = error["code"]
        if code in _REFUSED or (modern and code == INVALID_PARAMS):
            status = 400
        elif modern and code == METHOD_NOT_FOUND:
            status = 404
    return Reply(status=status, body=to_json(message), headers=_NOT_STORED)


def _refusal(error: Exception, *, where: str) -> Reply:
    """The reply to a request of which no message was read."""
    fault = fault_of(error, where=where)
    data = {"code": fault.code, **({"hint": fault.hint} if fault.hint else {})}
    headers: tuple[Header, ...] = (*_NOT_STORED, *retry_headers(fault), *refusal_headers(error))
    message = RpcError(INVALID_REQUEST, fault.detail, data).response(None)
    return Reply(status=fault.status, body=to_json(message), headers=headers)


class McpInterface:
    """MCP with settings of its own; give it to `http_app`.

    Args:
        hosts: names by which the server is known, without ports, besides those of this machine and those that
            `http_app` is given: a request for another host is refused, since a web page may have rebound its own
            name. `"*"` allows any, for a server behind a proxy that checks them.
        origins: web pages that may call, as in `https://chat.example.com`, besides the server's own.
        instructions: what a model should know about the whole application.

    Raises:
        BadHostName: one of the names is none.
    """

    def __init__(
        self, *, hosts: Iterable[str] = (), origins: Iterable[str] = (), instructions: str = ""
    ) -> None:
        self.hosts = Hosts(hosts)
        self.origins = tuple(origins)
        self.instructions = instructions

    def __call__(self, app: Sorbus, settings: HttpSettings, /) -> Sequence[BaseRoute]:
        """MCP at `/mcp`.

        Raises:
            DefinitionErrors: the `mcp` sections have mistakes; all of them are listed.
        """
        server = server_of(app, instructions=self.instructions)
        origins = Origins(self.hosts | settings.hosts, self.origins)
        return [Route(PATH, McpApplication(server, settings, origins))]


mcp_api: Interface = McpInterface()
"""MCP at `/mcp` for programs on this machine; give it to `http_app`. See `McpInterface` for all others."""


def has_mcp(app: Sorbus) -> bool:
    """Whether a resource of an application has an `mcp` section."""
    return any(section_of(spec, Mcp) is not None for spec in app.spec.resources.values())
