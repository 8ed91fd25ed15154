"""Resources: records that clients can list and read, by URIs such as `sorbus://run/0190…`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote

import msgspec

from sorbus.apis.mcp.cursors import cursor_of, read_cursor
from sorbus.apis.mcp.protocol import INVALID_PARAMS, RESOURCE_NOT_FOUND, Request, RpcError, text
from sorbus.apis.mcp.tools import Kind, Tools
from sorbus.errors.base import Forbidden
from sorbus.errors.inputs import InvalidCursor, NotFound
from sorbus.query.page import Page
from sorbus.query.query import Query
from sorbus.resource.calls import run_call
from sorbus.scope import Scope
from sorbus.types.showing import to_json

SCHEME = "sorbus://"
MEDIA_TYPE = "application/json"
PAGE = 50
"""Records on one page of `resources/list`."""


class Resources:
    """The records of an application as resources; everything is read by the engine, in the caller's scope."""

    def __init__(self, tools: Tools) -> None:
        self.kinds = tools.kinds
        self.listable = [each for each in tools.kinds.values() if each.listable]

    def templates(self, scope: Scope) -> list[dict[str, Any]]:
        """The kinds of records that the actor may read."""
        return [
            {
                "uriTemplate": f"{SCHEME}{each.name}/{{id}}",
                "name": each.name,
                "title": each.get.spec.name,
                "description": each.get.description,
                "mimeType": MEDIA_TYPE,
            }
            for each in self.kinds.values()
            if _readable(each, scope)
        ]

    async def page(self, scope: Scope, cursor: str | None) -> dict[str, Any]:
        """One page of the records that the actor may read, kind by kind.

        Raises:
            RpcError: the cursor is none of an earlier page.
        """
        kinds = [each for each in self.listable if _readable(each, scope)]
        place, after = 0, None
        if cursor is not None:
            name, after = read_cursor(cursor)
            place = next((number for number, each in enumerate(kinds) if each.name == name), -1)
            if place < 0:
                raise RpcError(INVALID_PARAMS, "Invalid params: the cursor is none of an earlier page.")
        found: list[dict[str, Any]] = []
        for number, kind in enumerate(kinds[place:], place):
            rows = await _rows(kind, scope, after, limit=PAGE - len(found))
            found += [_resource(kind, each) for each in rows]
            after = None
            if rows.has_next:
                return {"resources": found, "nextCursor": cursor_of(kind.name, rows.end_cursor or "")}
            if len(found) >= PAGE and number + 1 < len(kinds):
                return {"resources": found, "nextCursor": cursor_of(kinds[number + 1].name, "")}
        return {"resources": found}

    async def read(self, scope: Scope, request: Request) -> dict[str, Any]:
        """The record behind a URI.

        Raises:
            RpcError: there is none that the actor may see.
        """
        uri = text(request.params, "uri")
        kind, key = self._of(uri)
        if kind is not None and _readable(kind, scope):
            try:
                found = await run_call(kind.get, kind.records, scope, {"id": key})
            except (NotFound, Forbidden):
                pass  # who may not read it does not hear that it is there
            else:
                contents = {"uri": uri, "mimeType": MEDIA_TYPE, "text": to_json(found).decode()}
                return {"contents": [contents]}
        code = INVALID_PARAMS if request.modern else RESOURCE_NOT_FOUND
        raise RpcError(code, "Resource not found", {"uri": uri[:500]})

    def _of(self, uri: str) -> tuple[Kind | None, str]:
        name, slash, key = uri.removeprefix(SCHEME).partition("/")
        if not uri.startswith(SCHEME) or not slash or not key or "/" in key:
            return None, ""
        return self.kinds.get(name), unquote(key)


def _readable(kind: Kind, scope: Scope) -> bool:
    found: bool = scope.need_runtime().conceivable(kind.get.declared, scope)
    return found


async def _rows(kind: Kind, scope: Scope, after: str | None, *, limit: int) -> Page[Any]:
    query: Query[Any] = Query(resource=kind.get.spec.python, scope=scope)
    try:
        return await query.page(limit=min(limit, kind.get.action.page.largest), after=after or None)
    except InvalidCursor:
        raise RpcError(INVALID_PARAMS, "Invalid params: the cursor is none of an earlier page.") from None


def _resource(kind: Kind, record: Any) -> dict[str, Any]:
    shown = kind.records.plain(record)
    key = _plain_text(shown[kind.records.key.name])
    name = shown.get(kind.title) if kind.title else None
    return {
        "uri": f"{SCHEME}{kind.name}/{quote(key, safe='')}",
        "name": key if name is None else _plain_text(name),
        "title": f"{kind.get.spec.name} {key}" if name is None else _plain_text(name),
        "mimeType": MEDIA_TYPE,
    }


def _plain_text(value: Any) -> str:
    """A value as it stands in JSON, without the quotation marks."""
    found: Any = msgspec.json.decode(to_json(value))
    return found if isinstance(found, str) else str(found)
