"""Error objects: every Sorbus error as JSON:API shows it, with the place in the request that it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from sorbus.apis.json_api.bodies import Given
from sorbus.apis.json_api.documents import VERSION
from sorbus.apis.json_api.encoding import to_json
from sorbus.apis.json_api.negotiation import MEDIA_TYPE
from sorbus.apis.json_api.routes import RouteKind, RouteSpec
from sorbus.errors.base import Invalid
from sorbus.errors.hints import listed
from sorbus.errors.http import ChangeNotServed, MethodNotAllowed
from sorbus.errors.inputs import (
    AlreadyTaken,
    InvalidAction,
    InvalidInput,
    NoSuchInput,
    Rejected,
    RelatedMissing,
    Required,
    WrongState,
)
from sorbus.http.faults import Fault, fault_of, title_of
from sorbus.http.problems import retry_headers
from sorbus.http.replies import Header, Reply
from sorbus.schema.resource import ResourceSpec

MOST_ERRORS = 64
"""The most error objects in one document."""

_ABOUT_INPUTS = (NoSuchInput, Required, InvalidInput, AlreadyTaken, RelatedMissing, Rejected)
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
    errors = error.errors[:MOST_ERRORS] if isinstance(error, InvalidAction) else (error,)
    faults = [_seen(fault_of(each, where=where), each, route) for each in errors]
    status = _common_status(faults)
    headers: tuple[Header, ...] = ((b"vary", b"accept"), *retry_headers(faults[0]))
    if isinstance(error, MethodNotAllowed | ChangeNotServed):
        headers += ((b"allow", ", ".join(error.allowed).encode()),)
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
        case ("document", *rest):
            found = {"pointer": _pointer(rest)}
        case ("input", name, *rest) if name in linked:
            found = {"pointer": _pointer(linked[str(name)].pointer(tuple(rest)))}
        case ("input", name, *_) if route is not None and name == _client_id(route):
            found = {"pointer": "/data/id"}
        case ("input", name, *rest) if route is not None and route.kind.takes_body:
            spelt = route.exposed.names.wire(str(name))
            found = {"pointer": _pointer(["data", "attributes", spelt, *rest])}
        case ("input", name, *_) if route is not None and route.lists:
            found = {"parameter": route.exposed.names.wire(str(name))}
        case _:
            pass
    return found


def _client_id(route: RouteSpec) -> str:
    """The input that `data.id` is, or nothing."""
    key = route.exposed.spec.primary_key.name
    return key if route.kind is RouteKind.CREATE and route.action.input(key) is not None else ""


def _pointer(parts: Sequence[str | int]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _seen(fault: Fault, error: BaseException, route: RouteSpec | None) -> Fault:
    """The fault without what only the declaration's author may know: private attributes and their values."""
    if route is None:
        return fault
    if isinstance(error, WrongState):
        return _seen_state(fault, route)
    if isinstance(error, _ABOUT_INPUTS) and len(fault.path) > 1:
        return _seen_input(fault, error, route)
    return fault


def _seen_state(fault: Fault, route: RouteSpec) -> Fault:
    """A wrong state, without the record's state when that is private."""
    transition = route.action.transition
    if transition is not None and route.exposed.spec.attributes[transition.attribute].public:
        # Not every action that is possible is one that is served.
        return replace(fault, path=(), hint="")
    detail = f"The record is not in a state from which {route.action.label} starts."
    return replace(fault, detail=detail, path=(), hint="")


def _seen_input(fault: Fault, error: Invalid, route: RouteSpec) -> Fault:
    """A fault about an input, or about a private attribute that the action itself has set."""
    spec, label = route.exposed.spec, route.action.label
    inputs = {each.name for each in route.action.public_inputs}
    if isinstance(error, AlreadyTaken):
        at = next((name for name in error.names if name in inputs), fault.path[1])
        fault = replace(fault, detail=_taken(error, spec, inputs, label), path=("input", at))
    if not route.kind.takes_body and fault.status == 422:
        # What stands in the query string is part of the request's address, not of its content.
        fault = replace(fault, status=400)
    name = str(fault.path[1])
    if isinstance(error, NoSuchInput) and fault.path[0] == "input":
        # The engine's own sentence has the names of the declaration.
        names = route.exposed.names
        told = NoSuchInput(label, name, allowed=map(names.wire, sorted(inputs)))
        return replace(fault, detail=told.message, hint=told.hint)
    if isinstance(error, NoSuchInput) or name in inputs:
        return fault
    if _is_public(spec, name) or isinstance(error, AlreadyTaken | Rejected):
        return replace(fault, path=())
    return replace(fault, detail=title_of(type(error)), hint="", path=())


def _taken(error: AlreadyTaken, spec: ResourceSpec, inputs: set[str], label: str) -> str:
    """The sentence of a taken identity, naming what the client may know of it."""
    shown = [name for name in error.names if name in inputs or _is_public(spec, name)]
    message = next(
        (each.message for each in spec.identities.values() if each.keys == error.names),
        "has already been taken",
    )
    return f"{label}: {listed(shown, none='the record')} {message}."


def _is_public(spec: ResourceSpec, name: str) -> bool:
    found = spec.attributes.get(name)
    return found is not None and found.public
