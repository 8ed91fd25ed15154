"""Errors as models see them: the result of a tool that was refused, with what to do about it."""

from __future__ import annotations

from typing import Any

from sorbus.http.faults import Fault, causes_of, fault_of
from sorbus.http.seen import seen
from sorbus.resource.calls import Call, key_argument, list_arguments
from sorbus.types.showing import to_json

ERRORS_META = "sorbus/errors"
"""Where in `_meta` of a refused call its errors stand as data."""

_ABOUT_ARGUMENTS = ("input", "page")


def refused(error: BaseException, call: Call) -> dict[str, Any]:
    """The result of a tool that was refused, or that failed."""
    errors = [_told(each, call) for each in _faults(error, call)]
    return {
        "content": [{"type": "text", "text": to_json({"errors": errors}).decode()}],
        "isError": True,
        "_meta": {ERRORS_META: errors},
    }


def _faults(error: BaseException, call: Call) -> list[Fault]:
    where = f"mcp {call.label}"
    return [_seen(fault_of(each, where=where), each, call) for each in causes_of(error)]


def _seen(fault: Fault, error: BaseException, call: Call) -> Fault:
    """The fault without what only the declaration's author may know; what the call itself takes is no secret."""
    own = (key_argument(call), *list_arguments(call))
    if len(fault.path) > 1 and fault.path[0] == "input" and fault.path[1] in own:
        return fault
    return seen(fault, error, call.spec, call.action)


def _told(fault: Fault, call: Call) -> dict[str, Any]:
    made: dict[str, Any] = {"code": fault.code, "message": fault.detail, "path": _path(fault, call)}
    if fault.hint:
        made["hint"] = fault.hint
    if fault.id:
        made["id"] = fault.id
    return made


def _path(fault: Fault, call: Call) -> list[str | int]:
    """Where in the arguments a fault lies."""
    if not fault.path:
        return []
    head, *rest = fault.path
    if head in _ABOUT_ARGUMENTS:
        # A cursor may have come as either of the two arguments.
        return ["after"] if rest == ["cursor"] else rest
    if head in {"filter", "sort"}:
        return list(fault.path)
    return [key_argument(call)] if fault.code == "not-found" and call.kind.of_one else []
