"""Statements over rows in memory: compiled once to what does not change from run to run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sorbus.data_layers.base import Bindings, Row
from sorbus.data_layers.memory.constraints import Constraints
from sorbus.data_layers.memory.rows import Frame, MemoryRows
from sorbus.data_layers.memory.session import MemorySession, Writing
from sorbus.data_layers.memory.tables import Row as StoredRow
from sorbus.data_layers.memory.tables import Table
from sorbus.data_layers.memory.values import conform, stored
from sorbus.errors.framework import NotCompilable
from sorbus.expressions.nodes import Aggregated, Call, Exists, Node, Ref, children, walk
from sorbus.query.statements import Count, Delete, Insert, Output, Related, Select, Statement, Update
from sorbus.schema.resource import ApplicationSpec, ResourceSpec

Writes = Insert | Update | Delete


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
                return self._read(self.statement, self._rows(session, session.tables, bindings))
            return await self._write(self.statement, session, bindings)
        except Exception:
            session.fail()
            raise

    def _rows(self, session: MemorySession, tables: dict[str, Table], bindings: Bindings) -> MemoryRows:
        return MemoryRows(self.constraints.application, tables, bindings, session.now)

    # reading

    def _read(self, statement: Select | Count, rows: MemoryRows) -> Sequence[Row]:
        if isinstance(statement, Count):
            return [(sum(1 for _ in self._matching(statement.resource, statement.where, rows)),)]
        if statement.related is not None:
            return self._related(statement, statement.related, rows)
        if statement.given is not None:
            return self._given(statement, statement.given, rows)
        found = list(self._matching(statement.resource, statement.where, rows))
        ordered = rows.ordered(found, statement.order)
        return [outputs(statement.outputs, each, rows) for each in ordered[_window(statement, rows)]]

    def _given(
        self, statement: Select, given: tuple[tuple[str, Node], ...], rows: MemoryRows
    ) -> Sequence[Row]:
        """The outputs of one row that is in no table, if it meets the condition."""
        spec = statement.resource
        found = {name: rows.evaluate(node, None) for name, node in given}
        row = {name: conform(found.get(name), each.type) for name, each in spec.attributes.items()}
        frame = Frame(spec, row)
        return [outputs(statement.outputs, frame, rows)] if rows.holds(statement.where, frame) else []

    def _matching(self, spec: ResourceSpec, where: Node | None, rows: MemoryRows) -> Iterator[Frame]:
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
        pairs: list[tuple[Any, Frame]] = []
        for key in rows.evaluate(related.keys, None):
            source = Frame(related.source, {related.relationship.source_attribute: key})
            for far in rows.related(source, related.relationship):
                frame = Frame(far.spec, far.row)
                if rows.holds(statement.where, frame):
                    pairs.append((key, frame))
        keys = {id(frame): key for key, frame in pairs}
        ordered = rows.ordered([frame for _, frame in pairs], statement.order)
        window = _window(statement, rows)
        seen: dict[Any, int] = {}
        found: list[Row] = []
        for frame in ordered:
            key = keys[id(frame)]
            place = seen[key] = seen.get(key, -1) + 1
            if place >= (window.start or 0) and (window.stop is None or place < window.stop):
                found.append((key, *outputs(statement.outputs, frame, rows)))
        return found

    # writing

    async def _write(self, statement: Writes, session: MemorySession, bindings: Bindings) -> Sequence[Row]:
        writing = await session.writing()
        try:
            rows = self._rows(session, writing.tables, bindings)
            match statement:
                case Insert():
                    return self._insert(statement, writing, rows)
                case Update():
                    return self._update(statement, writing, rows)
                case Delete():
                    return self._delete(statement, writing, rows)
        except BaseException:
            writing.undo()
            raise
        finally:
            session.done()

    def _insert(self, statement: Insert, writing: Writing, rows: MemoryRows) -> Sequence[Row]:
        spec = statement.resource
        values = {name: rows.evaluate(node, None) for name, node in statement.values}
        row = self.constraints.complete(spec, values)
        if statement.conflict is not None:
            identity = next(each for each in spec.identities.values() if each.keys == statement.conflict.keys)
            there = self.constraints.conflicting(writing, spec, identity, row)
            if there is not None:
                if not rows.holds(statement.conflict.where, Frame(spec, there)):
                    return []
                changed = {**there, **{name: row[name] for name in statement.conflict.update}}
                self.constraints.change(writing, spec, there, changed)
                return [outputs(statement.outputs, Frame(spec, changed), rows)]
        self.constraints.add(writing, spec, row)
        return [outputs(statement.outputs, Frame(spec, row), rows)]

    def _update(self, statement: Update, writing: Writing, rows: MemoryRows) -> Sequence[Row]:
        spec = statement.resource
        changed: list[Frame] = []
        for frame in tuple(self._matching(spec, statement.where, rows)):
            values = {
                name: stored(spec, spec.attributes[name], rows.evaluate(node, frame))
                for name, node in statement.assignments
            }
            after = {**frame.row, **values}
            self.constraints.change(writing, spec, frame.row, after)
            changed.append(Frame(spec, after))
        return [outputs(statement.outputs, each, rows) for each in changed]

    def _delete(self, statement: Delete, writing: Writing, rows: MemoryRows) -> Sequence[Row]:
        spec = statement.resource
        found = tuple(self._matching(spec, statement.where, rows))
        gone = [outputs(statement.outputs, each, rows) for each in found]
        for each in found:
            self.constraints.remove(writing, spec, each.row)
        return gone


def _window(statement: Select, rows: MemoryRows) -> slice:
    offset = rows.evaluate(statement.offset, None) if statement.offset is not None else 0
    limit = rows.evaluate(statement.limit, None) if statement.limit is not None else None
    return slice(offset, None if limit is None else offset + limit)


def outputs(wanted: Sequence[Output], frame: Frame, rows: MemoryRows) -> Row:
    """The outputs of one row."""
    return tuple(
        frame.row[each.node.name]
        if isinstance(each.node, Ref) and not each.node.path and each.node.name in frame.row
        else conform(rows.evaluate(each.node, frame), each.type)
        for each in wanted
    )


def compile_statement(constraints: Constraints, statement: Statement) -> MemoryStatement:
    """A statement, checked and with the index that its condition can use.

    Raises:
        NotCompilable: a condition or sort asks for what only Python code computes.
    """
    spec = statement.resource
    where = None if isinstance(statement, Insert) else statement.where
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
        case Update() | Delete():
            yield from (each.node for each in statement.outputs)
            yield from () if statement.where is None else (statement.where,)
        case Count():
            yield from () if statement.where is None else (statement.where,)


def _check(application: ApplicationSpec, node: Node, stack: tuple[ResourceSpec, ...]) -> None:
    """Every field that a node names can be computed here."""
    match node:
        case Ref(name, path, outer):
            spec = stack[-1 - outer]
            for step in path:
                spec = application.destination(spec.relationships[step])
            calculation = spec.calculations.get(name)
            if calculation is not None and calculation.node is None:
                raise NotCompilable(f"{spec.name}.{name}")
        case Exists(relationship) | Aggregated(relationship=relationship):
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
