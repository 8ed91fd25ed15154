"""Statements over rows in memory: compiled once to what does not change from run to run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sorbus.data_layers.base import Bindings, Row
from sorbus.data_layers.memory.constraints import Constraints
from sorbus.data_layers.memory.rows import MemoryRows
from sorbus.data_layers.memory.selects import Lookup, lookup_of, matching, read, select_nodes
from sorbus.data_layers.memory.session import MemorySession
from sorbus.data_layers.memory.summaries import summarize
from sorbus.data_layers.memory.tables import Table
from sorbus.data_layers.memory.tenants import Place, Placing, Tables
from sorbus.data_layers.memory.ways import Frame, joinable
from sorbus.data_layers.memory.writes import write
from sorbus.errors.framework import NotCompilable
from sorbus.expressions.describe import describe
from sorbus.expressions.evaluate import BY_CODE_POINT
from sorbus.expressions.nodes import (
    COLLATE,
    FRAGMENT,
    PARENT,
    Aggregated,
    Call,
    Const,
    Exists,
    Node,
    Ref,
    children,
)
from sorbus.query.statements import (
    Delete,
    Insert,
    InsertMany,
    Select,
    Statement,
    Summarize,
    Update,
    UpdateMany,
)
from sorbus.schema.resource import ApplicationSpec, ResourceSpec


@dataclass(frozen=True, slots=True)
class MemoryStatement:
    """A compiled statement: runs on a `MemorySession`.

    Attributes:
        lookup: an attribute with an index, and the value that the condition asks of it.
    """

    constraints: Constraints
    placing: Placing
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
                    return summarize(self.statement, self.rows(session, session.tables, bindings))
                case _:
                    return await write(self, self.statement, session, bindings)
        except Exception:
            session.fail()
            raise

    def rows(self, session: MemorySession, tables: dict[str, Table], bindings: Bindings) -> MemoryRows:
        """How expressions see the rows of some tables in this run."""
        seen = Tables(tables, self.place(tables, bindings)) if self.placing.resources else tables
        return MemoryRows(self.constraints.application, seen, bindings, session.now)

    def place(self, tables: dict[str, Table], bindings: Bindings) -> Place:
        """From a resource to the name of its table, which may be the tenant's."""
        return self.placing.place(tables, bindings.tenant, type(self.statement).__name__.lower())

    async def _read(self, statement: Select, session: MemorySession, bindings: Bindings) -> Sequence[Row]:
        if statement.lock is not None and not await session.hold(statement.lock):
            return []
        return read(statement, self.rows(session, session.tables, bindings), self.lookup)

    def matching(self, spec: ResourceSpec, where: Node | None, rows: MemoryRows) -> Iterator[Frame]:
        """The rows that meet a condition, by an index where one fits."""
        return matching(spec, where, rows, self.lookup)


def compile_statement(constraints: Constraints, placing: Placing, statement: Statement) -> MemoryStatement:
    """A statement, checked and with the index that its condition can use.

    Raises:
        NotCompilable: a condition or sort asks for what only Python code computes.
    """
    spec = statement.resource
    where = getattr(statement, "where", None)
    for node in _nodes(statement):
        _check(constraints.application, node, (spec,))
    table = constraints.empty_table(spec)
    return MemoryStatement(constraints, placing, statement, lookup_of(table, where))


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
        case InsertMany():
            yield from (each.node for each in statement.outputs)
            yield from () if statement.check is None else (statement.check,)
        case Update() | UpdateMany() | Delete():
            yield from (each.node for each in statement.outputs)
            yield from statement.guards
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
        case Call(operator, args) if operator == FRAGMENT:
            raise NotCompilable(describe(Call(operator, args)), hint=_FRAGMENTS)
        case Call(operator, (_, Const(name))) if operator == COLLATE and name not in BY_CODE_POINT:
            raise NotCompilable(f"the collation {name}", hint=_COLLATIONS)
        case Call(operator, (inner,)) if operator == PARENT:
            _check(application, inner, stack[:-1])
        case Exists(relationship) | Aggregated(relationship=relationship):
            joinable(application, stack[-1], stack[-1].relationships[relationship])
            destination = application.destination(stack[-1].relationships[relationship])
            for child in children(node):
                _check(application, child, (*stack, destination))
        case _:
            for child in children(node):
                _check(application, child, stack)


_FRAGMENTS = "A fragment of SQL runs on PostgreSQL only; in memory use the functions of `sorbus.fn`."
_COLLATIONS = "Memory compares texts by their code points: `fn.collate(text)`."
