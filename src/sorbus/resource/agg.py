"""Aggregates over related rows: `cost = agg.sum(calls, lambda call: call.cost)`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar, overload

from sorbus.expressions.build import Expr, Sort
from sorbus.expressions.nodes import AggregateKind
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


def count(
    relationship: Many[R], *, where: Callable[[type[R]], Expr[bool]] | None = None, public: bool = False
) -> Agg[int]:
    """How many related rows there are."""
    return Agg(AggregateKind.COUNT, relationship, None, where=where, public=public)


def exists(
    relationship: Many[R], *, where: Callable[[type[R]], Expr[bool]] | None = None, public: bool = False
) -> Agg[bool]:
    """Whether there is a related row."""
    return Agg(AggregateKind.EXISTS, relationship, None, where=where, public=public)


def sum(  # noqa: A001
    relationship: Many[R],
    of: Callable[[type[R]], Expr[N | None]],
    *,
    where: Callable[[type[R]], Expr[bool]] | None = None,
    public: bool = False,
) -> Agg[N]:
    """The sum of a field over the related rows; zero when there are none."""
    return Agg(AggregateKind.SUM, relationship, of, where=where, public=public)


def min(  # noqa: A001
    relationship: Many[R],
    of: Callable[[type[R]], Expr[U] | Expr[U | None]],
    *,
    where: Callable[[type[R]], Expr[bool]] | None = None,
    public: bool = False,
) -> Agg[U | None]:
    """The least value of a field over the related rows; null when there are none."""
    return Agg(AggregateKind.MIN, relationship, of, where=where, public=public)


def max(  # noqa: A001
    relationship: Many[R],
    of: Callable[[type[R]], Expr[U] | Expr[U | None]],
    *,
    where: Callable[[type[R]], Expr[bool]] | None = None,
    public: bool = False,
) -> Agg[U | None]:
    """The greatest value of a field over the related rows; null when there are none."""
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
def avg(
    relationship: Many[Any],
    of: Callable[[Any], Expr[Any]],
    *,
    where: Callable[[Any], Expr[bool]] | None = None,
    public: bool = False,
) -> Agg[Any]:
    """The mean of a field over the related rows; null when there are none. That of integers is a decimal."""
    return Agg(AggregateKind.AVG, relationship, of, where=where, public=public)


def first(
    relationship: Many[R],
    of: Callable[[type[R]], Expr[U] | Expr[U | None]],
    *,
    order_by: Callable[[type[R]], Sort | Expr[Any]],
    where: Callable[[type[R]], Expr[bool]] | None = None,
    public: bool = False,
) -> Agg[U | None]:
    """A field of the first related row in the given order; null when there are none."""
    return Agg(AggregateKind.FIRST, relationship, of, where=where, order_by=order_by, public=public)
