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
    """Read rows."""

    resource: ResourceSpec
    outputs: tuple[Output, ...]
    where: Node | None = None
    order: tuple[Ordering, ...] = ()
    limit: Node | None = None
    offset: Node | None = None
    lock: bool = False
    related: Related | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Count rows; the answer is one row with one number."""

    resource: ResourceSpec
    where: Node | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """What an insert does when a row with these keys is there: update these attributes, if `where` allows.

    Attributes:
        where: a condition over the row there is; `Incoming` nodes in it are those of the new one.
    """

    keys: tuple[str, ...]
    update: tuple[str, ...]
    where: Node | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """Write one new row.

    Attributes:
        tagged: whether each row ends with whether it was inserted rather than updated.
    """

    resource: ResourceSpec
    values: tuple[tuple[str, Node], ...]
    outputs: tuple[Output, ...] = ()
    conflict: Conflict | None = None
    tagged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertMany:
    """Write new rows, all or none. Parameter `i` is the list of the values of column `i`, one for each row.

    Attributes:
        check: a condition; each row of the answer ends with whether its new row meets it.
        tagged: whether each row ends with whether it was inserted rather than updated, after the check.
        conflict: as for one row; no two of the new rows may have the same keys.
    """

    resource: ResourceSpec
    columns: tuple[str, ...]
    outputs: tuple[Output, ...] = ()
    check: Node | None = None
    conflict: Conflict | None = None
    tagged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Change the rows that meet `where`; the answer is the rows as they are afterwards.

    Attributes:
        guards: what each of these rows must meet as it was before; one that does not is a `GuardViolation`.
        counted: whether the answer is one row with the number of changed rows.
        previous: attributes whose values from before the change follow the outputs.
    """

    resource: ResourceSpec
    assignments: tuple[tuple[str, Node], ...]
    where: Node | None
    outputs: tuple[Output, ...] = ()
    guards: tuple[Node, ...] = ()
    counted: bool = False
    previous: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateMany:
    """Change rows to values of their own. Parameter `i` is the list of the values of column `i`; the first is the key.

    Attributes:
        assignments: what all of the rows get besides.
        where: what the rows must meet; those that do not are left alone.
        guards, previous: as for `Update`.
    """

    resource: ResourceSpec
    columns: tuple[str, ...]
    assignments: tuple[tuple[str, Node], ...] = ()
    where: Node | None = None
    outputs: tuple[Output, ...] = ()
    guards: tuple[Node, ...] = ()
    previous: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Remove the rows that meet `where`; the answer is the rows as they were.

    Attributes:
        guards, counted: as for `Update`.
    """

    resource: ResourceSpec
    where: Node | None
    outputs: tuple[Output, ...] = ()
    guards: tuple[Node, ...] = ()
    counted: bool = False


Statement = Select | Count | Insert | InsertMany | Update | UpdateMany | Delete
