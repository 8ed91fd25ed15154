"""Shapes: what of a query decides its SQL, which is everything but the values. Plans are kept by shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sorbus.expressions.nodes import Node, Ordering
from sorbus.query.statements import CombineKind, Lock, SummaryKind
from sorbus.query.templates import Templates


@dataclass(frozen=True, slots=True)
class DistinctShape:
    """One row for each combination of values."""

    on: tuple[Node, ...]
    order: tuple[Ordering, ...]


@dataclass(frozen=True, slots=True)
class SummaryShape:
    """One value over all rows."""

    kind: SummaryKind
    of: Node | None = None
    where: Node | None = None
    order: tuple[Ordering, ...] = ()
    unique: bool = False


@dataclass(frozen=True, slots=True)
class PageShape:
    """What a page asks beyond its rows.

    Attributes:
        seek: the condition that a row comes after the cursor.
        total: whether all rows are counted in the same statement.
        earlier: whether to ask for rows before the page.
        cursors: whether the sort values of each row are answered, for its cursor.
    """

    seek: Node | None = None
    total: bool = False
    earlier: bool = False
    cursors: bool = True


@dataclass(frozen=True, slots=True)
class Extra:
    """A calculation that is loaded with arguments or under another name.

    Attributes:
        slot: the name of its value on the record.
        name: the calculation's.
        node: its expression; None when it runs in Python.
    """

    slot: str
    name: str
    node: Node | None = None


@dataclass(frozen=True, slots=True)
class RelatedShape:
    """A read of related rows.

    Attributes:
        source, relationship: the names of the resource and of its relationship.
        keys: the position of the keys among the values; None where the rows of another shape lead to them.
        sorts: whether the relationship sorts the rows by what lies around them.
        carries: whether each row carries the row between.
        every: whether a row comes once for each row between that leads to it.
        most: the position of the most rows of all source rows together.
    """

    source: str
    relationship: str
    keys: int | None
    sorts: bool = False
    carries: bool = False
    every: bool = False
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a query decides its SQL: everything but the values.

    Attributes:
        fields: the derived fields to load besides the attributes.
        extras: the calculations to load with arguments or under other names.
        limit, offset: their positions among the values.
        usual: the limit itself, when it is one that is asked for all the time. The statement then names it, so that the
            database can keep one plan for it, however many rows the resource has.
        related: what leads to the rows, when related rows are read.
        only: the attributes to read; None reads all of them.
        parts: the reads whose combination the rows come from; the first has no kind.
        inputs: of a part, and of nested rows: where the inputs of its action stand among the values.
        values: the single values to answer with, instead of records.
        templates: the texts to answer with, instead of records.
        nested: the related rows whose texts stand in those, by the order in which the templates name them.
    """

    resource: str
    action: str
    where: Node | None = None
    order: tuple[Ordering, ...] = ()
    fields: tuple[str, ...] = ()
    limit: int | None = None
    offset: int | None = None
    lock: Lock | None = None
    related: RelatedShape | None = None
    only: tuple[str, ...] | None = None
    distinct: DistinctShape | None = None
    parts: tuple[tuple[CombineKind | None, Shape], ...] = ()
    inputs: tuple[tuple[str, int], ...] = ()
    page: PageShape | None = None
    summaries: tuple[SummaryShape, ...] = ()
    value: Node | None = None
    extras: tuple[Extra, ...] = ()
    templates: Templates | None = None
    nested: tuple[Shape, ...] = ()
    usual: int | None = None

    @property
    def inside(self) -> bool:
        """Whether the rows of another shape lead to it, in the same statement."""
        return self.related is not None and self.related.keys is None

    def every_part(self) -> Iterator[Shape]:
        """The reads that rows come from at the bottom, from left to right."""
        for _, part in self.parts:
            if part.parts:
                yield from part.every_part()
            else:
                yield part
