"""The operators of expressions: names, signatures and how they act on Python values.

Every function here takes arguments that are not null; `evaluate` handles nulls by SQL's rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator.

    Attributes:
        name: its name in nodes.
        symbol: how `describe` writes it; a name means it is written as a call.
        sql: its SQL with `{0}`, `{1}`… for the arguments.
        python: the same on values that are not null.
        result: the Python type of its value, or None when it is that of the first argument.
        strict: whether one null argument makes the value null.
    """

    name: str
    symbol: str
    sql: str
    python: Callable[..., Any]
    result: type | None = None
    strict: bool = True


def _divide(left: Any, right: Any) -> Any:
    if right == 0:
        return None
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    return left / right


def _modulo(left: Any, right: Any) -> Any:
    if right == 0:
        return None
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return Decimal(left) % Decimal(right)
    remainder = abs(left) % abs(right)
    return remainder if left >= 0 else -remainder


def _trim(value: str) -> str:
    return value.strip(" ")


_ALL = (
    Operator("eq", "==", "{0} = {1}", lambda a, b: a == b, bool),
    Operator("ne", "!=", "{0} <> {1}", lambda a, b: a != b, bool),
    Operator("lt", "<", "{0} < {1}", lambda a, b: a < b, bool),
    Operator("le", "<=", "{0} <= {1}", lambda a, b: a <= b, bool),
    Operator("gt", ">", "{0} > {1}", lambda a, b: a > b, bool),
    Operator("ge", ">=", "{0} >= {1}", lambda a, b: a >= b, bool),
    Operator("add", "+", "{0} + {1}", lambda a, b: a + b),
    Operator("sub", "-", "{0} - {1}", lambda a, b: a - b),
    Operator("mul", "*", "{0} * {1}", lambda a, b: a * b),
    # A division by zero is null, in SQL and in memory alike: a filter must never fail on one row's data.
    Operator("div", "/", "{0} / nullif({1}, 0)", _divide),
    Operator("mod", "%", "mod({0}, nullif({1}, 0))", _modulo),
    Operator("neg", "-", "- {0}", lambda a: -a),
    Operator("concat", "concat", "{0} || {1}", lambda a, b: a + b, str),
    Operator("lower", "lower", "lower({0})", lambda a: a.lower(), str),
    Operator("upper", "upper", "upper({0})", lambda a: a.upper(), str),
    Operator("trim", "trim", "btrim({0})", _trim, str),
    Operator("length", "length", "char_length({0})", len, int),
    Operator("contains", "contains", "strpos({0}, {1}) > 0", lambda a, b: b in a, bool),
    Operator("starts_with", "starts_with", "starts_with({0}, {1})", lambda a, b: a.startswith(b), bool),
    Operator(
        "ends_with", "ends_with", "right({0}, char_length({1})) = {1}", lambda a, b: a.endswith(b), bool
    ),
    Operator("is_null", "is_null", "{0} IS NULL", lambda a: a is None, bool, strict=False),
    Operator("is_true", "is_true", "{0} IS TRUE", lambda a: a is True, bool, strict=False),
    Operator("distinct", "is_distinct_from", "{0} IS DISTINCT FROM {1}", lambda a, b: a != b, bool, strict=False),
    Operator("now", "now", "now()", lambda: datetime.now(UTC), datetime),
)

OPERATORS = MappingProxyType({operator.name: operator for operator in _ALL})
"""Every plain operator by name. `and`, `or`, `not`, `in`, `coalesce` and `if` are special forms."""

SPECIAL = frozenset({"and", "or", "not", "in", "coalesce", "if"})
"""The forms whose nulls follow rules of their own."""

COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "in", "distinct"})
"""The operators whose arguments have one type."""
