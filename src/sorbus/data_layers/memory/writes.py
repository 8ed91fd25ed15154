"""Statements that write rows in memory, all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Any, Protocol

from sorbus.data_layers.base import Bindings, Row
from sorbus.data_layers.memory.constraints import Constraints
from sorbus.data_layers.memory.rows import MemoryRows
from sorbus.data_layers.memory.selects import outputs
from sorbus.data_layers.memory.session import MemorySession, Writing
from sorbus.data_layers.memory.tables import Row as StoredRow
from sorbus.data_layers.memory.tables import Table
from sorbus.data_layers.memory.tenants import Place
from sorbus.data_layers.memory.values import stored
from sorbus.data_layers.memory.ways import Frame
from sorbus.errors.database import GuardViolation
from sorbus.expressions.nodes import Node
from sorbus.query.statements import Conflict, Delete, Insert, InsertMany, Update, UpdateMany
from sorbus.schema.resource import ResourceSpec

Writes = Insert | InsertMany | Update | UpdateMany | Delete


class Compiled(Protocol):
    """What writing needs of the compiled statement that it belongs to."""

    @property
    def constraints(self) -> Constraints:
        """The constraints of the application."""
        ...

    def rows(self, session: MemorySession, tables: dict[str, Table], bindings: Bindings) -> MemoryRows:
        """How expressions see the rows of some tables in this run."""
        ...

    def place(self, tables: dict[str, Table], bindings: Bindings) -> Place:
        """From a resource to the name of its table, which may be the tenant's."""
        ...

    def matching(self, spec: ResourceSpec, where: Node | None, rows: MemoryRows) -> Iterator[Frame]:
        """The rows that meet a condition, by an index where one fits."""
        ...


async def write(
    compiled: Compiled, statement: Writes, session: MemorySession, bindings: Bindings
) -> Sequence[Row]:
    """Run a statement that writes; what it did is undone when it fails.

    Raises:
        ConstraintViolation, GuardViolation: a row is not allowed.
    """
    writing = await session.writing()
    try:
        writing.place = compiled.place(writing.tables, bindings)
        rows = compiled.rows(session, writing.tables, bindings)
        run: Callable[[Compiled, Any, Writing, MemoryRows], Sequence[Row]] = _RUNNERS[type(statement)]
        answer = run(compiled, statement, writing, rows)
        writing.settle()
        return answer
    except BaseException:
        writing.undo()
        raise
    finally:
        session.done()


def _insert(compiled: Compiled, statement: Insert, writing: Writing, rows: MemoryRows) -> Sequence[Row]:
    values = {name: rows.evaluate(node, None) for name, node in statement.values}
    made = _put(compiled, statement.resource, values, statement.conflict, writing, rows)
    if made is None:
        return []
    frame, there = made
    row = (*outputs(statement.outputs, frame, rows), *_was(statement, there))
    return [(*row, there is None) if statement.tagged else row]


def _insert_many(
    compiled: Compiled, statement: InsertMany, writing: Writing, rows: MemoryRows
) -> Sequence[Row]:
    lists = rows.environment.params[: len(statement.columns)]
    found: list[Row] = []
    for cells in zip(*lists, strict=True):
        values = dict(zip(statement.columns, cells, strict=True))
        made = _put(compiled, statement.resource, values, statement.conflict, writing, rows)
        if made is None:
            continue
        frame, there = made
        row = (*outputs(statement.outputs, frame, rows), *_was(statement, there))
        if statement.check is not None:
            row = (*row, rows.holds(statement.check, frame))
        found.append((*row, there is None) if statement.tagged else row)
    return found


def _was(statement: Insert | InsertMany, there: StoredRow | None) -> Row:
    """What was asked for of the row that an upsert has updated."""
    return tuple(None if there is None else there[name] for name in statement.previous)


def _put(
    compiled: Compiled,
    spec: ResourceSpec,
    values: dict[str, Any],
    conflict: Conflict | None,
    writing: Writing,
    rows: MemoryRows,
) -> tuple[Frame, StoredRow | None] | None:
    """Insert a row, or update the one in its way, which is told as it was; None when that one is left alone."""
    constraints = compiled.constraints
    row = constraints.complete(spec, values)
    if conflict is not None:
        there = constraints.conflicting(writing, spec, conflict.identity, row)
        if there is not None:
            if not rows.with_incoming(row).holds(conflict.where, Frame(spec, there)):
                return None
            changed = {**there, **{name: row[name] for name in conflict.update}}
            constraints.change(writing, spec, there, changed)
            return Frame(spec, changed), there
    constraints.add(writing, spec, row)
    return Frame(spec, row), None


def _update(compiled: Compiled, statement: Update, writing: Writing, rows: MemoryRows) -> Sequence[Row]:
    spec = statement.resource
    found = tuple(compiled.matching(spec, statement.where, rows))
    changed: list[tuple[Frame, Frame]] = []
    for frame in found:
        _guard(statement.guards, frame, rows, statement.tells)
        values = {
            name: stored(spec, spec.attributes[name], rows.evaluate(node, frame))
            for name, node in statement.assignments
        }
        changed.append((frame, _change(compiled, frame, values, writing)))
    if statement.counted:
        return [(len(changed),)]
    return [_answer(statement, before, after, rows) for before, after in changed]


def _answer(statement: Update | UpdateMany, before: Frame, after: Frame, rows: MemoryRows) -> Row:
    old = (before.row[name] for name in statement.previous)
    return (*outputs(statement.outputs, after, rows), *old)


def _update_many(
    compiled: Compiled, statement: UpdateMany, writing: Writing, rows: MemoryRows
) -> Sequence[Row]:
    spec, names = statement.resource, statement.columns
    lists = rows.environment.params[: len(names)]
    changed: list[tuple[Frame, Frame]] = []
    for key, *cells in zip(*lists, strict=True):
        row: StoredRow | None = writing.table(spec.name).rows.get(key)
        frame = Frame(spec, row) if row is not None else None
        if frame is None or not rows.holds(statement.where, frame):
            continue
        _guard(statement.guards, frame, rows)
        values = {
            name: stored(spec, spec.attributes[name], value)
            for name, value in zip(names[1:], cells, strict=True)
        }
        for name, node in statement.assignments:
            values[name] = stored(spec, spec.attributes[name], rows.evaluate(node, frame))
        changed.append((frame, _change(compiled, frame, values, writing)))
    return [_answer(statement, before, after, rows) for before, after in changed]


def _change(compiled: Compiled, frame: Frame, values: dict[str, Any], writing: Writing) -> Frame:
    after = {**frame.row, **values}
    compiled.constraints.change(writing, frame.spec, frame.row, after)
    return Frame(frame.spec, after)


def _delete(compiled: Compiled, statement: Delete, writing: Writing, rows: MemoryRows) -> Sequence[Row]:
    spec = statement.resource
    found = tuple(compiled.matching(spec, statement.where, rows))
    for each in found:
        _guard(statement.guards, each, rows, statement.tells)
    gone = [outputs(statement.outputs, each, rows) for each in found]
    for each in found:
        compiled.constraints.remove(writing, spec, each.row)
    return [(len(gone),)] if statement.counted else gone


def _guard(guards: Sequence[Node], frame: Frame, rows: MemoryRows, tells: str = "") -> None:
    for index, guard in enumerate(guards):
        if not rows.holds(guard, frame):
            told = frame.row[tells] if tells else ""
            shown = str(told.value if isinstance(told, Enum) else told)
            raise GuardViolation(index=index, key=str(frame.row[frame.spec.primary_key.name]), told=shown)


_RUNNERS: dict[type, Callable[..., Sequence[Row]]] = {
    Insert: _insert,
    InsertMany: _insert_many,
    Update: _update,
    UpdateMany: _update_many,
    Delete: _delete,
}
