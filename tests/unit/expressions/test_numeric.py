"""Decimals have the digits that PostgreSQL gives them; the wanted values were computed by PostgreSQL 18."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorbus.expressions import numeric


@pytest.mark.parametrize(
    ("left", "right", "wanted"),
    [
        ("1", "3", "0.33333333333333333333"),
        ("2", "3", "0.66666666666666666667"),
        ("5", "3", "1.6666666666666667"),
        ("0.10", "3", "0.03333333333333333333"),
        ("100000", "7", "14285.714285714286"),
        ("1", "8", "0.12500000000000000000"),
        ("12345678901234567890", "7", "1763668414462081127"),
        ("1", "12345678901234567890", "0.000000000000000000081000000729000007"),
        ("-7", "2", "-3.5000000000000000"),
        ("0", "9", "0.00000000000000000000"),
    ],
)
def test_a_quotient_has_the_digits_of_postgres(left: str, right: str, wanted: str) -> None:
    found = numeric.divide(Decimal(left), Decimal(right))
    assert found == Decimal(wanted)
    assert found.as_tuple().exponent == Decimal(wanted).as_tuple().exponent


@given(st.decimals(-(10**9), 10**9, places=3), st.decimals(-(10**9), 10**9, places=3).filter(bool))
def test_a_quotient_is_within_half_of_its_last_digit(left: Decimal, right: Decimal) -> None:
    found = numeric.divide(left, right)
    exponent = found.as_tuple().exponent
    assert isinstance(exponent, int)
    assert abs(Fraction(found) - Fraction(left) / Fraction(right)) <= Fraction(10) ** exponent / 2


_LONG = st.decimals(-(10**40), 10**40, places=12)


@given(_LONG, _LONG)
def test_sums_and_products_are_exact(left: Decimal, right: Decimal) -> None:
    assert Fraction(numeric.add(left, right)) == Fraction(left) + Fraction(right)
    assert Fraction(numeric.subtract(left, right)) == Fraction(left) - Fraction(right)
    assert Fraction(numeric.multiply(left, right)) == Fraction(left) * Fraction(right)
    assert Fraction(numeric.negate(left)) == -Fraction(left)


@pytest.mark.parametrize(
    ("left", "right", "quotient", "remainder"),
    [(7, 2, 3, 1), (-7, 2, -3, -1), (7, -2, -3, 1), (-7, -2, 3, -1), (0, 5, 0, 0), (1, 5, 0, 1)],
)
def test_integers_divide_toward_zero(left: int, right: int, quotient: int, remainder: int) -> None:
    assert numeric.divide(left, right) == quotient
    assert numeric.modulo(left, right) == remainder


@pytest.mark.parametrize("zero", [0, 0.0, Decimal(0)])
def test_a_division_by_zero_is_null(zero: float | Decimal) -> None:
    assert numeric.divide(type(zero)(1), zero) is None
    assert numeric.modulo(type(zero)(1), zero) is None
