"""Aggregates over related rows: `cost = agg.sum(calls, lambda call: call.cost)`.

Named in a resource's body an aggregate is a field; anywhere else it is an expression like any other:
`Author.query(scope).where(agg.count(Author.articles) > 2)`.
"""

# Where overloads of nullable operands overlap, both operands are always null, and no field is.
# mypy: disable-error-code="overload-overlap"
# pyright: reportOverlappingOverload=false

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Generic, TypedDict, TypeVar, Unpack, overload

from sorbus.errors.declaration import ForeignField
from sorbus.expressions.expr import Expr, Lowering, Sort, is_expression
from sorbus.expressions.nodes import Aggregated, AggregateKind, Custom, Node, Ordering, outward
from sorbus.expressions.templates import template
from sorbus.query.statements import SummaryKind
from sorbus.query.totals import Total, total
from sorbus.resource.fields import Field
from sorbus.resource.relationships import Many

R = TypeVar("R")
U = TypeVar("U")
T = TypeVar("T")
N = TypeVar("N", int, float, Decimal, timedelta)
M = TypeVar("M", float, timedelta)

Numbers = (
    Expr[int] | Expr[float] | Expr[Decimal] | Expr[int | None] | Expr[float | None] | Expr[Decimal | None]
)
Where = Callable[[type[R]], Expr[bool]]
Of = Callable[[type[R]], Expr[U] | Expr[U | None]]
Terms = Sort | Expr[Any] | Sequence[Sort | Expr[Any]]
Order = Callable[[type[R]], Terms]


class Related(TypedDict, Generic[R], total=False):
    """What every aggregate over related rows may be told.

    Attributes:
        where: what the rows must meet.
        authorize: whether only rows count that the actor may read. Rows of other tenants never count.
    """

    where: Callable[[type[R]], Expr[bool]] | None
    authorize: bool
    public: bool
    description: str


class Agg(Field[T]):
    """A value over the rows of a to-many relationship."""

    __slots__ = (
        "authorize", "custom", "default", "include_null", "kind", "limit", "of", "order_by", "relationship",
        "unique", "where",
    )  # fmt: skip

    def __init__(
        self,
        kind: AggregateKind,
        relationship: Any,
        of: Callable[[Any], Expr[Any]] | None,
        *,
        where: Callable[[Any], Expr[bool]] | None = None,
        order_by: Callable[[Any], Any] | None = None,
        unique: bool = False,
        limit: int | None = None,
        include_null: bool = False,
        default: Any = None,
        authorize: bool = True,
        custom: Custom | None = None,
        public: bool = False,
        description: str = "",
    ) -> None:
        super().__init__(public=public, description=description)
        self.kind = kind
        self.relationship = relationship
        self.of = of
        self.where = where
        self.order_by = order_by
        self.unique = unique
        self.limit = limit
        self.include_null = include_null
        self.default = default
        self.authorize = authorize
        self.custom = custom

    def lower(self, context: Lowering) -> Node:
        if self.name:
            return context.field(self)
        outer, at = context.source(self.relationship)
        return outward(self.over(at), outer)

    def over(self, context: Lowering) -> Aggregated:
        """The aggregate itself, over the rows of its relationship."""
        name, destination, inner = context.into(self.relationship)
        return Aggregated(
            self.kind,
            name,
            self.of(destination).lower(inner) if self.of is not None else None,
            self.where(destination).lower(inner) if self.where is not None else None,
            self._order(destination, inner),
            unique=self.unique,
            limit=None if self.limit is None else context.value(self.limit, None),
            skip_null=self.kind is AggregateKind.FIRST and not self.include_null,
            default=None if self.default is None else context.value(self.default, None),
            authorize=self.authorize,
            custom=self.custom,
        )

    def _order(self, destination: Any, inner: Lowering) -> tuple[Ordering, ...]:
        if self.order_by is not None:
            return _terms(self.order_by, destination, inner)
        own = self.relationship.options.order_by if self.kind in _ORDERED else None
        if own is None:
            return ()
        try:
            # The rows come in the order of their relationship, as when they are loaded.
            return _terms(own, destination, inner)
        except ForeignField:
            # It is sorted by a row between, which no aggregate sees.
            return ()


_ORDERED = frozenset({AggregateKind.FIRST, AggregateKind.LIST, AggregateKind.CUSTOM})


def _terms(order_by: Callable[[Any], Any], destination: Any, inner: Lowering) -> tuple[Ordering, ...]:
    found = order_by(destination)
    terms: Sequence[Any] = [found] if isinstance(found, Sort) or is_expression(found) else found
    return tuple((each if isinstance(each, Sort) else Sort(each)).lower(inner) for each in terms)


def _aggregate(kind: AggregateKind, relationship: Any, of: Any, options: dict[str, Any]) -> Any:
    """An aggregate over related rows, or over a query's own rows where the first argument is no relationship."""
    if relationship is None or is_expression(relationship):
        return total(SummaryKind(kind), relationship, **options)
    return Agg[Any](kind, relationship, of, **options)


@overload
def count(
    relationship: Many[R],
    of: Callable[[type[R]], Expr[Any]] | None = ...,
    *,
    unique: bool = ...,
    **options: Unpack[Related[R]],
) -> Agg[int]: ...
@overload
def count(
    of: Expr[Any] | None = ..., /, *, where: Expr[bool] | None = ..., unique: bool = ...
) -> Total[int]: ...
def count(relationship: Any = None, of: Any = None, **options: Any) -> Any:
    """How many related rows there are; with `of`, how many of its values are not null.

    Without a relationship it counts the rows, or the values of a field, of a query: `query.aggregate(n=agg.count())`.

    Args:
        of: a field of the rows whose values are counted.
        where: what the rows must meet.
        unique: whether equal values count once.
        authorize: whether only rows count that the actor may read. Rows of other tenants never count.
    """
    return _aggregate(AggregateKind.COUNT, relationship, of, options)


@overload
def exists(
    relationship: Many[R],
    **options: Unpack[Related[R]],
) -> Agg[bool]: ...
@overload
def exists(*, where: Expr[bool] | None = ...) -> Total[bool]: ...
def exists(relationship: Any = None, **options: Any) -> Any:
    """Whether there is a related row; without a relationship, whether there is a row of a query."""
    return _aggregate(AggregateKind.EXISTS, relationship, None, options)


@overload
def sum(
    relationship: Many[R],
    of: Callable[[type[R]], Expr[N | None]],
    *,
    default: N | None = ...,
    **options: Unpack[Related[R]],
) -> Agg[N]: ...
@overload
def sum(of: Expr[N | None], /, *, where: Expr[bool] | None = ..., unique: bool = ...) -> Total[N]: ...
def sum(relationship: Any, of: Any = None, **options: Any) -> Any:
    """The sum of a field over the related rows, or over those of a query; `default`, else zero, without any."""
    return _aggregate(AggregateKind.SUM, relationship, of, options)


@overload
def min(
    relationship: Many[R],
    of: Of[R, U],
    *,
    default: U,
    **options: Unpack[Related[R]],
) -> Agg[U]: ...
@overload
def min(
    relationship: Many[R],
    of: Of[R, U],
    **options: Unpack[Related[R]],
) -> Agg[U | None]: ...
@overload
def min(of: Expr[U] | Expr[U | None], /, *, where: Expr[bool] | None = ...) -> Total[U | None]: ...
def min(relationship: Any, of: Any = None, **options: Any) -> Any:
    """The least value of a field over the related rows; `default`, else null, when there is none."""
    return _aggregate(AggregateKind.MIN, relationship, of, options)


@overload
def max(
    relationship: Many[R],
    of: Of[R, U],
    *,
    default: U,
    **options: Unpack[Related[R]],
) -> Agg[U]: ...
@overload
def max(
    relationship: Many[R],
    of: Of[R, U],
    **options: Unpack[Related[R]],
) -> Agg[U | None]: ...
@overload
def max(of: Expr[U] | Expr[U | None], /, *, where: Expr[bool] | None = ...) -> Total[U | None]: ...
def max(relationship: Any, of: Any = None, **options: Any) -> Any:
    """The greatest value of a field over the related rows; `default`, else null, when there is none."""
    return _aggregate(AggregateKind.MAX, relationship, of, options)


@overload
def avg(
    relationship: Many[R],
    of: Callable[[type[R]], Expr[int | None] | Expr[Decimal | None]],
    *,
    default: Decimal | None = ...,
    **options: Unpack[Related[R]],
) -> Agg[Decimal | None]: ...
@overload
def avg(
    relationship: Many[R],
    of: Callable[[type[R]], Expr[M | None]],
    *,
    default: M | None = ...,
    **options: Unpack[Related[R]],
) -> Agg[M | None]: ...
@overload
def avg(
    of: Expr[int | None] | Expr[Decimal | None], /, *, where: Expr[bool] | None = ..., unique: bool = ...
) -> Total[Decimal | None]: ...
@overload
def avg(of: Expr[M | None], /, *, where: Expr[bool] | None = ..., unique: bool = ...) -> Total[M | None]: ...
def avg(relationship: Any, of: Any = None, **options: Any) -> Any:
    """The mean of a field over the related rows; `default`, else null, when there is none.

    That of integers is a decimal.
    """
    return _aggregate(AggregateKind.AVG, relationship, of, options)


@overload
def first(
    relationship: Many[R],
    of: Of[R, U],
    *,
    default: U,
    order_by: Order[R] | None = ...,
    **options: Unpack[Related[R]],
) -> Agg[U]: ...
@overload
def first(
    relationship: Many[R],
    of: Of[R, U],
    *,
    order_by: Order[R] | None = ...,
    include_null: bool = ...,
    **options: Unpack[Related[R]],
) -> Agg[U | None]: ...
@overload
def first(
    of: Expr[U] | Expr[U | None], /, *, order_by: Terms = ..., where: Expr[bool] | None = ...
) -> Total[U | None]: ...
def first(relationship: Any, of: Any = None, **options: Any) -> Any:
    """The first value of a field over the related rows; `default`, else null, when there is none.

    Args:
        order_by: which comes first; without it the relationship's own order. Equals are told apart by their keys.
        include_null: whether the value is that of the first row even where it is null; otherwise nulls are
            left out, as in every other aggregate.
    """
    return _aggregate(AggregateKind.FIRST, relationship, of, options)


@overload
def list(
    relationship: Many[R],
    of: Of[R, U],
    *,
    order_by: Order[R] | None = ...,
    unique: bool = ...,
    limit: int | None = ...,
    **options: Unpack[Related[R]],
) -> Agg[builtins.list[U]]: ...
@overload
def list(
    of: Expr[U] | Expr[U | None],
    /,
    *,
    order_by: Terms = ...,
    where: Expr[bool] | None = ...,
    unique: bool = ...,
) -> Total[builtins.list[U]]: ...
def list(relationship: Any, of: Any = None, **options: Any) -> Any:
    """The values of a field over the related rows that are not null, as a list; empty when there are none.

    Args:
        order_by: how they are sorted; without it by the relationship's own order, and then by key.
        unique: whether an equal value stands only once, at its first place; over the rows of a query such
            values come in their own order.
        limit: how many at most.
    """
    return _aggregate(AggregateKind.LIST, relationship, of, options)


@overload
def custom(
    relationship: Many[R],
    of: Of[R, U],
    *,
    sql: str,
    fold: Callable[[Sequence[U]], T],
    type: type[T],
    default: T,
    order_by: Order[R] | None = ...,
    **options: Unpack[Related[R]],
) -> Agg[T]: ...
@overload
def custom(
    relationship: Many[R],
    of: Of[R, U],
    *,
    sql: str,
    fold: Callable[[Sequence[U]], T],
    type: type[T],
    order_by: Order[R] | None = ...,
    **options: Unpack[Related[R]],
) -> Agg[T | None]: ...
def custom(
    relationship: Any, of: Any, *, sql: str, fold: Callable[[Any], Any], type: type[Any], **options: Any
) -> Agg[Any]:
    """An aggregate of your own over the values that are not null; `default`, else null, when there are none.

    `agg.custom(tags, lambda tag: tag.name, sql="string_agg({0}, ', ')", fold=", ".join, type=str)`.

    Args:
        sql: what PostgreSQL computes; `{0}` stands for the value.
        fold: the same in Python over the values in order, for rows in memory.
        type: the Python type of the result.

    Raises:
        BrokenFragment: the SQL's braces are wrong.
    """
    made = Custom(template(sql, 1, where="agg.custom"), fold, type)
    return Agg[Any](AggregateKind.CUSTOM, relationship, of, custom=made, **options)
