"""The server: from one message of a client to its answer, in a scope. It keeps nothing between messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version
from typing import cast

import msgspec

from sorbus.apis.mcp.cursors import cursor_of, read_cursor
from sorbus.apis.mcp.faults import refused
from sorbus.apis.mcp.protocol import (
    HANDSHAKE_VERSIONS,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    SERVER_META,
    VERSIONS,
    Id,
    Message,
    Request,
    RpcError,
    check_envelope,
    text,
)
from sorbus.apis.mcp.resources import Resources
from sorbus.apis.mcp.tools import Tool, Tools, tools_of
from sorbus.errors.hints import did_you_mean
from sorbus.http.faults import fault_of
from sorbus.resource.application import Sorbus
from sorbus.resource.calls import run_call
from sorbus.scope import Scope
from sorbus.types.showing import to_json

PAGE = 50
"""Tools on one page of `tools/list`."""

Handler = Callable[[Scope, Request], Awaitable[Message]]


class McpServer:
    """Answers the messages of clients.

    Args:
        instructions: what a model should know about the whole application.
    """

    def __init__(self, tools: Tools, *, name: str, instructions: str = "") -> None:
        self.tools = tools
        self.resources = Resources(tools)
        self.info = {"name": name, "version": _version()}
        self.instructions = instructions
        shared: dict[str, Handler] = {
            "tools/list": self._list_tools,
            "tools/call": self._call_tool,
            "resources/list": self._list_resources,
            "resources/templates/list": self._list_templates,
            "resources/read": self._read_resource,
        }
        self._handshake: dict[str, Handler] = {"initialize": self._initialize, "ping": self._ping, **shared}
        self._modern: dict[str, Handler] = {"server/discover": self._discover, **shared}

    async def answer(self, request: Request, scope: Scope) -> Message:
        """The message that answers a request; no error but a cancellation leaves it."""
        try:
            result = await self._result(request, scope)
        except RpcError as error:
            return error.response(request.id)
        except Exception as error:  # the boundary: the log has the rest
            return failed(error, request.id, where=f"mcp {request.method[:100]}")
        if request.modern:
            meta = cast("Message", result.get("_meta", {}))
            result = {**result, "resultType": "complete", "_meta": {**meta, SERVER_META: self.info}}
        return {"jsonrpc": "2.0", "id": request.id, "result": result}

    async def _result(self, request: Request, scope: Scope) -> Message:
        if request.modern:
            check_envelope(request)
        handlers = self._modern if request.modern else self._handshake
        handler = handlers.get(request.method)
        if handler is None:
            raise RpcError(METHOD_NOT_FOUND, f"Method not found: {request.method[:100]}")
        return await handler(scope, request)

    # the connection

    async def _initialize(self, _: Scope, request: Request) -> Message:
        wanted = request.params.get("protocolVersion")
        spoken = wanted if wanted in HANDSHAKE_VERSIONS else HANDSHAKE_VERSIONS[-1]
        return {"protocolVersion": spoken, "serverInfo": self.info, **self._offer()}

    async def _discover(self, _: Scope, __: Request) -> Message:
        # The newest first, as clients choose the first that they know.
        return {
            "supportedVersions": list(reversed(VERSIONS)),
            **self._offer(),
            **_cached(milliseconds=60_000),
        }

    async def _ping(self, _: Scope, __: Request) -> Message:
        return {}

    def _offer(self) -> Message:
        offered: Message = {"capabilities": {"tools": {}}}
        if self.resources.kinds:
            offered["capabilities"]["resources"] = {}
        if self.instructions:
            offered["instructions"] = self.instructions
        return offered

    # tools

    async def _list_tools(self, scope: Scope, request: Request) -> Message:
        visible = list(self.tools.visible(scope))
        cursor, start = _cursor(request), 0
        if cursor is not None:
            name, _ = read_cursor(cursor)
            start = next((place for place, each in enumerate(visible, 1) if each.name == name), 0)
            if not start:
                raise RpcError(INVALID_PARAMS, "Invalid params: the cursor is none of an earlier page.")
        page = visible[start : start + PAGE]
        found: Message = {"tools": [each.listed for each in page]}
        if start + PAGE < len(visible):
            found["nextCursor"] = cursor_of(page[-1].name)
        return found | _cache_of(request)

    async def _call_tool(self, scope: Scope, request: Request) -> Message:
        tool = self._tool(scope, text(request.params, "name"))
        given = request.params.get("arguments")
        if given is None:
            given = {}
        if not isinstance(given, dict):
            raise RpcError(INVALID_PARAMS, "Invalid params: `arguments` must be an object.")
        try:
            answer = to_json(await run_call(tool.call, tool.records, scope, cast("Message", given)))
        except Exception as error:  # the boundary: the model hears what it may know of it
            return refused(error, tool.call)
        content = [{"type": "text", "text": answer.decode()}]
        return {"content": content, "structuredContent": msgspec.Raw(answer), "isError": False}

    def _tool(self, scope: Scope, name: str) -> Tool:
        """The tool of a name, if the actor may call it; else it is as unknown as one that is not there.

        Raises:
            RpcError: there is none.
        """
        found = self.tools.tools.get(name)
        if found is None or not found.visible(scope):
            near = did_you_mean(name[:100], (each.name for each in self.tools.visible(scope)))
            raise RpcError(INVALID_PARAMS, f"Unknown tool: {name[:100]}. {near}".rstrip())
        return found

    # resources

    async def _list_resources(self, scope: Scope, request: Request) -> Message:
        return await self.resources.page(scope, _cursor(request)) | _cache_of(request)

    async def _list_templates(self, scope: Scope, request: Request) -> Message:
        return {"resourceTemplates": self.resources.templates(scope)} | _cache_of(request)

    async def _read_resource(self, scope: Scope, request: Request) -> Message:
        return await self.resources.read(scope, request) | _cache_of(request)


def server_of(app: Sorbus, *, instructions: str = "") -> McpServer:
    """The server of an application's `mcp` sections.

    Raises:
        DefinitionErrors: the sections have mistakes; all of them are listed.
    """
    return McpServer(tools_of(app.spec), name=app.name, instructions=instructions)


def failed(error: BaseException, request: Id, *, where: str) -> Message:
    """The message that answers a request which failed, with what a client may know of it."""
    fault = fault_of(error, where=where)
    code = INTERNAL_ERROR if fault.status >= 500 else INVALID_PARAMS
    data = {"code": fault.code, "id": fault.id} if fault.id else {"code": fault.code}
    return RpcError(code, fault.detail, data).response(request)


def _cursor(request: Request) -> str | None:
    return None if request.params.get("cursor") is None else text(request.params, "cursor")


def _cache_of(request: Request) -> Message:
    """What may be kept of an answer that depends on who asks and on the rows of the moment: nothing."""
    return _cached(milliseconds=0) if request.modern else {}


def _cached(*, milliseconds: int) -> Message:
    return {"ttlMs": milliseconds, "cacheScope": "private"}


def _version() -> str:
    try:
        return version("sorbus")
    except PackageNotFoundError:
        return "0"
