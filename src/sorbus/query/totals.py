"""Values over all rows of a query: `await Article.query(scope).aggregate(n=agg.count(), sum=agg.sum(…))`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sorbus.expressions.build import Expr, Sort
from sorbus.query.statements import SummaryKind

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Total(Generic[T_co]):
    """One value over the rows of a query.

    Attributes:
        kind: what is done with the values of `of`.
        where: only rows that meet this too.
        order_by: for the first value and the list; by default the query's own sort.
        unique: whether equal values count once.
    """

    kind: SummaryKind
    of: Expr[Any] | None = None
    where: Expr[bool] | None = None
    order_by: tuple[Sort, ...] = ()
    unique: bool = False


def total(
    kind: SummaryKind,
    of: Expr[Any] | None = None,
    *,
    where: Expr[bool] | None = None,
    order_by: Sort | Expr[Any] | Sequence[Sort | Expr[Any]] = (),
    unique: bool = False,
) -> Total[Any]:
    """A value over the rows of a query; `agg.count()`, `agg.sum(Article.price)` and the like make them."""
    sorts = (order_by,) if isinstance(order_by, (Sort, Expr)) else order_by
    terms = tuple(each if isinstance(each, Sort) else Sort(each) for each in sorts)
    return Total(kind=kind, of=of, where=where, order_by=terms, unique=unique)
