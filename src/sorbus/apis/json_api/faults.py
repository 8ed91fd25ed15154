"""Error objects: every Sorbus error as JSON:API shows it, with the place in the request that it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from sorbus.apis.json_api.bodies import Given
from sorbus.apis.json_api.documents import VERSION
from sorbus.apis.json_api.negotiation import HEADERS, MEDIA_TYPE
from sorbus.apis.json_api.routes import RouteSpec
from sorbus.errors.inputs import NoSuchInput
from sorbus.http.faults import Fault, causes_of, fault_of
from sorbus.http.problems import refusal_headers, retry_headers
from sorbus.http.replies import Header, Reply
from sorbus.http.seen import ABOUT_INPUTS, seen
from sorbus.types.showing import to_json

_NOBODY: Mapping[str, Given] = MappingProxyType({})


def error_reply(
    error: BaseException,
    *,
    where: str,
    route: RouteSpec | None = None,
    linked: Mapping[str, Given] = _NOBODY,
) -> Reply:
    """The response of a failed request.

    Args:
        where: method and path, for the log.
        route: the route, when one was found.
        linked: the inputs that were given by relationships, with their names.
    """
    faults = [_seen(fault_of(each, where=where), each, route) for each in causes_of(error)]
    status = _common_status(faults)
    headers: tuple[Header, ...] = (*HEADERS, *retry_headers(faults[0]), *refusal_headers(error))
    document = {"errors": [_error_object(each, route, linked) for each in faults], "jsonapi": VERSION}
    return Reply(status=status, body=to_json(document), media_type=MEDIA_TYPE.encode(), headers=headers)


def _common_status(faults: list[Fault]) -> int:
    """The one status of all errors, or the general one of several."""
    statuses = {each.status for each in faults}
    if len(statuses) == 1:
        return statuses.pop()
    return 500 if max(statuses) >= 500 else 400


def _error_object(fault: Fault, route: RouteSpec | None, linked: Mapping[str, Given]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "status": str(fault.status),
        "code": fault.code,
        "title": fault.title,
        "detail": fault.detail if route is None else route.exposed.names.told(fault.detail),
    }
    if fault.id:
        made["id"] = fault.id
    source = _source(fault.path, route, linked)
    if source:
        made["source"] = source
    if fault.hint:
        made["meta"] = {"hint": fault.hint if route is None else route.exposed.names.told(fault.hint)}
    return made


def _source(
    path: tuple[str | int, ...], route: RouteSpec | None, linked: Mapping[str, Given]
) -> dict[str, str] | None:
    """Where in the request a fault lies."""
    found: dict[str, str] | None = None
    match path:
        case ("query", name, *_):
            found = {"parameter": str(name)}
        case ("page", name, *_):
            found = {"parameter": f"page[{name}]"}
        case ("load", *_):
            found = {"parameter": "include"}
        case ("document", *rest):
            found = {"pointer": _pointer(rest)}
        case ("input", name, *rest) if name in linked:
            found = {"pointer": _pointer(linked[str(name)].pointer(tuple(rest)))}
        case ("input", name, *_) if route is not None and name == route.client_id:
            found = {"pointer": "/data/id"}
        case ("input", name, *rest) if route is not None and route.kind.takes_body:
            spelt = route.exposed.names.wire(str(name))
            found = {"pointer": _pointer(["data", "attributes", spelt, *rest])}
        case ("input", name, *_) if route is not None and route.lists:
            found = {"parameter": route.exposed.names.wire(str(name))}
        case _:
            pass
    return found


def _pointer(parts: Sequence[str | int]) -> str:
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
