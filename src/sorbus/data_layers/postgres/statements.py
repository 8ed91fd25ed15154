"""Statements as SQL: one text, one function that gathers its values, compiled once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sorbus.data_layers.base import Bindings, Row
from sorbus.data_layers.postgres.compiler import Source, SqlCompiler, plain, quote
from sorbus.data_layers.postgres.faults import translate
from sorbus.data_layers.postgres.selects import SelectWriter, table_name
from sorbus.data_layers.postgres.summaries import SummaryWriter
from sorbus.expressions.evaluate import actor_value
from sorbus.expressions.nodes import ActorRef, Const, InputRef, Node, Param, TenantRef
from sorbus.query.statements import (
    Conflict,
    Delete,
    Insert,
    Select,
    Statement,
    Summarize,
    Update,
)
from sorbus.schema.resource import ApplicationSpec, ResourceSpec

Bind = Callable[[Bindings], list[Any]]


@dataclass(frozen=True, slots=True)
class SqlStatement:
    """A compiled statement: runs on an asyncpg connection."""

    sql: str
    bind: Bind
    returns: bool = True

    async def fetch(self, session: Any, bindings: Bindings) -> Sequence[Row]:
        """Run it.

        Raises:
            SorbusError: what PostgreSQL refused, translated; anything else as it came.
        """
        try:
            if self.returns:
                rows: Sequence[Row] = await session.fetch(self.sql, *self.bind(bindings))
                return rows
            await session.execute(self.sql, *self.bind(bindings))
        except Exception as error:
            known = translate(error)
            if known is None:
                raise
            raise known from error
        return ()


def compile_statement(application: ApplicationSpec, statement: Statement) -> SqlStatement:
    """The SQL of a statement."""
    return _Writer(application).write(statement)


@dataclass(slots=True)
class _Writer:
    application: ApplicationSpec
    compiler: SqlCompiler = field(init=False)
    selects: SelectWriter = field(init=False)

    def __post_init__(self) -> None:
        self.compiler = SqlCompiler(self.application)
        self.selects = SelectWriter(self.application, self.compiler)

    def write(self, statement: Statement) -> SqlStatement:
        returns = True
        match statement:
            case Select():
                sql = self.selects.select(statement)
            case Summarize():
                sql = SummaryWriter(self.selects, self.compiler).summarize(statement)
            case Insert():
                sql = self._insert(statement)
                returns = bool(statement.outputs)
            case Update():
                sql = self._update(statement)
            case Delete():
                sql = self._delete(statement)
        return SqlStatement(sql, binder(self.compiler.sources), returns)

    def _where(self, where: Node | None) -> str:
        return f" WHERE {self.compiler.node(where)}" if where is not None else ""

    def _insert(self, statement: Insert) -> str:
        spec = statement.resource
        frame = self.compiler.push(spec)
        columns = ", ".join(quote(spec.attributes[name].column) for name, _ in statement.values)
        values = ", ".join(
            self.compiler.node(node, spec.attributes[name].type.sql) for name, node in statement.values
        )
        sql = f"INSERT INTO {table_name(spec)} AS {frame.alias} ({columns}) VALUES ({values})"
        if statement.conflict is not None:
            sql += self._conflict(spec, statement.conflict)
        if statement.outputs:
            sql += f" RETURNING {self.selects.outputs(statement.outputs)}"
        return sql

    def _conflict(self, spec: ResourceSpec, conflict: Conflict) -> str:
        keys = ", ".join(quote(spec.attributes[name].column) for name in conflict.keys)
        changes = ", ".join(
            f"{quote(spec.attributes[name].column)} = EXCLUDED.{quote(spec.attributes[name].column)}"
            for name in conflict.update
        )
        return f" ON CONFLICT ({keys}) DO UPDATE SET {changes}" + self._where(conflict.where)

    def _update(self, statement: Update) -> str:
        spec = statement.resource
        frame = self.compiler.push(spec)
        changes = ", ".join(
            f"{quote(spec.attributes[name].column)} = {self.compiler.node(node, spec.attributes[name].type.sql)}"
            for name, node in statement.assignments
        )
        sql = f"UPDATE {table_name(spec)} AS {frame.alias} SET {changes}{self._where(statement.where)}"
        return f"{sql} RETURNING {self.selects.outputs(statement.outputs)}"

    def _delete(self, statement: Delete) -> str:
        frame = self.compiler.push(statement.resource)
        sql = f"DELETE FROM {table_name(statement.resource)} AS {frame.alias}{self._where(statement.where)}"
        return f"{sql} RETURNING {self.selects.outputs(statement.outputs)}"


def binder(sources: Sequence[Source]) -> Bind:
    """One function that gathers a statement's values, written as source so that a run costs one call."""
    names: dict[str, Any] = {"plain": plain, "actor_value": actor_value}
    terms = [_term(source, number, names) for number, source in enumerate(sources)]
    code = f"def bind(b):\n p = b.params\n return [{', '.join(terms)}]\n"
    exec(code, names)  # noqa: S102  # built from positions only; values travel in `names`
    bind: Bind = names["bind"]
    return bind


def _term(source: Source, number: int, names: dict[str, Any]) -> str:
    match source:
        case Param(index, python):
            simple = not issubclass(python, (Enum, tuple)) or issubclass(python, (str, int))
            return f"p[{index}]" if simple and python is not tuple else f"plain(p[{index}])"
        case Const(value):
            names[f"c{number}"] = plain(value)
            return f"c{number}"
        case ActorRef(name):
            names[f"n{number}"] = name
            return f"plain(actor_value(b.actor, n{number}))"
        case TenantRef():
            return "b.tenant"
        case InputRef(name):
            names[f"n{number}"] = name
            return f"plain((b.inputs or {{}}).get(n{number}))"
