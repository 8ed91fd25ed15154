"""Aggregates over related rows: `cost = agg.sum(calls, lambda call: call.cost)`."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar, overload

from sorbus.expressions.build import Expr, Sort
from sorbus.expressions.nodes import AggregateKind
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


class Agg(Field[T]):
    """A value over the rows of a to-many relationship."""

    __slots__ = ("kind", "of", "order_by", "relationship", "where")

    def __init__(
        self,
        kind: AggregateKind,
        relationship: Many[Any],
        of: Callable[[Any], Expr[Any]] | None,
        *,
        where: Callable[[Any], Expr[bool]] | None,
        order_by: Callable[[Any], Sort | Expr[Any]] | None = None,
        public: bool = False,
        description: str = "",
    ) -> None:
        super().__init__(public=public, description=description)
        self.kind = kind
        self.relationship = relationship
        self.of = of
        self.where = where
        self.order_by = order_by


def _of_query(what: Any) -> bool:
    """Whether an aggregate is over a query's own rows: its first argument is no relationship."""
    return what is None or isinstance(what, Expr)


@overload
def count(
    relationship: Many[R], *, where: Callable[[type[R]], Expr[bool]] | None = ..., public: bool = ...
) -> Agg[int]: ...
@overload
def count(
    of: Expr[Any] | None = ..., /, *, where: Expr[bool] | None = ..., unique: bool = ...
) -> Total[int]: ...
def count(relationship: Any = None, *, where: Any = None, unique: bool = False, public: bool = False) -> Any:
    """How many related rows there are; of a query's own rows, how many, or how many values a field has."""
    if _of_query(relationship):
        return total(SummaryKind.COUNT, relationship, where=where, unique=unique)
    return Agg(AggregateKind.COUNT, relationship, None, where=where, public=public)


@overload
def exists(
    relationship: Many[R], *, where: Callable[[type[R]], Expr[bool]] | None = ..., public: bool = ...
) -> Agg[bool]: ...
@overload
def exists(*, where: Expr[bool] | None = ...) -> Total[bool]: ...
def exists(relationship: Any = None, *, where: Any = None, public: bool = False) -> Any:
    """Whether there is a related row, or a row of the query."""
    if _of_query(relationship):
        return total(SummaryKind.EXISTS, where=where)
    return Agg(AggregateKind.EXISTS, relationship, None, where=where, public=public)


@overload
def sum(
    relationship: Many[R],
    of: Callable[[type[R]], Expr[N | None]],
    *,
    where: Callable[[type[R]], Expr[bool]] | None = ...,
    public: bool = ...,
) -> Agg[N]: ...
@overload
def sum(of: Expr[N | None], /, *, where: Expr[bool] | None = ..., unique: bool = ...) -> Total[N]: ...
def sum(
    relationship: Any, of: Any = None, *, where: Any = None, unique: bool = False, public: bool = False
) -> Any:
    """The sum of a field over the related rows, or over a query's own; zero when there are none."""
    if _of_query(relationship):
        return total(SummaryKind.SUM, relationship, where=where, unique=unique)
    return Agg(AggregateKind.SUM, relationship, of, where=where, public=public)


@overload
def min(
    relationship: Many[R],
    of: Callable[[type[R]], Expr[U] | Expr[U | None]],
    *,
    where: Callable[[type[R]], Expr[bool]] | None = ...,
    public: bool = ...,
) -> Agg[U | None]: ...
@overload
def min(of: Expr[U] | Expr[U | None], /, *, where: Expr[bool] | None = ...) -> Total[U | None]: ...
def min(relationship: Any, of: Any = None, *, where: Any = None, public: bool = False) -> Any:
    """The least value of a field over the related rows, or over a query's own; null when there are none."""
    if _of_query(relationship):
        return total(SummaryKind.MIN, relationship, where=where)
    return Agg(AggregateKind.MIN, relationship, of, where=where, public=public)


@overload
def max(
    relationship: Many[R],
    of: Callable[[type[R]], Expr[U] | Expr[U | None]],
    *,
    where: Callable[[type[R]], Expr[bool]] | None = ...,
    public: bool = ...,
) -> Agg[U | None]: ...
@overload
def max(of: Expr[U] | Expr[U | None], /, *, where: Expr[bool] | None = ...) -> Total[U | None]: ...
def max(relationship: Any, of: Any = None, *, where: Any = None, public: bool = False) -> Any:
    """The greatest value of a field over the related rows, or over a query's own; null when there are none."""
    if _of_query(relationship):
        return total(SummaryKind.MAX, relationship, where=where)
    return Agg(AggregateKind.MAX, relationship, of, where=where, public=public)


@overload
def avg(  # type: ignore[overload-overlap]  # mypy promotes int to float
    relationship: Many[R],
    of: Callable[[type[R]], Expr[int | None] | Expr[Decimal | None]],
    *,
    where: Callable[[type[R]], Expr[bool]] | None = ...,
    public: bool = ...,
) -> Agg[Decimal | None]: ...
@overload
def avg(
    relationship: Many[R],
    of: Callable[[type[R]], Expr[M | None]],
    *,
    where: Callable[[type[R]], Expr[bool]] | None = ...,
    public: bool = ...,
) -> Agg[M | None]: ...
@overload
def avg(  # type: ignore[overload-overlap]  # mypy promotes int to float
    of: Expr[int | None] | Expr[Decimal | None],
    /,
    *,
    where: Expr[bool] | None = ...,
    unique: bool = ...,
) -> Total[Decimal | None]: ...
@overload
def avg(of: Expr[M | None], /, *, where: Expr[bool] | None = ..., unique: bool = ...) -> Total[M | None]: ...
def avg(
    relationship: Any, of: Any = None, *, where: Any = None, unique: bool = False, public: bool = False
) -> Any:
    """The mean of a field over the related rows, or over a query's own; null when there are none.

    That of integers is a decimal.
    """
    if _of_query(relationship):
        return total(SummaryKind.AVG, relationship, where=where, unique=unique)
    return Agg(AggregateKind.AVG, relationship, of, where=where, public=public)


@overload
def first(
    relationship: Many[R],
    of: Callable[[type[R]], Expr[U] | Expr[U | None]],
    *,
    order_by: Callable[[type[R]], Sort | Expr[Any]],
    where: Callable[[type[R]], Expr[bool]] | None = ...,
    public: bool = ...,
) -> Agg[U | None]: ...
@overload
def first(
    of: Expr[U] | Expr[U | None],
    /,
    *,
    where: Expr[bool] | None = ...,
    order_by: Sort | Expr[Any] | Sequence[Sort | Expr[Any]] = ...,
) -> Total[U | None]: ...
def first(
    relationship: Any, of: Any = None, *, order_by: Any = (), where: Any = None, public: bool = False
) -> Any:
    """A field of the first related row in the given order; null when there are none.

    Over a query's own rows it is the first in the given order, or in the query's own.
    """
    if _of_query(relationship):
        return total(SummaryKind.FIRST, relationship, where=where, order_by=order_by)
    return Agg(AggregateKind.FIRST, relationship, of, where=where, order_by=order_by, public=public)


def list(
    of: Expr[U],
    /,
    *,
    where: Expr[bool] | None = None,
    order_by: Sort | Expr[Any] | Sequence[Sort | Expr[Any]] = (),
    unique: bool = False,
) -> Total[builtins.list[U]]:
    """The values of a field over a query's own rows, in the given order or in the query's own."""
    return total(SummaryKind.LIST, of, where=where, order_by=order_by, unique=unique)
