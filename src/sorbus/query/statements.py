"""Statements: what a data layer is asked to do, in plain nodes and specs. Layers compile them once."""

from __future__ import annotations

from dataclasses import dataclass

from sorbus.expressions.nodes import Node, Ordering
from sorbus.schema.fields import RelationshipSpec
from sorbus.schema.resource import ResourceSpec
from sorbus.types.base import FieldType


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One value of each row that a statement answers with, in the type that it has in Python."""

    name: str
    node: Node
    type: FieldType


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Only rows that a relationship leads to from some source rows, whose keys are a list of values.

    The key of the source row is put in front of the outputs; `limit` and `offset` count for each source row.
    """

    source: ResourceSpec
    relationship: RelationshipSpec
    keys: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """Read rows.

    Attributes:
        given: the attributes of one row that is looked at instead of those of the table; what it leaves out is null.
    """

    resource: ResourceSpec
    outputs: tuple[Output, ...]
    where: Node | None = None
    order: tuple[Ordering, ...] = ()
    limit: Node | None = None
    offset: Node | None = None
    lock: bool = False
    related: Related | None = None
    given: tuple[tuple[str, Node], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Count rows; the answer is one row with one number."""

    resource: ResourceSpec
    where: Node | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """What an insert does when a row with these keys is there: update these attributes, if `where` allows."""

    keys: tuple[str, ...]
    update: tuple[str, ...]
    where: Node | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """Write one new row."""

    resource: ResourceSpec
    values: tuple[tuple[str, Node], ...]
    outputs: tuple[Output, ...] = ()
    conflict: Conflict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Change the rows that meet `where`; the answer is the rows as they are afterwards."""

    resource: ResourceSpec
    assignments: tuple[tuple[str, Node], ...]
    where: Node | None
    outputs: tuple[Output, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Remove the rows that meet `where`; the answer is the rows as they were."""

    resource: ResourceSpec
    where: Node | None
    outputs: tuple[Output, ...] = ()


Statement = Select | Count | Insert | Update | Delete
