"""Values as people read them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

_NONE = "–"


def moment(value: datetime | None) -> str:
    """A time of today by the clock, another one with its day; in UTC."""
    if value is None:
        return _NONE
    value = value.astimezone(UTC)
    if value.date() == datetime.now(UTC).date():
        return value.strftime("%H:%M:%S")
    return value.strftime("%d %b %Y, %H:%M")


def iso(value: datetime | None) -> str:
    """A time as machines read it."""
    return "" if value is None else value.astimezone(UTC).isoformat(timespec="milliseconds")


def lasting(value: timedelta | None) -> str:
    """How long something took: `340 ms`, `4.2 s`, `3 min 5 s`, `2 h`, `3 d 2 h`."""
    if value is None:
        return _NONE
    seconds = max(0.0, value.total_seconds())
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    for size, unit, smaller, less in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            rest = int(seconds % size // smaller)
            return f"{int(seconds // size)} {unit}" + (f" {rest} {less}" if rest else "")
    raise AssertionError(seconds)


def seconds(value: float) -> str:
    """A number of seconds: `1 s`, `2.5 s`, `1 min`."""
    if value < 60:
        return f"{value:g} s"
    return lasting(timedelta(seconds=value))


def between(start: datetime | None, end: datetime | None) -> timedelta | None:
    """The time between two moments; until now where there is no end yet."""
    return None if start is None else (end or datetime.now(UTC)) - start


def number(value: int | None) -> str:
    """A whole number, with thin spaces between thousands."""
    return _NONE if value is None else f"{value:,}".replace(",", "\u202f")


def money(value: Decimal | None) -> str:
    """An amount in US dollars; small ones with as many digits as they need."""
    if value is None:
        return _NONE
    if value == 0:
        return "$0"
    return f"${value:,.2f}" if value >= 1 else f"${value:.6f}".rstrip("0")


def size(value: int | None) -> str:
    """A number of bytes."""
    if value is None:
        return _NONE
    if value < 1000:
        return f"{value} B"
    kilo = value / 1000
    return f"{kilo:.1f} kB" if kilo < 1000 else f"{kilo / 1000:.1f} MB"


def pretty(text: str | None) -> str:
    """JSON in lines where it is whole, else as it is."""
    if text is None:
        return ""
    try:
        return plain(json.loads(text))
    except ValueError:
        return text


def plain(value: Any) -> str:
    """A value as JSON in lines."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def short(value: Any) -> str:
    """The end of an id, which differs between those of one moment."""
    return str(value)[-8:]
