"""Statements as SQL: one text, one function that gathers its values, compiled once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sorbus.data_layers.base import Bindings, Row
from sorbus.data_layers.postgres.compiler import Frame, Source, SqlCompiler, plain, quote
from sorbus.data_layers.postgres.faults import translate
from sorbus.data_layers.postgres.wire import DRIVER_FORMS, driver_cast
from sorbus.expressions.evaluate import actor_value
from sorbus.expressions.nodes import ActorRef, Const, InputRef, Node, Param, TenantRef
from sorbus.query.statements import (
    Conflict,
    Count,
    Delete,
    Insert,
    Output,
    Related,
    Select,
    Statement,
    Update,
)
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.types.rules import stored_form

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

    def __post_init__(self) -> None:
        self.compiler = SqlCompiler(self.application)

    def write(self, statement: Statement) -> SqlStatement:
        returns = True
        match statement:
            case Select():
                sql = self._select(statement)
            case Count():
                sql = self._count(statement)
            case Insert():
                sql = self._insert(statement)
                returns = bool(statement.outputs)
            case Update():
                sql = self._update(statement)
            case Delete():
                sql = self._delete(statement)
        return SqlStatement(sql, binder(self.compiler.sources), returns)

    def _outputs(self, outputs: tuple[Output, ...]) -> str:
        # Labels are never needed: rows are read by position.
        return ", ".join(map(self._output, outputs)) or "1"

    def _output(self, output: Output) -> str:
        text = self.compiler.node(output.node)
        if _needs_cast(output.node):
            text += f"::{output.type.sql}"
        return text + driver_cast(output.type.sql)

    def _select(self, statement: Select) -> str:
        frame = self.compiler.push(statement.resource)
        columns = [self._output(each) for each in statement.outputs]
        source = f"{_table(statement.resource)} {frame.alias}"
        conditions: list[str] = []
        if statement.related is not None:
            key, source, condition = self._related(statement.related, frame, source)
            columns.insert(0, key)
            conditions.append(condition)
        if statement.where is not None:
            conditions.append(self.compiler.node(statement.where))
        order = self.compiler.order(statement.order)
        if statement.related is not None and (statement.limit or statement.offset):
            return self._windowed(statement, columns, source, conditions, order)
        sql = f"SELECT {', '.join(columns) or '1'} FROM {source}"
        if conditions:
            sql += f" WHERE {' AND '.join(conditions)}"
        if order:
            sql += f" ORDER BY {order}"
        if statement.limit is not None:
            sql += f" LIMIT {self.compiler.node(statement.limit, 'bigint')}"
        if statement.offset is not None:
            sql += f" OFFSET {self.compiler.node(statement.offset, 'bigint')}"
        if statement.lock:
            sql += f" FOR UPDATE OF {frame.alias}"
        return sql

    def _windowed(
        self, statement: Select, columns: list[str], source: str, conditions: list[str], order: str
    ) -> str:
        """Limit and offset for each source row: number the rows of each and keep a range."""
        names = [f"c{number}" for number in range(len(columns))]
        labelled = ", ".join(f"{text} AS {name}" for text, name in zip(columns, names, strict=True))
        window = f"PARTITION BY {columns[0]}" + (f" ORDER BY {order}" if order else "")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        inner = f"SELECT {labelled}, row_number() OVER ({window}) AS rank FROM {source}{where}"
        bounds: list[str] = []
        offset = self.compiler.node(statement.offset, "bigint") if statement.offset is not None else "0"
        if statement.offset is not None:
            bounds.append(f"rank > {offset}")
        if statement.limit is not None:
            bounds.append(f"rank <= {offset} + {self.compiler.node(statement.limit, 'bigint')}")
        return f"SELECT {', '.join(names)} FROM ({inner}) ranked WHERE {' AND '.join(bounds)} ORDER BY rank"

    def _related(self, related: Related, frame: Frame, source: str) -> tuple[str, str, str]:
        """The source row's key, the FROM clause and the condition of a related read."""
        relationship = related.relationship
        own = related.source.attributes[relationship.source_attribute]
        far = frame.spec.attributes[relationship.destination_attribute]
        keys = self.compiler.node(related.keys, f"{own.type.sql}[]")
        column = f"{frame.alias}.{quote(far.column)}"
        join = self.application.join(relationship)
        if join is not None and relationship.join is not None:
            between = self.compiler.alias()
            to = join.attributes[relationship.join.destination_attribute].column
            back = join.attributes[relationship.join.source_attribute].column
            source += f" JOIN {_table(join)} {between} ON {between}.{quote(to)} = {column}"
            column = f"{between}.{quote(back)}"
        condition = f"{column} = ANY({keys})"
        if relationship.where is not None:
            condition += f" AND ({self.compiler.node(relationship.where)})"
        return column, source, condition

    def _count(self, statement: Count) -> str:
        frame = self.compiler.push(statement.resource)
        sql = f"SELECT count(*) FROM {_table(statement.resource)} {frame.alias}"
        return sql + self._where(statement.where)

    def _where(self, where: Node | None) -> str:
        return f" WHERE {self.compiler.node(where)}" if where is not None else ""

    def _insert(self, statement: Insert) -> str:
        spec = statement.resource
        frame = self.compiler.push(spec)
        columns = ", ".join(quote(spec.attributes[name].column) for name, _ in statement.values)
        values = ", ".join(
            self.compiler.node(node, spec.attributes[name].type.sql) for name, node in statement.values
        )
        sql = f"INSERT INTO {_table(spec)} AS {frame.alias} ({columns}) VALUES ({values})"
        if statement.conflict is not None:
            sql += self._conflict(spec, statement.conflict)
        if statement.outputs:
            sql += f" RETURNING {self._outputs(statement.outputs)}"
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
        sql = f"UPDATE {_table(spec)} AS {frame.alias} SET {changes}{self._where(statement.where)}"
        return f"{sql} RETURNING {self._outputs(statement.outputs)}"

    def _delete(self, statement: Delete) -> str:
        frame = self.compiler.push(statement.resource)
        sql = f"DELETE FROM {_table(statement.resource)} AS {frame.alias}{self._where(statement.where)}"
        return f"{sql} RETURNING {self._outputs(statement.outputs)}"


def _table(spec: ResourceSpec) -> str:
    return quote(spec.table or spec.name)


def _needs_cast(node: Node) -> bool:
    """Whether a value's SQL type may differ from its declared one: sums of bigint are numeric in PostgreSQL."""
    return not hasattr(node, "path")


def binder(sources: Sequence[Source]) -> Bind:
    """One function that gathers a statement's values, written as source so that a run costs one call."""
    names: dict[str, Any] = {"plain": plain, "actor_value": actor_value, "stored_form": stored_form}
    terms = [_term(source, number, names) for number, source in enumerate(sources)]
    code = f"def bind(b):\n p = b.params\n return [{', '.join(terms)}]\n"
    exec(code, names)  # noqa: S102  # built from positions only; values travel in `names`
    bind: Bind = names["bind"]
    return bind


def _term(source: Source, number: int, names: dict[str, Any]) -> str:
    match source:
        case Param(index, python):
            simple = not issubclass(python, (Enum, tuple, *DRIVER_FORMS)) or issubclass(python, (str, int))
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
            return f"plain(stored_form((b.inputs or {{}}).get(n{number})))"
