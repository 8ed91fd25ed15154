"""Aggregates over related rows as SQL: each is a sub-select of its own, so that none can multiply rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sorbus.data_layers.postgres.frames import Frame
from sorbus.errors.framework import NotCompilable
from sorbus.expressions.nodes import Aggregated, AggregateKind, Hops, Node, Ordering, Ref


class Compiling(Protocol):
    """What aggregates need of the compiler."""

    frames: list[Frame]

    def node(self, node: Node, hint: str | None = None) -> str:
        """The SQL of a node."""
        ...

    def order(self, terms: tuple[Ordering, ...]) -> str:
        """The terms of an ORDER BY."""
        ...

    def sql_type(self, node: Node, *, values: bool = False) -> str | None:
        """The column type of a node, where it is certain."""
        ...

    def related(self, name: str, hops: Hops | None = None) -> tuple[str, str, Frame]:
        """Enter a relationship's rows."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """The SQL of what an aggregate is made of.

    Attributes:
        of: the value of each row, or nothing.
        kind: its column type, where it is known.
        body: FROM and WHERE.
        order: ORDER BY and its terms, or nothing.
        alias: that of the related row.
    """

    of: str
    kind: str | None
    body: str
    order: str
    alias: str


def aggregated(compiler: Compiling, node: Aggregated) -> str:
    """The SQL of an aggregate over the rows of a relationship of the innermost frame."""
    parts = _parts(compiler, node)
    text = _value(compiler, node, parts)
    if node.default is None or node.kind is AggregateKind.SUM:
        return text
    return f"coalesce({text}, {compiler.node(node.default, compiler.sql_type(node))})"


def _parts(compiler: Compiling, node: Aggregated) -> Parts:
    table, condition, frame = compiler.related(node.relationship, node.hops)
    if node.where is not None:
        condition += f" AND ({compiler.node(node.where)})"
    of = compiler.node(node.of) if node.of is not None else ""
    kind = compiler.sql_type(node.of, values=True) if node.of is not None else None
    order = ""
    if node.order or node.kind in {AggregateKind.LIST, AggregateKind.CUSTOM}:
        # The key decides between equals, so that the same rows always give the same value.
        terms = (*node.order, Ordering(Ref(frame.spec.primary_key.name)))
        order = f" ORDER BY {compiler.order(terms)}"
    compiler.frames.pop()
    return Parts(of, kind, f"FROM {table} WHERE {condition}", order, frame.alias)


def _value(compiler: Compiling, node: Aggregated, parts: Parts) -> str:
    of, body = parts.of, parts.body
    match node.kind:
        case AggregateKind.EXISTS:
            return f"EXISTS (SELECT 1 {body})"
        case AggregateKind.FIRST:
            present = f" AND ({of}) IS NOT NULL" if node.skip_null else ""
            return f"(SELECT {of} {body}{present}{parts.order} LIMIT 1)"
        case AggregateKind.LIST:
            return _list(compiler, node, parts)
        case AggregateKind.CUSTOM:
            return _custom(node, parts)
        case _:
            pass
    if of and f"{parts.alias}." not in of:
        # SQL gives an aggregate to the query whose columns it names, here an enclosing one.
        of, body = "v", f"FROM (SELECT {of} AS v {body}) o"
    match node.kind:
        case AggregateKind.COUNT:
            distinct = "DISTINCT " if node.unique else ""
            return f"(SELECT count({distinct}{of or '*'}) {body})"
        case AggregateKind.SUM:
            # A zero without a type takes that of the sum, which may be an interval.
            # A sum of bigint is numeric in PostgreSQL, and would divide as one.
            total = f"sum({of})::bigint" if parts.kind == "bigint" else f"sum({of})"
            none = "'0'" if node.default is None else compiler.node(node.default, parts.kind)
            return f"(SELECT coalesce({total}, {none}) {body})"
        case _:
            return f"(SELECT {node.kind.value}({of}) {body})"


def _list(compiler: Compiling, node: Aggregated, parts: Parts) -> str:
    """The values that are not null, each at its place in the order; an equal one counts at its first place."""
    numbered = f"SELECT {parts.of} AS v, row_number() OVER ({parts.order.strip()}) AS r {parts.body}"
    place, group = ("min(r) AS r", " GROUP BY v") if node.unique else ("r", "")
    limit = f" ORDER BY r LIMIT {compiler.node(node.limit, 'bigint')}" if node.limit is not None else ""
    inner = f"SELECT v, {place} FROM ({numbered}) n WHERE v IS NOT NULL{group}"
    if limit:
        inner = f"SELECT v, r FROM ({inner}) g{limit}"
    gather, empty = _gathering(parts.kind)
    none = "" if node.default is not None else f", {empty}"
    values = f"{gather}(v ORDER BY r)"
    return f"(SELECT {f'coalesce({values}{none})' if none else values} FROM ({inner}) l)"


def _gathering(kind: str | None) -> tuple[str, str]:
    """The aggregate that makes a list of values of a type, and its empty list."""
    if kind is None:
        raise NotCompilable("a list of values of an unknown type")
    # A list of lists or documents is one document.
    if kind == "jsonb" or kind.endswith("[]"):
        return "jsonb_agg", "'[]'::jsonb"
    return "array_agg", f"'{{}}'::{kind}[]"


def _custom(node: Aggregated, parts: Parts) -> str:
    """The user's aggregate over the values that are not null, in order; over none it is null."""
    if node.custom is None:
        raise NotCompilable("an aggregate without a template")
    inner = f"SELECT v FROM (SELECT {parts.of} AS v {parts.body}{parts.order}) o WHERE v IS NOT NULL"
    return f"(SELECT CASE WHEN count(*) > 0 THEN {node.custom.template.fill(['v'])} END FROM ({inner}) c)"
