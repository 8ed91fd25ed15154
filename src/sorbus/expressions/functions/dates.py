"""Functions of dates and times. Calendars are those of UTC."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sorbus.errors.database import NumericOutOfRange
from sorbus.expressions.rule import Family, Operator, by_first, clamped, first

_MOST_MONTHS = 120_000


def shifted(moment: Any, months: int, days: int, seconds: int) -> Any:
    """Months first, then days and seconds; the last day of a month stands for those that it does not have."""
    months = max(min(months, _MOST_MONTHS), -_MOST_MONTHS)
    ordinal = moment.year * 12 + moment.month - 1 + months
    year, month = divmod(ordinal, 12)
    try:
        last = calendar.monthrange(year, month + 1)[1]
        at = moment.replace(year=year, month=month + 1, day=min(moment.day, last))
        return at + timedelta(days=days, seconds=seconds)
    except (ValueError, OverflowError) as error:
        raise NumericOutOfRange("the time is out of range") from error


def truncated(moment: Any, unit: str) -> Any:
    """The first moment of the unit that a moment lies in."""
    whole = isinstance(moment, datetime)
    at = moment.astimezone(UTC) if whole else datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    found = _STARTS[unit](at)
    return found if whole else found.date()


def _day(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


_STARTS: dict[str, Callable[[datetime], datetime]] = {
    "second": lambda at: at.replace(microsecond=0),
    "minute": lambda at: at.replace(second=0, microsecond=0),
    "hour": lambda at: at.replace(minute=0, second=0, microsecond=0),
    "day": _day,
    "week": lambda at: _day(at) - timedelta(days=at.weekday()),
    "month": lambda at: _day(at).replace(day=1),
    "quarter": lambda at: _day(at).replace(month=(at.month - 1) // 3 * 3 + 1, day=1),
    "year": lambda at: _day(at).replace(month=1, day=1),
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_PARTS: dict[str, Callable[[datetime], int]] = {
    "year": lambda at: at.year,
    "quarter": lambda at: (at.month - 1) // 3 + 1,
    "month": lambda at: at.month,
    "week": lambda at: at.isocalendar().week,
    "day": lambda at: at.day,
    "isodow": lambda at: at.isoweekday(),
    "doy": lambda at: at.timetuple().tm_yday,
    "hour": lambda at: at.hour,
    "minute": lambda at: at.minute,
    "second": lambda at: at.second,
    "epoch": lambda at: (at - _EPOCH) // timedelta(seconds=1),
}


def part(moment: Any, name: str) -> int:
    """One part of a moment as a whole number, by PostgreSQL's name of it."""
    whole = isinstance(moment, datetime)
    at = moment.astimezone(UTC) if whole else datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return _PARTS[name](at)


def date_of(moment: datetime) -> date:
    """The day that a moment lies in."""
    return moment.astimezone(UTC).date()


_BY = (
    f"make_interval(months => {clamped('{1}', _MOST_MONTHS)}, days => {clamped('{2}')}, "
    "secs => ({3})::double precision)"
)
_MOMENT, _NUMBER, _ANY = Family.MOMENT, Family.NUMBER, Family.ANY

ROWS = (
    Operator(
        "date_add",
        "date_add",
        by_first(
            date=f"({{0}} + {_BY})::date", other=f"({{0}} AT TIME ZONE 'UTC' + {_BY}) AT TIME ZONE 'UTC'"
        ),
        shifted,
        first,
        (_MOMENT, _NUMBER, _NUMBER, _NUMBER),
    ),
    Operator(
        "date_trunc",
        "date_trunc",
        by_first(date="date_trunc({1}, {0}::timestamp)::date", other="date_trunc({1}, {0}, 'UTC')"),
        truncated,
        first,
        (_MOMENT, _ANY),
    ),
    Operator(
        "extract",
        "extract",
        by_first(
            date="date_part({1}, {0})::bigint",
            other="floor(date_part({1}, {0} AT TIME ZONE 'UTC'))::bigint",
        ),
        part,
        int,
        (_MOMENT, _ANY),
    ),
    Operator("date_of", "date_of", "({0} AT TIME ZONE 'UTC')::date", date_of, date, (_MOMENT,)),
)
"""The operators of dates and times; `now` and `today` are special forms."""
