"""Statements that write, as SQL: one row, many rows, rows that meet a condition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sorbus.data_layers.postgres.compiler import SqlCompiler
from sorbus.data_layers.postgres.frames import quote, table_of
from sorbus.data_layers.postgres.lists import travels_as_text
from sorbus.data_layers.postgres.predicates import predicate_of
from sorbus.data_layers.postgres.wire import driver_cast
from sorbus.expressions.nodes import Node, Param
from sorbus.query.statements import Conflict, Delete, Insert, InsertMany, Output, Update, UpdateMany
from sorbus.schema.fields import AttributeSpec
from sorbus.schema.resource import ResourceSpec
from sorbus.types.base import FieldType

_INSERTED = "(xmax = 0)"
"""Whether a row of an upsert was inserted: an updated one bears the updating transaction."""


def table_name(spec: ResourceSpec) -> str:
    """A resource's table, quoted."""
    return table_of(spec)


def needs_cast(node: Node) -> bool:
    """Whether a value's SQL type may differ from its declared one: sums of bigint are numeric in PostgreSQL."""
    return not hasattr(node, "path")


def output_cast(node: Node, kind: FieldType) -> str:
    """The casts behind an output: to its declared type, and to what the driver reads."""
    return (f"::{kind.sql}" if needs_cast(node) else "") + driver_cast(kind.sql)


@dataclass(slots=True)
class WriteCompiler:
    """Compiles one statement that writes.

    Attributes:
        returns_old: whether the server knows RETURNING old (PostgreSQL 18 and later).
    """

    compiler: SqlCompiler
    returns_old: bool = False

    def insert(self, statement: Insert) -> str:
        """INSERT of one row, with its conflict."""
        spec = statement.resource
        frame = self.compiler.push(spec)
        values = ", ".join(
            self.compiler.node(node, spec.attributes[name].type.sql) for name, node in statement.values
        )
        columns = _columns(spec, (name for name, _ in statement.values))
        sql = f"INSERT INTO {table_name(spec)} AS {frame.alias} ({columns}) VALUES ({values})"
        sql += self._conflict(spec, statement.conflict)
        more = [_old(spec, name, "old") for name in statement.previous]
        return sql + self._returning(statement.outputs, [*more, _INSERTED] if statement.tagged else more)

    def insert_many(self, statement: InsertMany) -> str:
        """INSERT of the rows in parallel lists."""
        spec = statement.resource
        frame = self.compiler.push(spec)
        attributes = [spec.attributes[name] for name in statement.columns]
        source, cells = self._rows(attributes)
        sql = (
            f"INSERT INTO {table_name(spec)} AS {frame.alias} ({_columns(spec, statement.columns)}) "
            f"SELECT {', '.join(cells)} FROM {source}"
        )
        sql += self._conflict(spec, statement.conflict)
        more = [_old(spec, name, "old") for name in statement.previous]
        if statement.check is not None:
            more.append(f"({self.compiler.node(statement.check)}) IS TRUE")
        if statement.tagged:
            more.append(_INSERTED)
        return sql + self._returning(statement.outputs, more)

    def _rows(self, attributes: Sequence[AttributeSpec]) -> tuple[str, list[str]]:
        """The lists as rows of a table `v`, and the expression of each column."""
        lists: list[str] = []
        cells: list[str] = []
        for index, attribute in enumerate(attributes):
            kind = attribute.type
            text = travels_as_text(kind)
            lists.append(self.compiler.parameter(Param(index, list), "text[]" if text else f"{kind.sql}[]"))
            cells.append(_cell(kind, f"v.c{index}"))
        names = ", ".join(f"c{index}" for index in range(len(attributes)))
        return f"unnest({', '.join(lists)}) AS v({names})", cells

    def _conflict(self, spec: ResourceSpec, conflict: Conflict | None) -> str:
        if conflict is None:
            return ""
        keys = _columns(spec, conflict.identity.keys)
        among = predicate_of(self.compiler.application, spec, conflict.identity)
        target = f"({keys})" if among is None else f"({keys}) WHERE {among}"
        changes = ", ".join(
            f"{quote(spec.attributes[name].column)} = EXCLUDED.{quote(spec.attributes[name].column)}"
            for name in conflict.update
        )
        return f" ON CONFLICT {target} DO UPDATE SET {changes}" + self._where(conflict.where)

    def update(self, statement: Update) -> str:
        """UPDATE of the rows that meet a condition."""
        spec = statement.resource
        locked = self._locked(statement, statement.where)
        frame = self.compiler.push(spec)
        changes = self._assignments(
            spec, statement.assignments, self.rules(statement.guards, statement.tells)
        )
        sql = f"{locked}UPDATE {table_name(spec)} AS {frame.alias} SET {changes}"
        key = quote(spec.primary_key.column)
        sql += (
            f" FROM before WHERE {frame.alias}.{key} = before.{key}"
            if locked
            else self._where(statement.where)
        )
        if statement.counted:
            return sql
        return sql + self._returning(statement.outputs, self._before(statement, locked), always=True)

    def _locked(self, statement: Update | UpdateMany, where: Node | None, keys: str = "") -> str:
        """What stands before an UPDATE that answers with old values on a server without RETURNING old.

        The rows are locked and read first, so that what was read is what is changed.
        """
        if not statement.previous or self.returns_old:
            return ""
        spec = statement.resource
        alias = self.compiler.push(spec).alias
        names = [spec.primary_key.name, *statement.previous]
        columns = ", ".join(f"{alias}.{quote(spec.attributes[name].column)}" for name in dict.fromkeys(names))
        key = f"{alias}.{quote(spec.primary_key.column)}"
        condition = f" WHERE {key} = ANY({keys})" if keys else self._where(where)
        self.compiler.frames.pop()
        inner = f"SELECT {columns} FROM {table_name(spec)} AS {alias}{condition}"
        return f"WITH before AS MATERIALIZED ({inner} FOR NO KEY UPDATE OF {alias}) "

    def _before(self, statement: Update | UpdateMany, locked: str) -> list[str]:
        """The values from before the change."""
        source = "before" if locked else "old"
        return [_old(statement.resource, name, source) for name in statement.previous]

    def update_many(self, statement: UpdateMany) -> str:
        """UPDATE of the rows with the keys in the first of some parallel lists, from the others."""
        spec = statement.resource
        attributes = [spec.attributes[name] for name in statement.columns]
        source, cells = self._rows(attributes)
        keys = self.compiler.parameter(Param(0, list), f"{attributes[0].type.sql}[]")
        locked = self._locked(statement, None, keys)
        frame = self.compiler.push(spec)
        rules = self.rules(statement.guards)
        changes = [
            f"{quote(attribute.column)} = {_under(rules if position == 0 else '', cell)}"
            for position, (attribute, cell) in enumerate(zip(attributes[1:], cells[1:], strict=True))
        ]
        if statement.assignments:
            changes.append(self._assignments(spec, statement.assignments, "" if changes else rules))
        key = f"{frame.alias}.{quote(attributes[0].column)} = {cells[0]}"
        where = f" WHERE {key}"
        if locked:
            source += ", before"
            where += f" AND before.{quote(attributes[0].column)} = {cells[0]}"
        if statement.where is not None:
            where += f" AND ({self.compiler.node(statement.where)})"
        sql = f"{locked}UPDATE {table_name(spec)} AS {frame.alias} SET {', '.join(changes)} FROM {source}{where}"
        return sql + self._returning(statement.outputs, self._before(statement, locked), always=True)

    def _assignments(self, spec: ResourceSpec, assignments: Iterable[tuple[str, Node]], rules: str) -> str:
        parts: list[str] = []
        for name, node in assignments:
            attribute = spec.attributes[name]
            value = self.compiler.node(node, attribute.type.sql)
            parts.append(f"{quote(attribute.column)} = {_under(rules if not parts else '', value)}")
        return ", ".join(parts)

    def delete(self, statement: Delete) -> str:
        """DELETE of the rows that meet a condition."""
        frame = self.compiler.push(statement.resource)
        where = self._where(statement.where)
        sql = f"DELETE FROM {table_name(statement.resource)} AS {frame.alias}{where}"
        rules = self.rules(statement.guards, statement.tells)
        if statement.counted:
            return f"WITH gone AS ({sql} RETURNING {rules}) SELECT count(*) FROM gone" if rules else sql
        return sql + self._returning(statement.outputs, (rules,) if rules else (), always=True)

    def rules(self, guards: Sequence[Node], tells: str = "") -> str:
        """An expression that is zero for a row that meets every guard, and fails with its key for another.

        The value of the attribute `tells`, if any, follows the key.

        It stands where PostgreSQL evaluates it for rows that all conditions of the statement have let through.
        """
        if not guards:
            return ""
        spec = self.compiler.frames[-1].spec
        alias = self.compiler.frames[-1].alias
        row = f"{alias}.{quote(spec.primary_key.column)}::text"
        if tells:
            row += f" || chr(31) || coalesce({alias}.{quote(spec.attributes[tells].column)}::text, '')"
        cases = " ".join(
            f"WHEN ({self.compiler.node(guard)}) IS NOT TRUE THEN ('sorbus:rule:{index}:' || {row})::integer"
            for index, guard in enumerate(guards)
        )
        return f"(CASE {cases} ELSE 0 END)"

    def _where(self, where: Node | None) -> str:
        return f" WHERE {self.compiler.node(where)}" if where is not None else ""

    def _returning(self, outputs: Sequence[Output], more: Sequence[str], *, always: bool = False) -> str:
        columns = [*(self._output(each) for each in outputs), *more]
        if not columns and not always:
            return ""
        return f" RETURNING {', '.join(columns) or '1'}"

    def _output(self, output: Output) -> str:
        text = self.compiler.node(output.node)
        return text if output.type is None else text + output_cast(output.node, output.type)


def _columns(spec: ResourceSpec, names: Iterable[str]) -> str:
    return ", ".join(quote(spec.attributes[name].column) for name in names)


def _old(spec: ResourceSpec, name: str, source: str) -> str:
    """An attribute as it was before the change."""
    return f"{source}.{quote(spec.attributes[name].column)}"


def _under(rules: str, value: str) -> str:
    """A value that is only there once the rules have held."""
    return f"CASE WHEN {rules} = 0 THEN {value} END" if rules else value


def _cell(kind: FieldType, cell: str) -> str:
    """A column's value from its cell."""
    if kind.sql in {"jsonb", "vector"}:
        return f"{cell}::{kind.sql}"
    if kind.sql.endswith("[]"):
        return f"{cell}::{kind.sql}"
    return cell
