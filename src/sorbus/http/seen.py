"""What somebody outside may know of a refused action: nothing of private attributes and their values."""

from __future__ import annotations

from dataclasses import replace

from sorbus.errors.base import Invalid
from sorbus.errors.hints import listed
from sorbus.errors.inputs import (
    AlreadyTaken,
    InvalidInput,
    NoSuchInput,
    Rejected,
    RelatedMissing,
    Required,
    WrongState,
)
from sorbus.http.faults import Fault, title_of
from sorbus.schema.actions import ActionSpec
from sorbus.schema.resource import ResourceSpec

ABOUT_INPUTS = (NoSuchInput, Required, InvalidInput, AlreadyTaken, RelatedMissing, Rejected)


def seen(fault: Fault, error: BaseException, spec: ResourceSpec, action: ActionSpec) -> Fault:
    """The fault of an action without what only the declaration's author may know."""
    if isinstance(error, WrongState):
        return _state(fault, spec, action)
    if isinstance(error, ABOUT_INPUTS) and len(fault.path) > 1:
        return _input(fault, error, spec, action)
    return fault


def _state(fault: Fault, spec: ResourceSpec, action: ActionSpec) -> Fault:
    """A wrong state, without the record's state when that is private."""
    transition = action.transition
    if transition is not None and spec.attributes[transition.attribute].public:
        # Not every action that is possible is one that is served.
        return replace(fault, path=(), hint="")
    detail = f"The record is not in a state from which {action.label} starts."
    return replace(fault, detail=detail, path=(), hint="")


def _input(fault: Fault, error: Invalid, spec: ResourceSpec, action: ActionSpec) -> Fault:
    """A fault about an input, or about a private attribute that the action itself has set."""
    inputs = {each.name for each in action.public_inputs}
    if isinstance(error, AlreadyTaken):
        at = next((name for name in error.names if name in inputs), fault.path[1])
        fault = replace(fault, detail=_taken(error, spec, inputs, action.label), path=("input", at))
    name = str(fault.path[1])
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
