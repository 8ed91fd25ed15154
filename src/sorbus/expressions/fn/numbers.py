"""Functions of numbers, and those that choose among values."""

# Where overloads of nullable operands overlap, both operands are always null, and no field is.
# mypy: disable-error-code="overload-overlap"
# pyright: reportOverlappingOverload=false

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar, overload

from sorbus.expressions.expr import Built, Expr, Operand

T = TypeVar("T")
N = TypeVar("N", int, float, Decimal, int | None, float | None, Decimal | None)

Number = (
    Expr[int] | Expr[float] | Expr[Decimal] | Expr[int | None] | Expr[float | None] | Expr[Decimal | None]
)


def abs(number: Expr[N]) -> Expr[N]:
    """The number without its sign."""
    return Built("abs", number)


def round(number: Expr[N], digits: int = 0) -> Expr[N]:
    """The number with `digits` after the point, half away from zero; negative digits are before it."""
    return Built("round", number, digits)


def floor(number: Expr[N]) -> Expr[N]:
    """The largest whole number that is not above it, in its own type."""
    return Built("floor", number)


def ceil(number: Expr[N]) -> Expr[N]:
    """The least whole number that is not below it, in its own type."""
    return Built("ceil", number)


@overload
def sqrt(number: Expr[Decimal | None]) -> Expr[Decimal | None]: ...
@overload
def sqrt(number: Expr[int | None] | Expr[float | None]) -> Expr[float | None]: ...
def sqrt(number: Any) -> Any:
    """The square root; null of a negative number."""
    return Built("sqrt", number)


def power(base: Number, exponent: Number | float | Decimal) -> Expr[float | None]:
    """`base` to the power of `exponent`, as a float; null where that is no number or too large for one."""
    return Built("power", base, exponent)


def least(first: Expr[T], *others: Operand[T]) -> Expr[T]:
    """The least of some values; nulls stand aside, so it is null only where all are."""
    return Built("least", first, *others)


def greatest(first: Expr[T], *others: Operand[T]) -> Expr[T]:
    """The greatest of some values; nulls stand aside, so it is null only where all are."""
    return Built("greatest", first, *others)


def nullif(value: Expr[T], none: Operand[T]) -> Expr[T | None]:
    """The value, or null where it is equal to `none`."""
    return Built("nullif", value, none)
