"""The operators of expressions: names, signatures and how they act on Python values.

Every function here takes arguments that are not null; `evaluate` handles nulls by SQL's rules.
"""

from __future__ import annotations

import operator as op
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import Enum
from types import MappingProxyType
from typing import Any

from sorbus.expressions import numeric
from sorbus.expressions.functions import dates, lists, numbers, text
from sorbus.expressions.rule import Operator
from sorbus.expressions.type_rows import ROWS as TYPE_ROWS

__all__ = ["COMPARISONS", "OPERATORS", "SPECIAL", "Operator"]


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """A comparison in which the member of an enumeration counts as its value, as it is stored."""

    def compared(one: Any, other: Any) -> bool:
        if isinstance(one, Enum):
            one = one.value
        return compare(one, other.value if isinstance(other, Enum) else other)

    return compared


def _is_null(value: Any) -> bool:
    return value is None


def _is_true(value: Any) -> bool:
    return value is True


def _now() -> datetime:
    return datetime.now(UTC)


def _subtraction(kinds: Sequence[str | None]) -> str:
    if kinds[0] != "date":
        return "{0} - {1}"
    # A date minus a date is a number of days in PostgreSQL, and a date minus an interval a time.
    return "make_interval(days => {0} - {1})" if kinds[1] == "date" else "({0} - {1})::date"


def _addition(kinds: Sequence[str | None]) -> str:
    if "text" in kinds or "citext" in kinds:
        return "{0} || {1}"
    return "({0} + {1})::date" if "date" in kinds else "{0} + {1}"


_ALL = (
    Operator("eq", "==", "{0} = {1}", op.eq, bool, same=True),
    Operator("ne", "!=", "{0} <> {1}", op.ne, bool, same=True),
    Operator("lt", "<", "{0} < {1}", _ordered(op.lt), bool, same=True),
    Operator("le", "<=", "{0} <= {1}", _ordered(op.le), bool, same=True),
    Operator("gt", ">", "{0} > {1}", _ordered(op.gt), bool, same=True),
    Operator("ge", ">=", "{0} >= {1}", _ordered(op.ge), bool, same=True),
    Operator("add", "+", _addition, numeric.add),
    Operator("sub", "-", _subtraction, numeric.subtract),
    Operator("mul", "*", "{0} * {1}", numeric.multiply),
    # A division by zero is null, in SQL and in memory alike: a filter must never fail on one row's data.
    Operator("div", "/", "{0} / nullif({1}, 0)", numeric.divide, nullable=True),
    Operator("mod", "%", "mod({0}, nullif({1}, 0))", numeric.modulo, nullable=True),
    Operator("neg", "-", "- {0}", numeric.negate),
    Operator("is_null", "is_null", "{0} IS NULL", _is_null, bool, strict=False),
    Operator("is_true", "is_true", "{0} IS TRUE", _is_true, bool, strict=False),
    Operator(
        "distinct", "is_distinct_from", "{0} IS DISTINCT FROM {1}", op.ne, bool, strict=False, same=True
    ),
    Operator("now", "now", "now()", _now, datetime),
    *text.ROWS,
    *numbers.ROWS,
    *dates.ROWS,
    *lists.ROWS,
    *TYPE_ROWS,
)

OPERATORS = MappingProxyType({operator.name: operator for operator in _ALL})
"""Every plain operator and function by name; the forms of `SPECIAL` have rules of their own."""

SPECIAL = frozenset(
    {
        "and",
        "or",
        "not",
        "in",
        "coalesce",
        "if",
        "today",
        "cast",
        "path",
        "collate",
        "parent",
        "named",
        "fragment",
    }
)
"""The forms whose nulls or arguments follow rules of their own."""

COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "in", "distinct"})
"""The operators whose arguments have one type."""
