"""Error objects: every Sorbus error as JSON:API shows it, with the place in the request that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from sorbus.apis.json_api.bodies import At, Given
from sorbus.apis.json_api.documents import VERSION
from sorbus.apis.json_api.negotiation import HEADERS, MEDIA_TYPE
from sorbus.apis.json_api.routes import RouteSpec
from sorbus.errors.http import MalformedBody
from sorbus.errors.inputs import NoSuchInput
from sorbus.http.bodies import json_of
from sorbus.http.faults import Fault, causes_of, fault_of
from sorbus.http.problems import refusal_headers, retry_headers
from sorbus.http.replies import Header, Reply
from sorbus.http.seen import ABOUT_INPUTS, seen
from sorbus.types.showing import to_json

_NOBODY: Mapping[str, Given] = MappingProxyType({})
_NOTHING_SENT: Final = object()
_READ = (("query",), ("document",))


def error_reply(
    error: BaseException,
    *,
    where: str,
    route: RouteSpec | None = None,
    linked: Mapping[str, Given] = _NOBODY,
    body: bytes | None = None,
) -> Reply:
    """The response of a failed request.

    Args:
        where: method and path, for the log.
        route: the route, when one was found.
        linked: the inputs that were given by relationships, with their names.
        body: the document that was sent, into which pointers lead; None when it is no document.
    """
    faults = [_seen(fault_of(each, where=where), each, route) for each in causes_of(error)]
    status = _common_status(faults)
    headers: tuple[Header, ...] = (*HEADERS, *retry_headers(faults[0]), *refusal_headers(error))
    sent = _parsed(body)
    document = {"errors": [_error_object(each, route, linked, sent) for each in faults], "jsonapi": VERSION}
    return Reply(status=status, body=to_json(document), media_type=MEDIA_TYPE.encode(), headers=headers)


def _common_status(faults: list[Fault]) -> int:
    """The one status of all errors, or the general one of several."""
    statuses = {each.status for each in faults}
    if len(statuses) == 1:
        return statuses.pop()
    return 500 if max(statuses) >= 500 else 400


def _error_object(
    fault: Fault, route: RouteSpec | None, linked: Mapping[str, Given], sent: Any
) -> dict[str, Any]:
    # What the reading of the request finds is already told in the names of the request.
    told = str if route is None or fault.path[:1] in _READ else route.exposed.names.told
    made: dict[str, Any] = {
        "status": str(fault.status),
        "code": fault.code,
        "title": fault.title,
        "detail": told(fault.detail),
    }
    if fault.id:
        made["id"] = fault.id
    meta = {"hint": told(fault.hint)} if fault.hint else {}
    parameter, at = _parameter(fault.path, route), _place(fault.path, route, linked)
    if parameter is not None:
        made["source"] = {"parameter": parameter}
    elif at is not None:
        there = at if sent is _NOTHING_SENT else _there(sent, at)
        made["source"] = {"pointer": _pointer(there)}
        if len(there) < len(at):
            meta["missing"] = _pointer(at[len(there) :]).removeprefix("/")
    if meta:
        made["meta"] = meta
    return made


def _parameter(path: At, route: RouteSpec | None) -> str | None:
    """The query parameter in which a fault lies."""
    match path:
        case ("query", name, *_):
            return str(name)
        case ("page", name, *_):
            return f"page[{name}]"
        case ("load", *_):
            return "include"
        case ("input", name, *_) if route is not None and not route.kind.takes_body and route.lists:
            return route.exposed.names.wire(str(name))
        case _:
            return None


def _place(path: At, route: RouteSpec | None, linked: Mapping[str, Given]) -> At | None:
    """Where in the document a fault lies."""
    match path:
        case ("document", *rest):
            return tuple(rest)
        case ("input", name, *rest) if name in linked:
            return linked[str(name)].pointer(tuple(rest))
        case ("input", name, *_) if route is not None and name == route.client_id:
            return ("data", "id")
        case ("input", name, *rest) if route is not None and route.kind.takes_body:
            return ("data", "attributes", route.exposed.names.wire(str(name)), *rest)
        case _:
            return None


def _parsed(body: bytes | None) -> Any:
    """The document that was sent, null for an empty body; `_NOTHING_SENT` when it is none."""
    try:
        return _NOTHING_SENT if body is None else json_of(body) if body.strip() else None
    except MalformedBody:
        return _NOTHING_SENT


def _there(sent: Any, at: At) -> At:
    """As much of a place as there is in a document: a pointer leads to a value that was sent."""
    found = sent
    for depth, each in enumerate(at):
        if isinstance(found, str):
            # A text has parts too, and none that a pointer leads to.
            return at[:depth]
        try:
            found = found[each]
        except (KeyError, IndexError, TypeError):
            return at[:depth]
    return at


def _pointer(parts: At) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _seen(fault: Fault, error: BaseException, route: RouteSpec | None) -> Fault:
    """The fault without what only the declaration's author may know: private attributes and their values."""
    if route is None:
        return fault
    if fault.path[:1] == ("query",):
        # What stands in the query string is part of the request's address, not of its content.
        return replace(fault, status=400) if fault.status == 422 else fault
    if isinstance(error, ABOUT_INPUTS) and len(fault.path) > 1:
        if not route.kind.takes_body and fault.status == 422:
            # What stands in the query string is part of the request's address, not of its content.
            fault = replace(fault, status=400)
        if isinstance(error, NoSuchInput) and fault.path[0] == "input":
            # The engine's own sentence has the names of the declaration.
            allowed = [route.exposed.names.wire(each.name) for each in route.action.public_inputs]
            told = NoSuchInput(route.action.label, str(fault.path[1]), allowed=sorted(allowed))
            return replace(fault, detail=told.message, hint=told.hint)
    return seen(fault, error, route.exposed.spec, route.action)
