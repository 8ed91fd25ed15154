"""Statements as SQL: one text, one function that gathers its values, compiled once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from sorbus.data_layers.base import Bindings, Row
from sorbus.data_layers.postgres.compiler import Frame, Source, SqlCompiler, plain, quote
from sorbus.data_layers.postgres.copying import Copying, copying_of
from sorbus.data_layers.postgres.faults import translate
from sorbus.data_layers.postgres.lists import encoder
from sorbus.data_layers.postgres.writes import WriteCompiler
from sorbus.expressions.evaluate import actor_value
from sorbus.expressions.nodes import ActorRef, Const, InputRef, Node, Param, TenantRef
from sorbus.query.statements import (
    Count,
    Delete,
    Insert,
    InsertMany,
    Output,
    Related,
    Select,
    Statement,
    Update,
    UpdateMany,
)
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.types.base import FieldType

Writes = Insert | InsertMany | Update | UpdateMany | Delete

Bind = Callable[[Bindings], list[Any]]


class Shape(Enum):
    """What a statement answers with."""

    ROWS = "rows"
    NUMBER = "number"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class SqlStatement:
    """A compiled statement: runs on an asyncpg connection.

    Attributes:
        copying: another way to write the same rows, when there are many.
    """

    sql: str
    bind: Bind
    shape: Shape = Shape.ROWS
    copying: Copying | None = None

    async def fetch(self, session: Any, bindings: Bindings) -> Sequence[Row]:
        """Run it.

        Raises:
            SorbusError: what PostgreSQL refused, translated; anything else as it came.
        """
        try:
            if self.shape is Shape.ROWS:
                rows: Sequence[Row] = await session.fetch(self.sql, *self.bind(bindings))
                return rows
            if self.copying is not None and await self.copying.write(session, self.sql, bindings.params):
                return ()
            status: str = await session.execute(self.sql, *self.bind(bindings))
            if self.shape is Shape.NUMBER:
                return ((int(status.rpartition(" ")[2]),),)
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
        match statement:
            case Select():
                sql = self._select(statement)
            case Count():
                sql = self._count(statement)
            case _:
                return self._written(statement)
        return SqlStatement(sql, binder(self.compiler.sources))

    def _written(self, statement: Writes) -> SqlStatement:
        compiler = WriteCompiler(self.compiler)
        shape = Shape.ROWS
        copying: Copying | None = None
        match statement:
            case Insert():
                sql = compiler.insert(statement)
                shape = Shape.ROWS if statement.outputs or statement.tagged else Shape.NOTHING
            case InsertMany():
                sql = compiler.insert_many(statement)
                answers = statement.outputs or statement.tagged or statement.check is not None
                shape = Shape.ROWS if answers else Shape.NOTHING
                if not answers and statement.conflict is None:
                    copying = copying_of([statement.resource.attributes[each] for each in statement.columns])
            case Update():
                sql = compiler.update(statement)
                shape = Shape.NUMBER if statement.counted else Shape.ROWS
            case UpdateMany():
                sql = compiler.update_many(statement)
            case Delete():
                sql = compiler.delete(statement)
                shape = Shape.NUMBER if statement.counted and not statement.guards else Shape.ROWS
        bind = binder(self.compiler.sources)
        if isinstance(statement, (InsertMany, UpdateMany)):
            bind = _with_lists(bind, [statement.resource.attributes[name].type for name in statement.columns])
        return SqlStatement(sql, bind, shape, copying)

    def _outputs(self, outputs: tuple[Output, ...]) -> str:
        # Labels are never needed: rows are read by position.
        return ", ".join(map(self._output, outputs)) or "1"

    def _output(self, output: Output) -> str:
        text = self.compiler.node(output.node)
        if _needs_cast(output.node):
            text += f"::{output.type.sql}"
        return text

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


def _table(spec: ResourceSpec) -> str:
    return quote(spec.table or spec.name)


def _needs_cast(node: Node) -> bool:
    """Whether a value's SQL type may differ from its declared one: sums of bigint are numeric in PostgreSQL."""
    return not hasattr(node, "path")


def _with_lists(bind: Bind, kinds: Sequence[FieldType]) -> Bind:
    """Bind after the lists at the front of the parameters have got the form that the driver takes."""
    encoders = [(index, found) for index, kind in enumerate(kinds) if (found := encoder(kind)) is not None]
    if not encoders:
        return bind

    def encoded(bindings: Bindings) -> list[Any]:
        params = list(bindings.params)
        for index, encode in encoders:
            params[index] = encode(params[index])
        return bind(replace(bindings, params=params))

    return encoded


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
