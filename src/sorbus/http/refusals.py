"""The errors of a refused call as data for whoever made it by name: codes, messages, and where in its arguments."""

from __future__ import annotations

from typing import Any

from sorbus.http.faults import Fault, causes_of, fault_of
from sorbus.http.seen import seen
from sorbus.resource.calls import Call, key_argument, list_arguments

_ABOUT_ARGUMENTS = ("input", "page")


def refusals(error: BaseException, call: Call, *, where: str) -> list[dict[str, Any]]:
    """What the maker of a call may know of its error: each with `code`, `message`, `path`, often `hint`, seldom `id`.

    Args:
        where: through which door the call came, for the log.
    """
    about = f"{where} {call.label}"
    faults = (_seen(fault_of(each, where=about), each, call) for each in causes_of(error))
    return [_told(each, call) for each in faults]


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
