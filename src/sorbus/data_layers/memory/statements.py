"""Statements over rows in memory: compiled once to what does not change from run to run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sorbus.data_layers.base import Bindings, Row
from sorbus.data_layers.memory.constraints import Constraints
from sorbus.data_layers.memory.rows import Frame, MemoryRows
from sorbus.data_layers.memory.selects import (
    Lookup,
    lookup_of,
    matching,
    outputs,
    read,
    select_nodes,
)
from sorbus.data_layers.memory.session import MemorySession, Writing
from sorbus.data_layers.memory.summaries import summarize
from sorbus.data_layers.memory.tables import Table
from sorbus.data_layers.memory.values import stored
from sorbus.errors.framework import NotCompilable
from sorbus.expressions.nodes import Aggregated, Exists, Node, Ref, children
from sorbus.query.statements import Delete, Insert, Select, Statement, Summarize, Update
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
    lookup: Lookup | None

    async def fetch(self, session: MemorySession, bindings: Bindings) -> Sequence[Row]:
        """Run it.

        Raises:
            ConstraintViolation: a row is not allowed; nothing has been written.
            TransactionAborted: an earlier statement of the transaction had failed.
            LockNotAvailable: another transaction kept the lock for too long.
        """
        session.check()
        try:
            match self.statement:
                case Select():
                    return await self._read(self.statement, session, bindings)
                case Summarize():
                    return summarize(self.statement, self._rows(session, session.tables, bindings))
            return await self._write(self.statement, session, bindings)
        except Exception:
            session.fail()
            raise

    def _rows(self, session: MemorySession, tables: dict[str, Table], bindings: Bindings) -> MemoryRows:
        return MemoryRows(self.constraints.application, tables, bindings, session.now)

    async def _read(
        self, statement: Select, session: MemorySession, bindings: Bindings
    ) -> Sequence[Row]:
        if statement.lock is not None and not await session.hold(statement.lock):
            return []
        return read(statement, self._rows(session, session.tables, bindings), self.lookup)

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
        for frame in tuple(matching(spec, statement.where, rows, self.lookup)):
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
        found = tuple(matching(spec, statement.where, rows, self.lookup))
        gone = [outputs(statement.outputs, each, rows) for each in found]
        for each in found:
            self.constraints.remove(writing, spec, each.row)
        return gone


def compile_statement(constraints: Constraints, statement: Statement) -> MemoryStatement:
    """A statement, checked and with the index that its condition can use.

    Raises:
        NotCompilable: a condition or sort asks for what only Python code computes.
    """
    spec = statement.resource
    where = statement.where if isinstance(statement, (Select, Update, Delete)) else None
    for node in _nodes(statement):
        _check(constraints.application, node, (spec,))
    table = constraints.empty_table(spec)
    return MemoryStatement(constraints, statement, lookup_of(table, where))


def _nodes(statement: Statement) -> Iterator[Node]:
    match statement:
        case Select():
            yield from select_nodes(statement)
        case Summarize():
            yield from select_nodes(statement.rows)
            for each in statement.summaries:
                yield from (node for node in (each.of, each.where) if node is not None)
                yield from (term.node for term in each.order)
        case Insert():
            yield from (each.node for each in statement.outputs)
        case Update() | Delete():
            yield from (each.node for each in statement.outputs)
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
