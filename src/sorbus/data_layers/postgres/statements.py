"""Statements as SQL: one text, one function that gathers its values, compiled once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from sorbus.data_layers.base import Bindings, Row
from sorbus.data_layers.postgres.compiler import Source, SqlCompiler, plain
from sorbus.data_layers.postgres.copying import Copying, copying_of
from sorbus.data_layers.postgres.faults import translate
from sorbus.data_layers.postgres.lists import encoder
from sorbus.data_layers.postgres.selects import SelectWriter
from sorbus.data_layers.postgres.summaries import SummaryWriter
from sorbus.data_layers.postgres.wire import DRIVER_FORMS
from sorbus.data_layers.postgres.writes import WriteCompiler
from sorbus.expressions.evaluate import actor_value
from sorbus.expressions.nodes import ActorRef, Const, InputRef, Lazy, Param, TenantRef
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
from sorbus.schema.resource import ApplicationSpec
from sorbus.scope import tenant_key
from sorbus.types.base import FieldType
from sorbus.types.rules import stored_form

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


def compile_statement(
    application: ApplicationSpec, statement: Statement, *, returns_old: bool = False
) -> SqlStatement:
    """The SQL of a statement.

    Args:
        returns_old: whether the server knows RETURNING old (PostgreSQL 18 and later).
    """
    return _Writer(application, returns_old).write(statement)


@dataclass(slots=True)
class _Writer:
    application: ApplicationSpec
    returns_old: bool = False
    compiler: SqlCompiler = field(init=False)

    def __post_init__(self) -> None:
        self.compiler = SqlCompiler(self.application)

    def write(self, statement: Statement) -> SqlStatement:
        match statement:
            case Select():
                sql = SelectWriter(self.application, self.compiler).select(statement)
            case Summarize():
                sql = SummaryWriter(SelectWriter(self.application, self.compiler), self.compiler).summarize(
                    statement
                )
            case _:
                return self._written(statement)
        return SqlStatement(sql, binder(self.compiler.sources))

    def _written(self, statement: Writes) -> SqlStatement:
        compiler = WriteCompiler(self.compiler, returns_old=self.returns_old)
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
    names: dict[str, Any] = {"plain": plain, "actor_value": actor_value, "stored_form": stored_form}
    terms = [_term(source, number, names) for number, source in enumerate(sources)]
    code = f"def bind(b):\n p = b.params\n return [{', '.join(terms)}]\n"
    exec(code, names)  # noqa: S102  # built from positions only; values travel in `names`
    bind: Bind = names["bind"]
    return bind


def _term(source: Source, number: int, names: dict[str, Any]) -> str:
    match source:
        case Param(index, python):
            scalar = isinstance(python, type) and not issubclass(python, (Enum, tuple, *DRIVER_FORMS))
            simple = scalar or (isinstance(python, type) and issubclass(python, (str, int)))
            return f"p[{index}]" if simple and python is not tuple else f"plain(p[{index}])"
        case Const(value):
            names[f"c{number}"] = plain(value)
            return f"c{number}"
        case Lazy(function):
            names[f"f{number}"] = function
            return f"plain(f{number}())"
        case ActorRef(name, owner):
            names |= {f"n{number}": name, f"o{number}": owner}
            return f"plain(actor_value(b.actor, n{number}, o{number}))"
        case TenantRef(cast):
            names[f"t{number}"] = cast or tenant_key
            enum = issubclass(getattr(cast, "python", object), Enum)
            return f"plain(t{number}(b.tenant))" if enum else f"t{number}(b.tenant)"
        case InputRef(name):
            names[f"n{number}"] = name
            return f"plain(stored_form((b.inputs or {{}}).get(n{number})))"
