"""How related rows are reached in memory: segment after segment, each row once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from sorbus.data_layers.memory.tables import Row, Table, frozen
from sorbus.errors.framework import CannotJoin
from sorbus.expressions.nodes import Hops, Node, Ordering
from sorbus.schema.fields import Cardinality, RelationshipSpec
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.schema.ways import Hop, Segment


@dataclass(frozen=True, slots=True)
class Frame:
    """A row in question, and the row that encloses it inside an `Exists` or `Aggregated`."""

    spec: ResourceSpec
    row: Row
    parent: Frame | None = None

    @property
    def stack(self) -> tuple[ResourceSpec, ...]:
        """The resources of the rows around this one, and its own."""
        return (*self.parent.stack, self.spec) if self.parent is not None else (self.spec,)


class Rows(Protocol):
    """What following a way needs of the rows of a statement."""

    application: ApplicationSpec

    def table(self, resource: str) -> Table:
        """The table of a resource."""
        ...

    def holds(self, node: Node | None, frame: Frame) -> bool:
        """Whether a condition is true for a row."""
        ...

    def ordered(self, frames: Sequence[Frame], terms: Sequence[Ordering]) -> list[Frame]:
        """The rows sorted by the terms."""
        ...


def follow(
    rows: Rows,
    frame: Frame,
    relationship: RelationshipSpec,
    hops: Hops | None = None,
    *,
    every: bool = False,
) -> Iterator[Frame]:
    """The rows that a relationship leads to, each once, as its own conditions and order see them.

    Args:
        every: whether a row comes once for each row between that leads to it.

    Raises:
        CannotJoin: a function finds its rows.
    """
    given = list(hops) if hops is not None else None
    found: list[Frame] = [frame]
    for segment in rows.application.segments(frame.spec, relationship):
        asked: Hops = tuple(each.where for each in segment.hops)
        if given is not None:
            asked, given = tuple(given[: len(asked)]), given[len(asked) :]
        reached = [far for source in found for far in _segment(rows, source, segment, asked)]
        found = reached if every else list(_distinct(reached))
    yield from found


def joinable(application: ApplicationSpec, source: ResourceSpec, relationship: RelationshipSpec) -> None:
    """Refuse a way that a statement of the source's data layer cannot follow.

    Raises:
        CannotJoin: it leads to rows of another data layer, or a function finds them.
    """
    for segment in application.segments(source, relationship):
        label = f"{segment.source}.{segment.relationship.name}"
        if segment.relationship.cardinality is Cardinality.MANUAL:
            raise CannotJoin(label, "a function finds its rows")
        for hop in segment.hops:
            layer = application.resources[hop.resource].layer
            if layer != source.layer:
                raise CannotJoin(label, f"the rows of {hop.resource} live in another data layer ({layer})")


def _segment(rows: Rows, source: Frame, segment: Segment, asked: Hops) -> list[Frame]:
    found: list[Frame] = [source]
    for hop, where in zip(segment.hops, asked, strict=True):
        found = [far for each in found for far in _hop(rows, each, hop, where)]
    each = segment.relationship
    if not each.limited:
        return found
    ordered = rows.ordered(list(_distinct(found)), each.order)
    start = each.offset or 0
    return ordered[start : None if each.limit is None else start + each.limit]


def _hop(rows: Rows, source: Frame, hop: Hop, where: Node | None) -> Iterator[Frame]:
    spec = rows.application.resources[hop.resource]
    table = rows.table(hop.resource)
    candidates: Iterable[Row] = tuple(table.rows.values())
    if hop.own is not None and hop.far is not None:
        candidates = table.find((hop.far,), (source.row[hop.own],))
    for row in candidates:
        far = Frame(spec, row, source)
        if rows.holds(where, far):
            yield far


def _distinct(frames: Iterable[Frame]) -> Iterator[Frame]:
    seen: set[object] = set()
    for frame in frames:
        key = frozen(frame.row[frame.spec.primary_key.name])
        if key not in seen:
            seen.add(key)
            yield frame
