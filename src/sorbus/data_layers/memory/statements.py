"""Statements over rows in memory: compiled once to what does not change from run to run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sorbus.data_layers.base import Bindings, Row
from sorbus.data_layers.memory.constraints import Constraints
from sorbus.data_layers.memory.rows import MemoryRows
from sorbus.data_layers.memory.session import MemorySession
from sorbus.data_layers.memory.tables import Row as StoredRow
from sorbus.data_layers.memory.tables import Table
from sorbus.data_layers.memory.ways import Frame, follow, joinable
from sorbus.data_layers.memory.writes import outputs, write
from sorbus.errors.framework import NotCompilable
from sorbus.expressions.nodes import Aggregated, Call, Exists, Node, Ref, children, walk
from sorbus.query.statements import (
    Count,
    Delete,
    Insert,
    InsertMany,
    Related,
    Select,
    Statement,
    Update,
    UpdateMany,
)
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.schema.ways import sees_source


@dataclass(frozen=True, slots=True)
class MemoryStatement:
    """A compiled statement: runs on a `MemorySession`.

    Attributes:
        lookup: an attribute with an index, and the value that the condition asks of it.
    """

    constraints: Constraints
    statement: Statement
    lookup: tuple[str, Node] | None

    async def fetch(self, session: MemorySession, bindings: Bindings) -> Sequence[Row]:
        """Run it.

        Raises:
            ConstraintViolation: a row is not allowed; nothing has been written.
            TransactionAborted: an earlier statement of the transaction had failed.
            LockNotAvailable: another transaction kept the lock for too long.
        """
        session.check()
        try:
            if isinstance(self.statement, (Select, Count)):
                if isinstance(self.statement, Select) and self.statement.lock:
                    await session.lock()
                return self._read(self.statement, self.rows(session, session.tables, bindings))
            return await write(self, self.statement, session, bindings)
        except Exception:
            session.fail()
            raise

    def rows(self, session: MemorySession, tables: dict[str, Table], bindings: Bindings) -> MemoryRows:
        """How expressions see the rows of some tables in this run."""
        return MemoryRows(self.constraints.application, tables, bindings, session.now)

    # reading

    def _read(self, statement: Select | Count, rows: MemoryRows) -> Sequence[Row]:
        if isinstance(statement, Count):
            return [(sum(1 for _ in self.matching(statement.resource, statement.where, rows)),)]
        if statement.related is not None:
            return self._related(statement, statement.related, rows)
        found = list(self.matching(statement.resource, statement.where, rows))
        ordered = rows.ordered(found, statement.order)
        return [outputs(statement.outputs, each, rows) for each in ordered[_window(statement, rows)]]

    def matching(self, spec: ResourceSpec, where: Node | None, rows: MemoryRows) -> Iterator[Frame]:
        """The rows that meet a condition, by an index where one fits."""
        table = rows.tables[spec.name]
        candidates: Iterator[StoredRow] = iter(tuple(table.rows.values()))
        if self.lookup is not None:
            name, node = self.lookup
            candidates = table.find((name,), (rows.evaluate(node, None),))
        for row in candidates:
            frame = Frame(spec, row)
            if rows.holds(where, frame):
                yield frame

    def _related(self, statement: Select, related: Related, rows: MemoryRows) -> Sequence[Row]:
        """The rows behind a relationship, each with the key of its source row in front."""
        window = _window(statement, rows)
        found: list[Row] = []
        for key in rows.evaluate(related.keys, None):
            for source in _sources(related, rows, key):
                for far in self._reached(statement, related, source, rows)[window]:
                    between = outputs(related.carried, far.parent, rows) if far.parent is not None else ()
                    found.append((key, *outputs(statement.outputs, Frame(far.spec, far.row), rows), *between))
        return found

    def _reached(self, statement: Select, related: Related, source: Frame, rows: MemoryRows) -> list[Frame]:
        """The rows behind one source row, sorted; what the statement itself asks sees the far row alone."""
        reached: dict[int, Frame] = {}
        alone: list[Frame] = []
        for far in follow(rows, source, related.relationship, related.hops):
            frame = Frame(far.spec, far.row)
            if rows.holds(statement.where, frame):
                alone.append(frame)
                reached[id(frame)] = far
        ordered = [reached[id(each)] for each in rows.ordered(alone, statement.order)]
        return rows.ordered(ordered, related.order)


def _sources(related: Related, rows: MemoryRows, key: Any) -> Iterator[Frame]:
    """The source rows of a key: the row itself where the relationship looks at it, else what is known of it."""
    first = rows.application.segments(related.source, related.relationship)[0]
    if not sees_source(first):
        yield Frame(related.source, {related.key: key})
        return
    for row in rows.tables[related.source.name].find((related.key,), (key,)):
        yield Frame(related.source, row)


def _window(statement: Select, rows: MemoryRows) -> slice:
    offset = rows.evaluate(statement.offset, None) if statement.offset is not None else 0
    limit = rows.evaluate(statement.limit, None) if statement.limit is not None else None
    return slice(offset, None if limit is None else offset + limit)


def compile_statement(constraints: Constraints, statement: Statement) -> MemoryStatement:
    """A statement, checked and with the index that its condition can use.

    Raises:
        NotCompilable: a condition or sort asks for what only Python code computes.
    """
    spec = statement.resource
    where = getattr(statement, "where", None)
    for node in _nodes(statement):
        _check(constraints.application, node, (spec,))
    table = constraints.empty_table(spec)
    return MemoryStatement(constraints, statement, _lookup(table, where))


def _nodes(statement: Statement) -> Iterator[Node]:
    match statement:
        case Select(outputs=wanted, where=where, order=order):
            yield from (each.node for each in wanted)
            yield from (each.node for each in order)
            yield from () if where is None else (where,)
        case Insert():
            yield from (each.node for each in statement.outputs)
        case InsertMany():
            yield from (each.node for each in statement.outputs)
            yield from () if statement.check is None else (statement.check,)
        case Update() | UpdateMany() | Delete():
            yield from (each.node for each in statement.outputs)
            yield from statement.guards
            yield from () if statement.where is None else (statement.where,)
        case Count():
            yield from () if statement.where is None else (statement.where,)


def _check(application: ApplicationSpec, node: Node, stack: tuple[ResourceSpec, ...]) -> None:
    """Every field that a node names can be computed here."""
    match node:
        case Ref(name, path, outer):
            spec = stack[-1 - outer]
            for step in path:
                joinable(application, spec, spec.relationships[step])
                spec = application.destination(spec.relationships[step])
            calculation = spec.calculations.get(name)
            if calculation is not None and calculation.node is None:
                raise NotCompilable(f"{spec.name}.{name}")
        case Exists(relationship) | Aggregated(relationship=relationship):
            joinable(application, stack[-1], stack[-1].relationships[relationship])
            destination = application.destination(stack[-1].relationships[relationship])
            for child in children(node):
                _check(application, child, (*stack, destination))
        case _:
            for child in children(node):
                _check(application, child, stack)


def _lookup(table: Table, where: Node | None) -> tuple[str, Node] | None:
    """`attribute == value` among the conditions that must all hold, where the attribute has an index."""
    parts = where.args if isinstance(where, Call) and where.operator == "and" else (where,)
    found: list[tuple[str, Node]] = []
    for part in parts:
        match part:
            case Call("eq", (Ref(name, (), 0), value)) if table.can_find((name,)) and _is_fixed(value):
                found.append((name, value))
            case _:
                continue
    return min(found, key=lambda each: each[0] != table.key, default=None)


def _is_fixed(node: Node) -> bool:
    return not any(isinstance(each, (Ref, Exists, Aggregated)) for each in walk(node))
