"""What somebody outside may ask of a field: the operators of its type, and values cast to it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from enum import Enum
from functools import cached_property
from types import MappingProxyType
from typing import Any, get_args, get_origin

from sorbus.expressions.build import Expr
from sorbus.expressions.fn import has_any
from sorbus.schema.fields import AggregateSpec, AttributeSpec, CalculationSpec
from sorbus.types.base import FieldType, field_type
from sorbus.types.names import bare

Condition = Callable[[Expr[Any], Any], Expr[bool]]

MOST_ALTERNATIVES = 200
"""The most values of an `in` or `intersects`."""

LONGEST_TEXT = 10_000
_LARGEST_INTEGER = 2**63
_MOST_DIGITS = 1_000

OPERATORS: Mapping[str, Condition] = MappingProxyType(
    {
        "eq": lambda field, value: field == value,
        "not_eq": lambda field, value: field != value,
        "in": lambda field, value: field.is_in(value),
        "is_nil": lambda field, value: field.is_null() if value else ~field.is_null(),
        "less_than": lambda field, value: field < value,
        "less_than_or_equal": lambda field, value: field <= value,
        "greater_than": lambda field, value: field > value,
        "greater_than_or_equal": lambda field, value: field >= value,
        "contains": lambda field, value: field.contains(value),
        "starts_with": lambda field, value: field.starts_with(value),
        "ends_with": lambda field, value: field.ends_with(value),
        # An index over the items answers this one, too.
        "has": lambda field, value: has_any(field, [value]),
        "intersects": has_any,
    }
)
"""What a filter may ask, by name."""

OF_SEVERAL = ("in", "intersects")
"""Those of them that compare with a list of values."""

_EQUALITY = ("eq", "not_eq", "in", "is_nil")
_ORDER = ("less_than", "less_than_or_equal", "greater_than", "greater_than_or_equal")
_TEXT = ("contains", "starts_with", "ends_with")
_ITEMS = ("has", "intersects")
_PLAIN = frozenset(
    {"uuid", "text", "citext", "bigint", "double precision", "boolean", "numeric", "date", "interval"}
    | {"timestamp with time zone", "time without time zone"}
)


def has_order(kind: FieldType) -> bool:
    """Whether rows can be sorted by a type: scalars can."""
    return kind.sql in _PLAIN


def item_type(kind: FieldType) -> FieldType | None:
    """The type of the items of a list in which a statement can look for one; None for what is no such list."""
    annotation = bare(kind.annotation)
    if get_origin(annotation) is not list or not kind.sql.endswith("[]"):
        return None
    item = FieldType(annotation=field_type(get_args(annotation)[0]).annotation)
    return item if item.sql in _PLAIN else None


def operators_for(kind: FieldType) -> tuple[str, ...]:
    """The operators that have a meaning for a type."""
    if kind.sql not in _PLAIN:
        return ("is_nil",) if item_type(kind) is None else ("is_nil", *_ITEMS)
    if kind.choices or kind.sql == "boolean":
        return _EQUALITY
    return (*_EQUALITY, *_ORDER, *(_TEXT if kind.sql in {"text", "citext"} else ()))


def computable(field: AttributeSpec | CalculationSpec | AggregateSpec) -> bool:
    """Whether a statement can ask for a field by its name.

    A calculation in Python has no value before the row is here, one with arguments none without them.
    """
    return not isinstance(field, CalculationSpec) or field.node is not None


@dataclass(frozen=True, kw_only=True)
class InputField:
    """A field that somebody outside may filter or sort by.

    Attributes:
        expression: the declared field.
    """

    name: str
    type: FieldType
    expression: Expr[Any]

    @cached_property
    def operators(self) -> tuple[str, ...]:
        """The operators of its type."""
        return operators_for(self.type)

    @cached_property
    def sortable(self) -> bool:
        """Whether rows can be sorted by it."""
        return has_order(self.type)

    @cached_property
    def operand(self) -> FieldType:
        """The type of the values that it is compared with: its own, or that of the items of a list."""
        # Without its limits: a filter may ask for what cannot be.
        return item_type(self.type) or FieldType(annotation=self.type.annotation)

    @property
    def expected(self) -> str:
        """What a value must be, for messages."""
        return ", ".join(map(str, self.operand.choices)) or self.operand.describe()

    def cast(self, value: Any) -> Any:
        """A value from outside in the operand's type: a value of the type itself, or its form in JSON.

        Raises:
            ValueError: it is none. A map, a list or an expression never is: values are not conditions.
        """
        if value is None or isinstance(value, (dict, list, tuple, Expr)):
            raise ValueError("no single value")
        if not _is(value, self.operand):
            value = self.operand.adapter.validate_json(_json(value), strict=True)
        return storable(value, self.operand)


def _is(value: object, kind: FieldType) -> bool:
    """Whether a value is one of the type already; True is no number, and a date is no time of day."""
    if isinstance(value, Enum) or kind.choices:
        return isinstance(value, kind.python) and kind.enum is not None
    return type(value) is kind.python


def _json(value: Any) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        raise ValueError("no plain value") from None


def storable(value: Any, kind: FieldType) -> Any:
    """The value, if PostgreSQL can compare a column with it.

    Raises:
        ValueError: it cannot: a number out of range, a text with a NUL or half of a surrogate pair.
    """
    if isinstance(value, Enum):
        return value
    check = _CHECKS.get("text" if kind.sql == "citext" else kind.sql)
    if check is None:
        return value
    if kind.rule is not None:
        check(kind.stored(value))
        return value
    return check(value)


def _text(value: str) -> str:
    if "\x00" in value or len(value) > LONGEST_TEXT:
        raise ValueError("no text that can be stored")
    value.encode()
    return value


def _integer(value: int) -> int:
    if not -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
        raise ValueError("out of range")
    return value


def _float(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("not finite")
    return value


def _decimal(value: Decimal) -> Decimal:
    if not value.is_finite() or abs(value.adjusted()) + len(value.as_tuple().digits) > _MOST_DIGITS:
        raise ValueError("out of range")
    return value


def _moment(value: datetime) -> datetime:
    """A time without a zone is read as UTC, whatever the server's own zone is."""
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None


def _time(value: time) -> time:
    if value.tzinfo is not None:
        raise ValueError("a time of day has no zone")
    return value


_CHECKS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "text": _text,
        "bigint": _integer,
        "double precision": _float,
        "numeric": _decimal,
        "timestamp with time zone": _moment,
        "time without time zone": _time,
    }
)
