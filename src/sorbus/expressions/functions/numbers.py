"""Functions of numbers. None of them fails on a row's data: where there is no answer, it is null."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from sorbus.expressions import numeric
from sorbus.expressions.rule import Family, Kinds, Operator, by_first, clamped, first, unified

_LARGEST_SCALE = 1000
_LARGEST_LOGARITHM = 700


def round_to(value: Any, digits: int) -> Any:
    """The value with `digits` after the point, half away from zero; negative ones are before it."""
    digits = max(min(digits, _LARGEST_SCALE), -_LARGEST_SCALE)
    if isinstance(value, float):
        if not math.isfinite(value):
            return value
        # PostgreSQL rounds the fifteen digits that a double surely has.
        return float(numeric.rounded(Decimal(f"{value:.15g}"), digits))
    found = numeric.rounded(Decimal(value), digits)
    return int(found) if isinstance(value, int) else found


def _whole(mode: str, of_float: Callable[[float], int]) -> Callable[[Any], Any]:
    def whole(value: Any) -> Any:
        if isinstance(value, float):
            return float(of_float(value)) if math.isfinite(value) else value
        return value.to_integral_value(mode) if isinstance(value, Decimal) else value

    return whole


def sqrt(value: Any) -> Any:
    """The square root; null of a negative number."""
    if value < 0:
        return None
    return numeric.square_root(value) if isinstance(value, Decimal) else math.sqrt(value)


def power(base: Any, exponent: Any) -> float | None:
    """`base` to the power of `exponent`, as a double; null where that is no number or too large for one."""
    base, exponent = float(base), float(exponent)
    if base == 0:
        return None if exponent < 0 else float(exponent == 0)
    whole = math.isfinite(exponent) and exponent == math.floor(exponent)
    if not (base > 0 or whole) or not abs(exponent * math.log(abs(base))) <= _LARGEST_LOGARITHM:
        return None
    return math.pow(base, exponent)


def _least(*values: Any) -> Any:
    return min((value for value in values if value is not None), default=None)


def _greatest(*values: Any) -> Any:
    return max((value for value in values if value is not None), default=None)


def _nullif(left: Any, right: Any) -> Any:
    return None if left == right else left


def _root_kind(kinds: Kinds) -> Any:
    return Decimal if kinds[0] is Decimal else float


def _in_all(function: str) -> Callable[[Any], str]:
    return lambda kinds: f"{function}({', '.join(f'{{{place}}}' for place in range(len(kinds)))})"


_DIGITS = clamped("{1}", _LARGEST_SCALE)
_BASE, _EXPONENT = "{0}::double precision", "{1}::double precision"
_POWER = (
    f"CASE WHEN {_BASE} = 0 THEN CASE WHEN {_EXPONENT} > 0 THEN 0 WHEN {_EXPONENT} = 0 THEN 1 END "
    f"WHEN ({_BASE} > 0 OR {_EXPONENT} = floor({_EXPONENT})) "
    f"AND abs({_EXPONENT} * ln(abs({_BASE}))) <= {_LARGEST_LOGARITHM} THEN power({_BASE}, {_EXPONENT}) END"
)
_NUMBER = Family.NUMBER

ROWS = (
    Operator("abs", "abs", "abs({0})", abs, first, (_NUMBER,)),
    Operator(
        "round",
        "round",
        by_first(
            bigint=f"round({{0}}::numeric, {_DIGITS})::bigint",
            double_precision=f"round({{0}}::numeric, {_DIGITS})::double precision",
            other=f"round({{0}}, {_DIGITS})",
        ),
        round_to,
        first,
        (_NUMBER, _NUMBER),
    ),
    Operator(
        "floor",
        "floor",
        by_first(bigint="{0}", other="floor({0})"),
        _whole(ROUND_FLOOR, math.floor),
        first,
        (_NUMBER,),
    ),
    Operator(
        "ceil",
        "ceil",
        by_first(bigint="{0}", other="ceil({0})"),
        _whole(ROUND_CEILING, math.ceil),
        first,
        (_NUMBER,),
    ),
    Operator(
        "sqrt",
        "sqrt",
        by_first(
            numeric="CASE WHEN {0} >= 0 THEN sqrt({0}) END",
            other=f"CASE WHEN {{0}} >= 0 THEN sqrt({_BASE}) END",
        ),
        sqrt,
        _root_kind,
        (_NUMBER,),
        nullable=True,
    ),
    Operator("power", "power", _POWER, power, float, (_NUMBER, _NUMBER), nullable=True),
    # Nulls stand aside: the value is null only where all are.
    Operator("least", "least", _in_all("least"), _least, unified, strict=False, same=True),
    Operator("greatest", "greatest", _in_all("greatest"), _greatest, unified, strict=False, same=True),
    Operator("nullif", "nullif", "nullif({0}, {1})", _nullif, first, strict=False, nullable=True, same=True),
)
"""The operators of numbers, and those that choose among values."""
