"""The operators of expressions: names, signatures and how they act on Python values.

Every function here takes arguments that are not null; `evaluate` handles nulls by SQL's rules.
"""

from __future__ import annotations

import operator as op
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from sorbus.expressions import numeric
from sorbus.expressions.type_rows import ROWS


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


def _trim(value: str) -> str:
    return value.strip(" ")


def _starts_with(value: str, part: str) -> bool:
    # Through the value: a case-insensitive text has a method of its own.
    return value.startswith(part)


def _ends_with(value: str, part: str) -> bool:
    return value.endswith(part)


def _is_null(value: Any) -> bool:
    return value is None


def _is_true(value: Any) -> bool:
    return value is True


def _now() -> datetime:
    return datetime.now(UTC)


_ALL = (
    Operator("eq", "==", "{0} = {1}", op.eq, bool),
    Operator("ne", "!=", "{0} <> {1}", op.ne, bool),
    Operator("lt", "<", "{0} < {1}", op.lt, bool),
    Operator("le", "<=", "{0} <= {1}", op.le, bool),
    Operator("gt", ">", "{0} > {1}", op.gt, bool),
    Operator("ge", ">=", "{0} >= {1}", op.ge, bool),
    Operator("add", "+", "{0} + {1}", numeric.add),
    Operator("sub", "-", "{0} - {1}", numeric.subtract),
    Operator("mul", "*", "{0} * {1}", numeric.multiply),
    # A division by zero is null, in SQL and in memory alike: a filter must never fail on one row's data.
    Operator("div", "/", "{0} / nullif({1}, 0)", numeric.divide),
    Operator("mod", "%", "mod({0}, nullif({1}, 0))", numeric.modulo),
    Operator("neg", "-", "- {0}", numeric.negate),
    Operator("concat", "concat", "{0} || {1}", op.add, str),
    Operator("lower", "lower", "lower({0})", str.lower, str),
    Operator("upper", "upper", "upper({0})", str.upper, str),
    Operator("trim", "trim", "btrim({0})", _trim, str),
    Operator("length", "length", "char_length({0})", len, int),
    Operator("contains", "contains", "strpos({0}, {1}) > 0", op.contains, bool),
    Operator("starts_with", "starts_with", "starts_with({0}, {1})", _starts_with, bool),
    Operator("ends_with", "ends_with", "right({0}, char_length({1})) = {1}", _ends_with, bool),
    Operator("is_null", "is_null", "{0} IS NULL", _is_null, bool, strict=False),
    Operator("is_true", "is_true", "{0} IS TRUE", _is_true, bool, strict=False),
    Operator("distinct", "is_distinct_from", "{0} IS DISTINCT FROM {1}", op.ne, bool, strict=False),
    Operator("now", "now", "now()", _now, datetime),
    *(Operator(*row) for row in ROWS),
)

OPERATORS = MappingProxyType({operator.name: operator for operator in _ALL})
"""Every plain operator by name. `and`, `or`, `not`, `in`, `coalesce` and `if` are special forms."""

SPECIAL = frozenset({"and", "or", "not", "in", "coalesce", "if"})
"""The forms whose nulls follow rules of their own."""

COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "in", "distinct"})
"""The operators whose arguments have one type."""
