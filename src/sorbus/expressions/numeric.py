"""Arithmetic as PostgreSQL does it: exact decimals, quotients with its number of digits, whole division."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

# Wide enough that sums and products of what a column can hold are exact.
_EXACT = Context(prec=20_000)

_SIGNIFICANT = 16
_LARGEST_SCALE = 1000
_DIGITS = 4


def add(left: Any, right: Any) -> Any:
    """`left + right`; decimals exactly."""
    return _EXACT.add(*_decimals(left, right)) if _any_decimal(left, right) else left + right


def subtract(left: Any, right: Any) -> Any:
    """`left - right`; decimals exactly, and of a day less a part of one the day before."""
    if isinstance(right, timedelta):
        return left + -right
    return _EXACT.subtract(*_decimals(left, right)) if _any_decimal(left, right) else left - right


def multiply(left: Any, right: Any) -> Any:
    """`left * right`; decimals exactly."""
    return _EXACT.multiply(*_decimals(left, right)) if _any_decimal(left, right) else left * right


def negate(value: Any) -> Any:
    """`-value`; decimals exactly."""
    return _EXACT.minus(value) if isinstance(value, Decimal) else -value


def divide(left: Any, right: Any) -> Any:
    """`left / right`; of integers without the fraction, null where `right` is zero."""
    if right == 0:
        return None
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    return _quotient(*_decimals(left, right)) if _any_decimal(left, right) else left / right


def modulo(left: Any, right: Any) -> Any:
    """The remainder of a division, with the sign of `left`; null where `right` is zero."""
    if right == 0:
        return None
    if _any_decimal(left, right):
        return _EXACT.remainder(*_decimals(left, right))
    remainder = abs(left) % abs(right)
    return remainder if left >= 0 else -remainder


def _any_decimal(left: Any, right: Any) -> bool:
    # A decimal beside a float is a float in PostgreSQL, and Python refuses the mixture.
    return isinstance(left, Decimal) or isinstance(right, Decimal)


def _decimals(left: Any, right: Any) -> tuple[Decimal, Decimal]:
    return Decimal(left), Decimal(right)


def _quotient(left: Decimal, right: Decimal) -> Decimal:
    """A quotient with as many digits after the point as PostgreSQL's `select_div_scale` gives it."""
    left_weight, left_digit = _leading(left)
    right_weight, right_digit = _leading(right)
    weight = left_weight - right_weight - (left_digit <= right_digit)
    scale = min(max(_SIGNIFICANT - weight * _DIGITS, _scale(left), _scale(right), 0), _LARGEST_SCALE)
    context = Context(prec=scale + max(left.adjusted() - right.adjusted(), 0) + 40)
    quotient = context.divide(left, right)
    return quotient.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP, context=_EXACT)


def _leading(value: Decimal) -> tuple[int, int]:
    """Weight and value of the first digit that is not zero, to the base 10 000."""
    if value == 0:
        return 0, 0
    weight = value.adjusted() // _DIGITS
    return weight, int(abs(value).scaleb(-weight * _DIGITS, context=_EXACT))


def _scale(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def rounded(value: Decimal, digits: int) -> Decimal:
    """A decimal with `digits` after the point, half away from zero."""
    if not value.is_finite():
        return value
    return value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP, context=_EXACT)


def square_root(value: Decimal) -> Decimal:
    """The square root with as many digits after the point as PostgreSQL's `numeric_sqrt` gives it."""
    if not value.is_finite():
        return value
    weight = _leading(value)[0]
    scale = min(max(_SIGNIFICANT - (weight * _DIGITS // 2 + 1), _scale(value), 0), _LARGEST_SCALE)
    context = Context(prec=scale + abs(value.adjusted()) + 40)
    return context.sqrt(value).quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP, context=_EXACT)


def plain_text(value: Decimal) -> str:
    """A decimal as digits, without zeros at the end and without an exponent."""
    if not value.is_finite():
        return str(value)
    return "0" if value == 0 else format(_EXACT.normalize(value), "f")
