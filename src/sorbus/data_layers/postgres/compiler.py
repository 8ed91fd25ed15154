"""From expression nodes to SQL text and the list of values that its parameters take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sorbus.data_layers.postgres.frames import Frame, quote
from sorbus.data_layers.postgres.joins import Joins
from sorbus.data_layers.postgres.wire import DRIVER_FORMS, beside_range, wire_cast
from sorbus.errors.framework import NotCompilable
from sorbus.expressions.nodes import (
    ActorRef,
    Aggregated,
    AggregateKind,
    Call,
    Const,
    Exists,
    Hops,
    Incoming,
    InputRef,
    Node,
    Ordering,
    Param,
    Ref,
    TenantRef,
)
from sorbus.expressions.operators import COMPARISONS, OPERATORS
from sorbus.expressions.type_rows import ENDS
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.types.base import sql_type
from sorbus.types.ranges import ELEMENTS

_NUMBERS = frozenset({"bigint", "double precision", "numeric"})
# Beside a citext these would be those of text, which look at the case.
_TEXT_SEARCHES = frozenset({"contains", "starts_with", "ends_with"})

Source = Const | Param | ActorRef | TenantRef | InputRef
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
            case Incoming(name):
                return f"EXCLUDED.{quote(self.frames[-1].spec.attributes[name].column)}"
            case Exists():
                return self._exists(node)
            case Aggregated():
                return self._aggregated(node)
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
        # A derived field's nodes speak of its own row: hide the frames above it while it is compiled.
        hidden = self.frames[position + 1 :]
        del self.frames[position + 1 :]
        text = self.node(derived.node)
        self.frames.extend(hidden)
        return f"({text})"

    def _path(self, ref: Ref, position: int) -> str:
        """A field behind to-one relationships, as a scalar sub-select: no join can multiply rows."""
        source = self.frames[position]
        hidden = self.frames[position + 1 :]
        del self.frames[position + 1 :]
        table, condition, frame = Joins(self).related(source, source.spec.relationships[ref.path[0]], None)
        self.frames.append(frame)
        inner = self._ref(Ref(ref.name, ref.path[1:]))
        self.frames.pop()
        self.frames.extend(hidden)
        return f"(SELECT {inner} FROM {table} WHERE {condition} LIMIT 1)"

    def _related(self, name: str, hops: Hops | None) -> tuple[str, str, Frame]:
        """Enter a relationship's rows: FROM clause, condition, frame. The caller pops the frame."""
        source = self.frames[-1]
        table, condition, frame = Joins(self).related(source, source.spec.relationships[name], hops)
        self.frames.append(frame)
        return table, condition, frame

    def _exists(self, node: Exists) -> str:
        table, condition, _ = self._related(node.relationship, node.hops)
        if node.where is not None:
            condition += f" AND ({self.node(node.where)})"
        self.frames.pop()
        return f"EXISTS (SELECT 1 FROM {table} WHERE {condition})"

    def _aggregated(self, node: Aggregated) -> str:
        table, condition, frame = self._related(node.relationship, node.hops)
        if node.where is not None:
            condition += f" AND ({self.node(node.where)})"
        of = self.node(node.of) if node.of is not None else ""
        kind = self.sql_type(node.of) if node.of is not None else None
        order = f" ORDER BY {self.order(node.order)}" if node.order else ""
        self.frames.pop()
        body = f"FROM {table} WHERE {condition}"
        if of and node.kind is not AggregateKind.FIRST and f"{frame.alias}." not in of:
            # SQL gives an aggregate to the query whose columns it names, here an enclosing one.
            of, body = "v", f"FROM (SELECT {of} AS v {body}) o"
        match node.kind:
            case AggregateKind.COUNT:
                return f"(SELECT count(*) {body})"
            case AggregateKind.EXISTS:
                return f"EXISTS (SELECT 1 {body})"
            case AggregateKind.FIRST:
                return f"(SELECT {of} {body}{order} LIMIT 1)"
            case AggregateKind.SUM:
                # A zero without a type takes that of the sum, which may be an interval.
                # A sum of bigint is numeric in PostgreSQL, and would divide as one.
                total = f"sum({of})::bigint" if kind == "bigint" else f"sum({of})"
                return f"(SELECT coalesce({total}, '0') {body})"
            case _:
                return f"(SELECT {node.kind.value}({of}) {body})"

    def _call(self, operator: str, args: tuple[Node, ...], hint: str | None) -> str:
        special = _SPECIAL.get(operator)
        if special is not None:
            return special(self, args, hint)
        rule = OPERATORS[operator]
        if operator in COMPARISONS:
            beside = next((found for arg in args if (found := self.sql_type(arg))), None)
            texts = [self.node(arg, beside) for arg in args]
        else:
            beside = next((found for arg in args if (found := self.sql_type(arg))), hint)
            over = beside_range(operator, beside)
            # A bare value keeps its own type: `time + interval` and `numeric * integer` are right as they are.
            texts = [
                self.node(arg, beside if isinstance(arg, ActorRef | TenantRef | InputRef) else over(arg))
                for arg in args
            ]
        if operator in _TEXT_SEARCHES and self.sql_type(args[0]) == "citext":
            texts = [f"lower({text}::text)" for text in texts]
        template = "{0} || {1}" if operator == "add" and self._is_text(args) else rule.sql
        return f"({template.format(*texts)})"

    def _is_text(self, args: tuple[Node, ...]) -> bool:
        return any(self.sql_type(arg, values=True) in {"text", "citext"} for arg in args)

    def sql_type(self, node: Node, *, values: bool = False) -> str | None:
        """The column type of a node, where it is certain.

        Args:
            values: whether a bare value counts, which otherwise takes the type of what is beside it.
        """
        match node:
            case Ref(name, path, outer):
                spec = self.frames[len(self.frames) - 1 - outer].spec
                for step in path:
                    spec = self.application.destination(spec.relationships[step])
                return spec.fields[name].type.sql
            case Call(operator, args):
                rule = OPERATORS.get(operator)
                if rule is not None and rule.result is not None:
                    return sql_type(rule.result)
                if operator == "if":
                    return self.sql_type(args[1], values=values) or self.sql_type(args[2], values=values)
                first = self.sql_type(args[0], values=values)
                if operator in ENDS and first is not None:
                    return ELEMENTS.get(first)
                # The difference of two times is no time.
                return None if operator == "sub" and first not in _NUMBERS else first
            case Incoming(name):
                return self.frames[-1].spec.attributes[name].type.sql
            case Aggregated():
                return self._type_of_aggregate(node)
            case Param(_, python) if values:
                return sql_type(python)
            case Const(value) if values and value is not None:
                return sql_type(type(value))
            case _:
                return None

    def _type_of_aggregate(self, node: Aggregated) -> str | None:
        match node.kind:
            case AggregateKind.COUNT:
                return "bigint"
            case AggregateKind.EXISTS:
                return "boolean"
            case _:
                source = self.frames[-1]
                relationship = source.spec.relationships[node.relationship]
                self.frames.append(Frame(self.application.destination(relationship), ""))
                of = self.sql_type(node.of) if node.of is not None else None
                self.frames.pop()
                return "numeric" if node.kind is AggregateKind.AVG and of == "bigint" else of


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
    return f"({compiler.node(args[0])} = ANY({compiler.node(args[1], f'{kind}[]' if kind else None)}))"


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


_SPECIAL: dict[str, Special] = {
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
