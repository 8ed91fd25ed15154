"""Drafts: the `self` of an action's body. Assigning to it records a change."""

from __future__ import annotations

from typing import Any

from sorbus.changeset.changeset import Changeset
from sorbus.engine.hydrate import record
from sorbus.errors.access import NoSuchMember
from sorbus.schema.resource import ResourceSpec


def draft_class(spec: ResourceSpec) -> type:
    """The class of a resource's drafts: reads like a record, records what is set."""
    names = frozenset(spec.attributes)

    def assign(self: Any, name: str, value: Any) -> None:
        if name not in names:
            raise NoSuchMember(spec.name, name, allowed=names)
        self.__dict__["__changeset__"].changes[name] = value
        self.__dict__[name] = value

    body = {"__setattr__": assign, "__module__": spec.python.__module__, "__doc__": spec.python.__doc__}
    return _derive(spec.python, f"{spec.name}Draft", body)


def _derive(python: type, name: str, body: dict[str, Any]) -> type:
    return type(python)(name, (python,), body, draft=True)


def make_draft(cls: type, changeset: Changeset) -> Any:
    """A draft over a changeset: the record's values with the changes on top."""
    values: dict[str, Any] = {}
    if changeset.record is not None:
        values.update(changeset.record.__dict__)
    elif changeset.key is not None:
        values[changeset.resource.primary_key.name] = changeset.key
    values.update(changeset.changes)
    values["__changeset__"] = changeset
    return record(cls, values)
