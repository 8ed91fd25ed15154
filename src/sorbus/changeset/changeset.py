"""The changeset: one write before it happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sorbus.errors.access import NotLoaded
from sorbus.errors.base import Invalid, SorbusError
from sorbus.errors.inputs import Rejected
from sorbus.expressions.build import Expr
from sorbus.expressions.lowering import Catalog
from sorbus.schema.actions import ActionSpec
from sorbus.schema.resource import ResourceSpec

Judge = Callable[["Changeset", Expr[bool], bool], bool | None]
"""Whether a condition holds as far as memory can tell; raises `Unevaluable` when only the statement knows.

The last argument says whether the row as it was read may decide.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A rule that the statement checks for each row it writes.

    Attributes:
        condition: what must be true; its fields are those of the row with `changes` on top.
        changes: what had been changed when the rule was stated.
    """

    condition: Expr[bool]
    changes: dict[str, Any]
    message: str
    field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFilter:
    """A condition that the row must meet when it is written, and the error when it does not."""

    condition: Expr[bool]
    error: Callable[[], SorbusError]


@dataclass(slots=True, kw_only=True)
class Changeset:
    """What an action is about to write.

    Attributes:
        record: the record as it was read, or None for a create and for a write by key alone.
        key: the key of the row, or None for a create and for a write of many rows.
        inputs: the inputs as cast, attributes and arguments alike.
        changes: the attributes to write, as values or expressions (which stay atomic, in the statement).
        documents: the embedded documents in it whose actions have run.
        errors: what is wrong with it so far.
        requirements: rules that the statement checks.
        filters: conditions that the row must meet when it is written.
        related: what is to be written to other resources along with the row.
        pending: the attributes that this will set before the row is written.
        leaving: what is to go once the row refers to it no longer; kept by the engine.
        draft: the `self` of the action's body, when there is one.
        judge, catalog: decide conditions in memory; set by the engine.
    """

    resource: ResourceSpec
    action: ActionSpec
    record: Any = None
    key: Any = None
    inputs: dict[str, Any] = field(default_factory=dict[str, Any])
    changes: dict[str, Any] = field(default_factory=dict[str, Any])
    documents: dict[str, Any] = field(default_factory=dict[str, Any])
    errors: list[Invalid] = field(default_factory=list[Invalid])
    requirements: list[Requirement] = field(default_factory=list[Requirement])
    filters: list[RowFilter] = field(default_factory=list[RowFilter])
    related: list[Any] = field(default_factory=list[Any])
    pending: set[str] = field(default_factory=set[str])
    leaving: list[Any] = field(default_factory=list[Any])
    draft: Any = None
    judge: Judge | None = None
    catalog: Catalog | None = None

    def value(self, name: str) -> Any:
        """An attribute as it will be: changed, or as the record has it.

        Raises:
            NotLoaded: the row has not been read, or not this field of it.
        """
        if name in self.changes:
            return self.changes[name]
        if self.record is not None and name in self.record.__dict__:
            return self.record.__dict__[name]
        raise NotLoaded(self.resource.name, name)

    def set(self, name: str, value: Any) -> None:
        """Change an attribute, for the statement and for what runs afterwards."""
        self.changes[name] = value
        if self.draft is not None:
            self.draft.__dict__[name] = value

    def require(self, holds: bool | Expr[bool], message: str, *, field: str = "") -> None:
        """Note an error unless a rule holds; an expression is left to the statement."""
        if isinstance(holds, Expr):
            changes = dict(self.changes)
            self.requirements.append(
                Requirement(condition=holds, changes=changes, message=message, field=field)
            )
        elif not holds:
            self.errors.append(Rejected(message, field=field))

    def only_where(self, condition: Expr[bool], error: Callable[[], SorbusError]) -> None:
        """Write the row only where a condition holds; raise the error when it does not."""
        self.filters.append(RowFilter(condition=condition, error=error))

    def forget(self) -> None:
        """Take back everything but the inputs, before the changes run anew."""
        self.changes, self.documents = {}, {}
        for each in (self.errors, self.requirements, self.filters, self.related, self.pending):
            each.clear()
