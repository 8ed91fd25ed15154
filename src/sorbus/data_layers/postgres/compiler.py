"""From expression nodes to SQL text and the list of values that its parameters take."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sorbus.data_layers.postgres.aggregates import aggregated
from sorbus.data_layers.postgres.frames import Frame, quote
from sorbus.data_layers.postgres.joins import Joins
from sorbus.data_layers.postgres.wire import DRIVER_FORMS, beside_range, wire_cast
from sorbus.errors.framework import NotCompilable
from sorbus.expressions.casts import OF_JSON, cast_between
from sorbus.expressions.kinds import type_in
from sorbus.expressions.nodes import (
    CAST,
    COLLATE,
    FRAGMENT,
    NAMED,
    PARENT,
    PATH,
    UNTRUSTED,
    ActorRef,
    Aggregated,
    Call,
    Const,
    Exists,
    Hops,
    Incoming,
    InputRef,
    Lazy,
    Node,
    Ordering,
    Param,
    Ref,
    TenantRef,
)
from sorbus.expressions.operators import OPERATORS
from sorbus.schema.kinds import kind_of
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.types.base import sql_type
from sorbus.types.ranges import Range

Source = Const | Param | Lazy | ActorRef | TenantRef | InputRef
"""Where a parameter's value comes from when the statement runs."""


@dataclass(slots=True)
class SqlCompiler:
    """Compiles nodes over a stack of frames; the last is the row in question.

    Attributes:
        sources: the parameters so far; `$1` is the first.
    """

    application: ApplicationSpec
    frames: list[Frame] = field(default_factory=list[Frame])
    sources: list[Source] = field(default_factory=list[Source])
    _aliases: int = 0

    def alias(self) -> str:
        """A fresh alias."""
        self._aliases += 1
        return f"t{self._aliases - 1}"

    def push(self, spec: ResourceSpec) -> Frame:
        """Enter the rows of another resource."""
        frame = Frame(spec, self.alias())
        self.frames.append(frame)
        return frame

    def parameter(self, source: Source, sql: str) -> str:
        """A typed placeholder: untyped ones fail in `$1 IS NULL` and the like."""
        for number, known in enumerate(self.sources, 1):
            if known == source and type(known) is type(source) and not isinstance(source, Const):
                return f"${number}{wire_cast(sql)}"
        self.sources.append(source)
        return f"${len(self.sources)}{wire_cast(sql)}"

    def node(self, node: Node, hint: str | None = None) -> str:
        """The SQL of a node.

        Args:
            hint: the column type that a bare value must have here.
        """
        match node:
            case Ref():
                return self._ref(node)
            case Call(operator, args):
                return self._call(operator, args, hint)
            case Const(value):
                return self._const(node, value, hint)
            case Param(_, python):
                return self.parameter(node, hint or sql_type(python))
            case ActorRef() | TenantRef() | InputRef():
                return self.parameter(node, hint or "text")
            case Lazy(annotation=annotation):
                return self.parameter(node, hint or (sql_type(annotation) if annotation else "text"))
            case Incoming(name):
                return f"EXCLUDED.{quote(self.frames[-1].spec.attributes[name].column)}"
            case Exists():
                return self._exists(node)
            case Aggregated():
                return aggregated(self, node)
            case _:
                raise NotCompilable(type(node).__name__)

    def order(self, terms: tuple[Ordering, ...]) -> str:
        """The terms of an ORDER BY."""
        return ", ".join(self._ordering(term) for term in terms)

    def _ordering(self, term: Ordering) -> str:
        text = self.node(term.node)
        # asyncpg cannot order by a bare position, and a text column sorts by the database's collation.
        direction = " DESC" if term.descending else ""
        nulls = ""
        if term.nulls_first is not None and term.nulls_first is not term.descending:
            nulls = " NULLS FIRST" if term.nulls_first else " NULLS LAST"
        return f"{text}{direction}{nulls}"

    def _const(self, node: Const, value: Any, hint: str | None) -> str:
        if value is True or value is False:
            return "TRUE" if value else "FALSE"
        if value is None:
            return f"NULL::{hint}" if hint else "NULL"
        if isinstance(value, tuple):
            sample: Any = next(iter(node.value), "")
            return self.parameter(node, hint or f"{sql_type(type(sample))}[]")
        return self.parameter(node, hint or sql_type(type(value)))

    def _ref(self, ref: Ref) -> str:
        position = len(self.frames) - 1 - ref.outer
        frame = self.frames[position]
        if ref.path:
            return self._path(ref, position)
        attribute = frame.spec.attributes.get(ref.name)
        if attribute is not None:
            return f"{frame.alias}.{quote(attribute.column)}"
        derived = frame.spec.calculations.get(ref.name) or frame.spec.aggregates.get(ref.name)
        if derived is None or derived.node is None:
            raise NotCompilable(f"{frame.spec.name}.{ref.name}")
        with self.seen_from(position):
            return f"({self.node(derived.node)})"

    @contextmanager
    def seen_from(self, position: int) -> Generator[None]:
        """Hide the frames above one: nodes speak of the innermost row."""
        hidden = self.frames[position + 1 :]
        del self.frames[position + 1 :]
        yield
        self.frames.extend(hidden)

    def _path(self, ref: Ref, position: int) -> str:
        """A field behind to-one relationships, as a scalar sub-select: no join can multiply rows."""
        with self.seen_from(position):
            table, condition, _ = self.related(ref.path[0])
            inner = self._ref(Ref(ref.name, ref.path[1:]))
            self.frames.pop()
        return f"(SELECT {inner} FROM {table} WHERE {condition} LIMIT 1)"

    def related(self, name: str, hops: Hops | None = None) -> tuple[str, str, Frame]:
        """Enter a relationship's rows: FROM clause, condition, frame. The caller pops the frame."""
        source = self.frames[-1]
        table, condition, frame = Joins(self).related(source, source.spec.relationships[name], hops)
        self.frames.append(frame)
        return table, condition, frame

    def _exists(self, node: Exists) -> str:
        table, condition, _ = self.related(node.relationship, node.hops)
        if node.where is not None:
            condition += f" AND ({self.node(node.where)})"
        self.frames.pop()
        return f"EXISTS (SELECT 1 FROM {table} WHERE {condition})"

    def _call(self, operator: str, args: tuple[Node, ...], hint: str | None) -> str:
        special = _SPECIAL.get(operator)
        if special is not None:
            return special(self, args, hint)
        rule = OPERATORS[operator]
        kinds = [self.sql_type(arg, values=True) for arg in args]
        beside = next((found for arg in args if (found := self.sql_type(arg))), None if rule.same else hint)
        over = beside_range(operator, beside)
        # A bare value keeps its own type: `time + interval` and `numeric * integer` are right as they are.
        texts = [
            self.node(
                arg, beside if rule.same or isinstance(arg, ActorRef | TenantRef | InputRef) else over(arg)
            )
            for arg in args
        ]
        return f"({rule.template(kinds).format(*texts)})"

    def sql_type(self, node: Node, *, values: bool = False) -> str | None:
        """The column type of a node, where it is certain.

        Args:
            values: whether a bare value counts, which otherwise takes the type of what is beside it.
        """
        if isinstance(node, Ref):
            return self._field_type(node)
        stack = tuple(frame.spec for frame in self.frames)
        kind = kind_of(self.application, node, stack, values=values)
        # A bare range has no type by itself: the range beside it tells that of its ends.
        return None if kind is None or kind is Range else sql_type(kind)

    def _field_type(self, ref: Ref) -> str:
        spec = self.frames[len(self.frames) - 1 - ref.outer].spec
        for step in ref.path:
            spec = self.application.destination(spec.relationships[step])
        return spec.fields[ref.name].type.sql


Special = Callable[[SqlCompiler, tuple[Node, ...], str | None], str]


def _joined_by(word: str) -> Special:
    def compile_it(compiler: SqlCompiler, args: tuple[Node, ...], hint: str | None) -> str:
        del hint
        return "(" + f" {word} ".join(compiler.node(arg, "boolean") for arg in args) + ")"

    return compile_it


def _not(compiler: SqlCompiler, args: tuple[Node, ...], hint: str | None) -> str:
    del hint
    return f"(NOT {compiler.node(args[0], 'boolean')})"


def _in(compiler: SqlCompiler, args: tuple[Node, ...], hint: str | None) -> str:
    del hint
    kind = compiler.sql_type(args[0])
    items = compiler.node(args[1], f"{kind}[]" if kind else None)
    listed = compiler.sql_type(args[1])
    # Without a cast PostgreSQL takes a sub-select that is one list for one with a row for each item.
    return f"({compiler.node(args[0])} = ANY({items}{f'::{listed}' if listed else ''}))"


def _coalesce(compiler: SqlCompiler, args: tuple[Node, ...], hint: str | None) -> str:
    kind = next((found for arg in args if (found := compiler.sql_type(arg))), hint)
    return f"coalesce({', '.join(compiler.node(arg, kind) for arg in args)})"


def _if(compiler: SqlCompiler, args: tuple[Node, ...], hint: str | None) -> str:
    kind = next((found for arg in args[1:] if (found := compiler.sql_type(arg))), hint)
    test, then, otherwise = (
        compiler.node(args[0], "boolean"),
        compiler.node(args[1], kind),
        compiler.node(args[2], kind),
    )
    return f"(CASE WHEN {test} THEN {then} ELSE {otherwise} END)"


def _today(compiler: SqlCompiler, args: tuple[Node, ...], hint: str | None) -> str:
    del compiler, args, hint
    return "(now() AT TIME ZONE 'UTC')::date"


def _parent(compiler: SqlCompiler, args: tuple[Node, ...], hint: str | None) -> str:
    with compiler.seen_from(len(compiler.frames) - 2):
        return compiler.node(args[0], hint)


def _last(compiler: SqlCompiler, args: tuple[Node, ...], hint: str | None) -> str:
    return compiler.node(args[-1], hint)


def _cast(compiler: SqlCompiler, args: tuple[Node, ...], hint: str | None) -> str:
    del hint
    target = sql_type(type_in(args).annotation)
    source = compiler.sql_type(args[0], values=True)
    found = cast_between(source, target) if source is not None else None
    if found is None:
        raise NotCompilable(f"a cast from {source or 'an unknown type'} to {target}")
    return f"({found.sql.format(compiler.node(args[0]))})"


def _path(compiler: SqlCompiler, args: tuple[Node, ...], hint: str | None) -> str:
    del hint
    document, steps = compiler.node(args[0], "jsonb"), compiler.node(args[1], "text[]")
    found = f"nullif({document} #> {steps}, 'null'::jsonb)"
    if len(args) == 2:
        return found
    return f"({OF_JSON[sql_type(type_in(args).annotation)].sql.format(found)})"


def _collate(compiler: SqlCompiler, args: tuple[Node, ...], hint: str | None) -> str:
    text, collation = args
    name = collation.value if isinstance(collation, Const) else ""
    return f"({compiler.node(text, hint or 'text')} COLLATE {quote(str(name))})"


def _fragment(compiler: SqlCompiler, args: tuple[Node, ...], hint: str | None) -> str:
    del hint
    template, _, *rest = args
    assert isinstance(template, Const)
    sql: str = template.value.fill([compiler.node(arg) for arg in rest])
    return f"({sql})"


_SPECIAL: dict[str, Special] = {
    "today": _today,
    PARENT: _parent,
    NAMED: _last,
    UNTRUSTED: _last,
    CAST: _cast,
    PATH: _path,
    COLLATE: _collate,
    FRAGMENT: _fragment,
    "and": _joined_by("AND"),
    "or": _joined_by("OR"),
    "not": _not,
    "in": _in,
    "coalesce": _coalesce,
    "if": _if,
}


def plain(value: Any) -> Any:
    """A value as the driver takes it: the member of an enumeration becomes its value."""
    convert = DRIVER_FORMS.get(value.__class__)
    if convert is not None:
        return convert(value)
    if isinstance(value, Enum) and not isinstance(value, (str, int)):
        return value.value
    if isinstance(value, tuple):
        return [plain(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    return value
