"""What a column can hold: the last look at a cast value, so that a write does not fail in the database."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

LARGEST_INTEGER = 2**63 - 1
MOST_DIGITS = 1_000
"""Digits of a decimal before the point, and after it: as many as a column can be declared with.

PostgreSQL would store 131,072 and write each of them, so that nine letters (`1e131071`) became a text of 131 KB.
"""

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

_ENDS = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))

Check = Callable[[Any], Any]


def text(value: str) -> str:
    """A text.

    Raises:
        ValueError: it has a NUL character or half of a surrogate pair.
    """
    if "\x00" in value:
        raise ValueError("text cannot hold a NUL character")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("text cannot hold half of a surrogate pair") from None
    return value


def integer(value: int) -> int:
    """An integer of 64 bits.

    Raises:
        ValueError: it is larger.
    """
    if not -LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER:
        raise ValueError("it is no 64-bit integer")
    return value


def number(value: Decimal) -> Decimal:
    """A decimal, its digits written out as PostgreSQL does it: `1E+3` is `1000`.

    Raises:
        ValueError: it has very many digits.
    """
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError("it is no finite number")  # noqa: TRY004  # its value is wrong, its type is right
    if exponent < -MOST_DIGITS or exponent >= MOST_DIGITS or (value and value.adjusted() >= MOST_DIGITS):
        raise ValueError(f"it has more than {MOST_DIGITS} digits before or after the point")
    return Decimal(int(value)) if exponent > 0 else value


def moment(value: datetime) -> datetime:
    """A time in UTC; one without a zone is read as UTC, whatever the server's own zone is.

    Raises:
        ValueError: in UTC it lies outside the years 1 to 9999, or it is the first or last moment of them.
    """
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    elif value.tzinfo is not UTC:
        try:
            value = value.astimezone(UTC)
        except (OverflowError, ValueError):
            raise ValueError("in UTC it lies outside the years 1 to 9999") from None
    if value in _ENDS:
        # The driver would write infinity, and read it as a time without a zone.
        raise ValueError("the first and the last moment of the calendar cannot be stored; leave out an end")
    return value


def clock(value: time) -> time:
    """A time of day.

    Raises:
        ValueError: it has a zone, which no time of day can keep.
    """
    if value.tzinfo is not None:
        raise ValueError("a time of day has no time zone")
    return value


def document(value: Any) -> Any:
    """A JSON document.

    Raises:
        ValueError: something in it is no JSON that PostgreSQL can hold.
    """
    import msgspec

    try:
        encoded = msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(_reason(error)) from None
    if b"\\u0000" in encoded and _NUL.search(encoded):
        raise ValueError("text cannot hold a NUL character")
    return value


def _reason(error: Exception) -> str:
    match error:
        case UnicodeEncodeError():
            return "text cannot hold half of a surrogate pair"
        case OverflowError():
            return "a number in it is no 64-bit integer"
        case RecursionError():
            return "it is nested too deeply"
        case _:
            return f"it has no JSON form ({error})"


def each(check: Check) -> Check:
    """A check for every item of a list."""

    def whole(items: list[Any]) -> list[Any]:
        return [None if item is None else check(item) for item in items]

    return whole


CHECKS: dict[str, Check] = {
    "text": text,
    "citext": text,
    "bigint": integer,
    "numeric": number,
    "timestamp with time zone": moment,
    "time without time zone": clock,
}


def check_for(sql: str) -> Check | None:
    """The check for values of a column type; None where every cast value can be stored."""
    if sql.endswith("[]"):
        inner = CHECKS.get(sql.removesuffix("[]"))
        return each(inner) if inner is not None else None
    return CHECKS.get(sql)
