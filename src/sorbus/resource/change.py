"""The changes that come with Sorbus, to be used as `change.increment(tries)` in an action's `changes=[…]`.

Each can be narrowed with `.where(condition)`, and in a section said for which actions with `.on("update", publish)`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from sorbus.changeset.changeset import Changeset
from sorbus.changeset.items import Change
from sorbus.errors.access import NotLoaded
from sorbus.errors.inputs import NoLongerApplies, Rejected, StaleRecord
from sorbus.expressions.build import Expr
from sorbus.resource.fields import Attr
from sorbus.scope import Scope

T = TypeVar("T")
N = TypeVar("N", int, float, Decimal)


def run(function: Callable[[Any, Scope], None], *, name: str = "") -> Change:
    """A change of one's own: a function over the draft, as the body of an action is."""

    def apply(changeset: Changeset, scope: Scope) -> None:
        function(changeset.draft, scope)

    return Change(name=name or getattr(function, "__name__", "run"), apply=apply)


def set_attribute(field: Attr[T], value: T | Expr[T] | Callable[[Scope], T]) -> Change:
    """Set an attribute to a value, to an expression, or to what a function of the scope gives."""

    def apply(changeset: Changeset, scope: Scope) -> None:
        changeset.set(field.name, value(scope) if callable(value) else value)

    return Change(name="set_attribute", apply=apply)


def set_new_attribute(field: Attr[T], value: T | Expr[T] | Callable[[Scope], T]) -> Change:
    """Set an attribute that has no value but its default so far, or that an update does not change."""

    def apply(changeset: Changeset, scope: Scope) -> None:
        if not _was_set(changeset, field.name):
            changeset.set(field.name, value(scope) if callable(value) else value)

    return Change(name="set_new_attribute", apply=apply)


def _was_set(changeset: Changeset, name: str) -> bool:
    """Whether an attribute has a value that is not merely the default of a create."""
    if name not in changeset.changes:
        return False
    attribute = changeset.resource.attributes[name]
    return changeset.key is not None or changeset.changes[name] not in (None, attribute.default)


def update_change(field: Attr[T], function: Callable[[T], T]) -> Change:
    """Replace the value that is about to be written, where one is, by what a function makes of it."""

    def apply(changeset: Changeset, scope: Scope) -> None:
        del scope
        value = changeset.changes.get(field.name)
        if value is not None and not isinstance(value, Expr):
            changeset.set(field.name, function(value))

    return Change(name="update_change", apply=apply)


def increment(field: Attr[N], *, by: N | int = 1, at_most: N | None = None) -> Change:
    """Add to a number in the statement itself, so that none of several writers is lost.

    Args:
        by: what is added; a negative one takes away.
        at_most: refuse the write when the sum is greater.
    """

    def apply(changeset: Changeset, scope: Scope) -> None:
        del scope
        number: Any = field
        base = changeset.changes.get(field.name, number)
        total = base + by
        if at_most is not None:
            changeset.require(total <= at_most, f"it would be more than {at_most}", field=field.name)
        changeset.set(field.name, total)

    return Change(name="increment", apply=apply)


def optimistic_lock(version: Attr[int]) -> Change:
    """Refuse to write over what somebody else has written since the record was read.

    Raises (when the action runs):
        StaleRecord: the row has another version than the record.
    """

    def apply(changeset: Changeset, scope: Scope) -> None:
        del scope
        if changeset.action.kind.value == "create":
            return
        if changeset.record is None or version.name not in changeset.record.__dict__:
            raise NotLoaded(changeset.resource.name, version.name)
        seen: int = changeset.record.__dict__[version.name]
        error = partial(StaleRecord, changeset.action.label, version=seen)
        changeset.only_where(version == seen, error)
        changeset.set(version.name, version + 1)

    return Change(name="optimistic_lock", apply=apply)


def prevent_change(field: Attr[Any], *, message: str = "it cannot be changed") -> Change:
    """Refuse a write that would change an attribute."""

    def apply(changeset: Changeset, scope: Scope) -> None:
        del scope
        if changeset.key is not None and field.name in changeset.changes:
            value = changeset.changes.pop(field.name)
            changeset.require(field == value, message, field=field.name)

    return Change(name="prevent_change", apply=apply)


def only_where(condition: Expr[bool]) -> Change:
    """Write the row only if it meets a condition at that moment.

    Raises (when the action runs):
        NoLongerApplies: it does not.
    """

    def apply(changeset: Changeset, scope: Scope) -> None:
        del scope
        error = partial(NoLongerApplies, changeset.action.label, condition="its condition holds")
        changeset.only_where(condition, error)

    return Change(name="only_where", apply=apply)


def reject(message: str, *, field: Attr[Any] | str = "") -> Change:
    """Refuse the write; to be used with `.where(…)`."""

    def apply(changeset: Changeset, scope: Scope) -> None:
        del scope
        name = field if isinstance(field, str) else field.name
        changeset.errors.append(Rejected(message, field=name))

    return Change(name="reject", apply=apply)
