"""How expressions see rows in memory: their fields, calculations and related rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, cast

from sorbus.data_layers.base import Bindings
from sorbus.data_layers.memory.kinds import zero
from sorbus.data_layers.memory.tables import Row, Table
from sorbus.data_layers.memory.ways import Frame, follow
from sorbus.errors.framework import NotCompilable
from sorbus.expressions.evaluate import Environment, evaluate
from sorbus.expressions.nodes import Aggregated, AggregateKind, Exists, Hops, Node, Ordering, Param, Ref
from sorbus.expressions.operators import OPERATORS
from sorbus.schema.fields import RelationshipSpec
from sorbus.schema.resource import ApplicationSpec


class MemoryRows:
    """The rows of one state of the tables, as `evaluate` asks for them.

    Args:
        tables: the tables by the names of their resources.
        now: the time at which the transaction began.
    """

    __slots__ = ("application", "environment", "tables")

    def __init__(
        self, application: ApplicationSpec, tables: Mapping[str, Table], bindings: Bindings, now: datetime
    ) -> None:
        self.application = application
        self.tables = tables
        self.environment = Environment(
            rows=self,
            actor=bindings.actor,
            tenant=bindings.tenant,
            inputs=bindings.inputs,
            params=bindings.params,
            now=now,
        )

    def with_incoming(self, row: Row) -> MemoryRows:
        """The same rows, seen by the condition of an upsert that would have inserted `row`."""
        made = copy(self)
        made.environment = replace(self.environment, rows=made, incoming=row)
        return made

    def evaluate(self, node: Node, frame: Frame | None) -> Any:
        """The value of a node for a row."""
        if isinstance(node, Param):  # most of what a write assigns
            return self.environment.params[node.index]
        return evaluate(node, frame, self.environment)

    def holds(self, node: Node | None, frame: Frame) -> bool:
        """Whether a condition is true for a row; unknown is not."""
        return node is None or evaluate(node, frame, self.environment) is True

    def value(self, row: Any, ref: Ref) -> Any:
        """The field's value: stored, derived, or behind to-one relationships."""
        frame: Frame | None = row
        for _ in range(ref.outer):
            frame = frame.parent if frame is not None else None
        if frame is None:
            raise NotCompilable(ref.name)
        if ref.path:
            relationship = frame.spec.relationships[ref.path[0]]
            far = next(self.related(frame, relationship), None)
            return None if far is None else self.value(far, Ref(ref.name, ref.path[1:]))
        if ref.name in frame.spec.attributes:
            return frame.row[ref.name]
        derived = frame.spec.calculations.get(ref.name) or frame.spec.aggregates.get(ref.name)
        if derived is None or derived.node is None:
            raise NotCompilable(f"{frame.spec.name}.{ref.name}")
        return self.evaluate(derived.node, frame)

    def table(self, resource: str) -> Table:
        """The table of a resource."""
        return self.tables[resource]

    def related(
        self, frame: Frame, relationship: RelationshipSpec, hops: Hops | None = None
    ) -> Iterator[Frame]:
        """The rows that a relationship leads to, each once; the source row encloses them."""
        for far in follow(self, frame, relationship, hops):
            yield far if far.parent is frame else Frame(far.spec, far.row, frame)

    def enclosing(self, row: Any) -> Any:
        """The row that encloses a row."""
        frame: Frame = row
        if frame.parent is None:
            raise NotCompilable("an enclosing row")
        return frame.parent

    def exists(self, row: Any, node: Exists, environment: Environment) -> bool:
        """Whether a related row meets the condition."""
        del environment
        frame: Frame = row
        far = self.related(frame, frame.spec.relationships[node.relationship], node.hops)
        return any(self.holds(node.where, each) for each in far)

    def aggregate(self, row: Any, node: Aggregated, environment: Environment) -> Any:
        """The aggregate over the related rows."""
        del environment
        frame: Frame = row
        relationship = frame.spec.relationships[node.relationship]
        found = [
            each for each in self.related(frame, relationship, node.hops) if self.holds(node.where, each)
        ]
        value = self._aggregated(node, frame, relationship, found)
        if value is None and node.default is not None:
            return self.evaluate(node.default, None)
        return value

    def _aggregated(
        self, node: Aggregated, frame: Frame, relationship: RelationshipSpec, found: list[Frame]
    ) -> Any:
        match node.kind:
            case AggregateKind.EXISTS:
                return bool(found)
            case AggregateKind.COUNT:
                return len(found) if node.of is None else len(self._values(node, found))
            case AggregateKind.FIRST:
                ordered = self.ordered(found, self._terms(node, relationship))
                each_value = (self._of(node, each) for each in ordered)
                return next((each for each in each_value if each is not None or not node.skip_null), None)
            case AggregateKind.LIST | AggregateKind.CUSTOM:
                values = self._values(node, self.ordered(found, self._terms(node, relationship)))
                if node.kind is AggregateKind.CUSTOM and node.custom is not None:
                    return node.custom.fold(values) if values else None
                limit = None if node.limit is None else self.evaluate(node.limit, None)
                return values[:limit] if values or node.default is None else None
            case _:
                values = self._values(node, found)
                empty = node.kind is AggregateKind.SUM and node.default is None and not values
                if empty and node.of is not None:
                    stack = (*frame.stack, self.application.destination(relationship))
                    return zero(self.application, node.of, stack)
                return _combined(node.kind, values)

    def _terms(self, node: Aggregated, relationship: RelationshipSpec) -> tuple[Ordering, ...]:
        """The order of an aggregate; the key decides between equals."""
        if not node.order and node.kind is AggregateKind.FIRST:
            return ()
        key = self.application.destination(relationship).primary_key.name
        return (*node.order, Ordering(Ref(key)))

    def _values(self, node: Aggregated, found: list[Frame]) -> list[Any]:
        """The values that are not null, equal ones once where the aggregate says so."""
        values = [value for each in found if (value := self._of(node, each)) is not None]
        return _distinct(values) if node.unique else values

    def _of(self, node: Aggregated, frame: Frame) -> Any:
        return self.evaluate(node.of, frame) if node.of is not None else None

    def ordered(self, frames: Sequence[Frame], terms: Sequence[Ordering]) -> list[Frame]:
        """The rows sorted by the terms; text by its code points."""
        positions = list(range(len(frames)))
        for term in reversed(terms):
            values = [sortable(self.evaluate(term.node, frame)) for frame in frames]
            nulls = [each for each in positions if values[each] is None]
            rest = [each for each in positions if values[each] is not None]
            rest.sort(key=values.__getitem__, reverse=term.descending)
            positions = nulls + rest if term.puts_nulls_first else rest + nulls
        return [frames[each] for each in positions]


def sortable(value: Any) -> Any:
    """A value that can be compared with others of its field: of an enumeration's member, what is stored."""
    if isinstance(value, Enum):
        return value.value
    return str(cast("object", value)) if isinstance(value, dict) else value


def _combined(kind: AggregateKind, values: list[Any]) -> Any:
    if not values:
        return None
    match kind:
        case AggregateKind.SUM:
            return _sum(values)
        case AggregateKind.MIN:
            return min(values, key=sortable)
        case AggregateKind.MAX:
            return max(values, key=sortable)
        case _:
            total = _sum(values)
            # PostgreSQL's mean of integers is numeric.
            total = Decimal(total) if isinstance(total, int) else total
            return OPERATORS["div"].python(total, len(values))


def _distinct(values: list[Any]) -> list[Any]:
    try:
        return list(dict.fromkeys(values))
    except TypeError:
        # Lists and documents cannot be keys of a dictionary.
        return [each for place, each in enumerate(values) if each not in values[:place]]


def _sum(values: list[Any]) -> Any:
    add = OPERATORS["add"].python
    total = values[0]
    for value in values[1:]:
        total = add(total, value)
    return total
