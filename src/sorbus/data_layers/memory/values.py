"""What a stored value looks like: the type of its field, the limits of its column, no ties to the caller."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import Enum
from typing import Any

import msgspec

from sorbus.errors.database import (
    CheckViolation,
    NotNullViolation,
    NumericOutOfRange,
    TextNotStorable,
    ValueNotStorable,
)
from sorbus.schema.fields import AttributeSpec
from sorbus.schema.names import check_name
from sorbus.schema.resource import ResourceSpec
from sorbus.types.base import FieldType
from sorbus.types.cistr import CiStr

_LARGEST = 2**63 - 1


def stored(spec: ResourceSpec, attribute: AttributeSpec, value: Any) -> Any:
    """A value as a row keeps it.

    Raises:
        NotNullViolation, CheckViolation, NumericOutOfRange, TextNotStorable, ValueNotStorable: what
            PostgreSQL would refuse too.
    """
    table = spec.table or spec.name
    if value is None:
        if not attribute.type.nullable:
            raise NotNullViolation(schema="", table=table, column=attribute.column)
        return None
    if attribute.type.enum is not None and not isinstance(value, attribute.type.enum):
        value = _member(attribute.type.enum, value, table, check_name(spec, attribute.name))
    found = _within_column(conform(value, attribute.type), attribute.type)
    if not _allowed(attribute.type, found):
        raise CheckViolation(constraint=check_name(spec, attribute.name), schema="", table=table)
    return found


def conform(value: Any, kind: FieldType) -> Any:
    """A value in the Python type of its field, as a column of the field's type would give it back."""
    if value is None or isinstance(value, Enum):
        return value
    if kind.enum is not None:
        # An item of a list stands there as it is stored.
        return kind.enum(value)
    convert = _CONVERSIONS.get(kind.sql)
    if convert is not None:
        return convert(value)
    return list(value) if kind.sql.endswith("[]") else value


def loader(kind: FieldType) -> Callable[[Any], Any] | None:
    """From a stored value to one that the caller may keep and change."""
    if kind.codec.load is not None:
        return kind.codec.load
    if kind.sql == "jsonb":
        return copy.deepcopy
    return list if kind.sql.endswith("[]") else None


def _member(enumeration: type[Enum], value: Any, table: str, check: str) -> Enum:
    try:
        return enumeration(value)
    except ValueError:
        raise CheckViolation(constraint=check, schema="", table=table) from None


def _allowed(kind: FieldType, value: Any) -> bool:
    """What the column's check constraint allows."""
    limits = kind.stored_limits
    if kind.choices and kind.enum is None and value not in kind.choices:
        return False
    if kind.sql in _MEASURED or kind.sql.endswith("[]"):
        longest, shortest = limits.max_length, limits.min_length
        return (longest is None or len(value) <= longest) and (shortest is None or len(value) >= shortest)
    if kind.sql in _BOUNDED:
        return (
            (limits.ge is None or value >= limits.ge)
            and (limits.gt is None or value > limits.gt)
            and (limits.le is None or value <= limits.le)
            and (limits.lt is None or value < limits.lt)
        )
    return True


_MEASURED = frozenset({"text", "citext", "bytea"})
_BOUNDED = frozenset({"bigint", "double precision", "numeric", "date"})


def _within_column(value: Any, kind: FieldType) -> Any:
    """A value as a column of limited precision rounds it; inputs were cut before, so this is for what is computed."""
    limits = kind.constraints
    if isinstance(value, Decimal) and limits.max_digits is not None and limits.decimal_places is not None:
        unit = Decimal(1).scaleb(-limits.decimal_places)
        rounded = value.quantize(unit, ROUND_HALF_UP, _WIDE)
        if rounded and rounded.adjusted() >= limits.max_digits - limits.decimal_places:
            raise NumericOutOfRange(f"{value} does not fit into {kind.column}")
        return rounded
    if limits.precision is not None and isinstance(value, (datetime, timedelta)):
        unit_of = timedelta(microseconds=10 ** (6 - limits.precision))
        whole = value - _EPOCH if isinstance(value, datetime) else value
        whole = round(whole / unit_of) * unit_of
        return _EPOCH + whole if isinstance(value, datetime) else whole
    return value


_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_WIDE = Context(prec=20_000)


def _integer(value: Any) -> int:
    number = int(Decimal(value).to_integral_value(ROUND_HALF_UP)) if not isinstance(value, int) else value
    if not -_LARGEST - 1 <= number <= _LARGEST:
        raise NumericOutOfRange(f"{number} is no 64-bit integer")
    return number


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueNotStorable(f"{value!r} is no text")
    if "\x00" in value:
        raise TextNotStorable("a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise TextNotStorable(str(error)) from error
    return value


def _ci_text(value: Any) -> CiStr:
    return CiStr(_text(value))


def _moment(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _document(value: Any) -> Any:
    """What JSON makes of a value: tuples become lists, dates text, models objects."""
    return msgspec.json.decode(msgspec.json.encode(value, enc_hook=_dumped))


def _dumped(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if not callable(dump):
        raise ValueNotStorable(f"a `{type(value).__name__}` has no JSON form")
    return dump(mode="json")


def _interval(value: Any) -> Any:
    # A sum over no rows is zero, of whatever type.
    return timedelta() if value == 0 else value


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "bigint": _integer,
    "double precision": float,
    "numeric": Decimal,
    "text": _text,
    "timestamp with time zone": _moment,
    "jsonb": _document,
    "interval": _interval,
    "citext": _ci_text,
}
