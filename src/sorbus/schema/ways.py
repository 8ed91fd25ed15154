"""Ways from a row to related ones, taken apart: a path is segments, a segment is one hop or two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from sorbus.expressions.nodes import PARENT, Aggregated, Call, Exists, Node, Ordering, Ref, children
from sorbus.schema.fields import Cardinality, RelationshipSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One step to the rows of another resource.

    Attributes:
        own, far: the attributes of the row before and of the row reached that are equal; None without keys.
        where: what the declaration asks of the rows reached, seen from there.
        stack: the resources of the rows that `where` sees, the one reached last.
    """

    resource: str
    own: str | None
    far: str | None
    where: Node | None
    stack: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One relationship with keys of its own, or none: one hop, or two over a resource between."""

    source: str
    relationship: RelationshipSpec
    hops: tuple[Hop, ...]


class _Resource(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def relationships(self) -> Mapping[str, RelationshipSpec]: ...


def segments(
    resources: Mapping[str, _Resource], source: str, relationship: RelationshipSpec
) -> Iterator[Segment]:
    """The segments of a relationship, in the order in which they are gone."""
    if relationship.cardinality is Cardinality.THROUGH:
        for name in relationship.path:
            step = resources[source].relationships[name]
            yield from segments(resources, source, step)
            source = step.destination
        return
    yield Segment(source=source, relationship=relationship, hops=tuple(_hops(source, relationship)))


def _hops(source: str, each: RelationshipSpec) -> Iterator[Hop]:
    own, far = each.source_attribute, each.destination_attribute
    stack: tuple[str, ...] = (source, each.destination)
    join = each.join
    if join is not None:
        stack = (source, join.resource, each.destination)
        yield Hop(
            resource=join.resource, own=own, far=join.source_attribute, where=join.where, stack=stack[:2]
        )
        own = join.destination_attribute
    keyed = each.cardinality is not Cardinality.UNRELATED
    yield Hop(
        resource=each.destination,
        own=own if keyed else None,
        far=far if keyed else None,
        where=each.where,
        stack=stack,
    )


def sees(node: Node, out: int) -> bool:
    """Whether a condition looks at the row that lies `out` steps outside of the one in question."""
    match node:
        case Ref():
            return node.outer == out
        case Call(operator, (inner,)) if operator == PARENT:
            return out > 0 and sees(inner, out - 1)
        case Exists() | Aggregated():
            return out == 0 or any(sees(each, out + 1) for each in children(node))
        case _:
            return any(sees(each, out) for each in children(node))


def sees_source(segment: Segment) -> bool:
    """Whether a segment asks more of its source row than the key that it follows."""
    each = segment.relationship
    if each.cardinality is Cardinality.UNRELATED:
        return True
    if any(hop.where is not None and sees(hop.where, len(hop.stack) - 1) for hop in segment.hops):
        return True
    return any(sees(term.node, len(segment.hops)) for term in each.order)


def looks_around(order: tuple[Ordering, ...]) -> bool:
    """Whether a relationship's order looks at the rows around the related one."""
    return any(sees(term.node, out) for term in order for out in (1, 2))


def load_key(way: tuple[Segment, ...], primary_key: str) -> str:
    """The attribute of the source rows by whose values related rows are loaded."""
    own = way[0].hops[0].own
    return primary_key if own is None or sees_source(way[0]) else own


class Relationships(dict[str, RelationshipSpec]):
    """The relationships of one resource. A name with dots is a path over them; no list ever shows one."""

    def __init__(self, source: str, found: Mapping[str, RelationshipSpec]) -> None:
        super().__init__(found)
        self.source = source
        self.resources: Mapping[str, _Resource] = {}
        self._paths: dict[str, RelationshipSpec] = {}

    def __missing__(self, name: str) -> RelationshipSpec:
        known = self._paths.get(name)
        if known is not None:
            return known
        path = tuple(name.split("."))
        if len(path) < 2:
            raise KeyError(name)
        first, last, several = self[path[0]], self[path[0]], False
        resource = self.source
        for step in path:
            last = self.resources[resource].relationships[step]
            several = several or last.to_many
            resource = last.destination
        self._paths[name] = RelationshipSpec(
            name=name,
            cardinality=Cardinality.THROUGH,
            destination=resource,
            source_attribute=first.source_attribute,
            destination_attribute=last.destination_attribute,
            path=path,
            several=several,
        )
        return self._paths[name]


def keyed_order(order: tuple[Ordering, ...], key: str) -> tuple[Ordering, ...]:
    """An order in which no two rows are equal, so that a limit always keeps the same ones."""
    return (*order, Ordering(Ref(key)))
