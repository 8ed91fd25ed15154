"""Values over all rows of a query: `await Article.query(scope).aggregate(n=agg.count(), sum=agg.sum(…))`."""

from __future__ import annotations

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
