"""Functions of dates and times. Days, weeks and months are those of UTC."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Literal, TypeVar, overload

from sorbus.expressions.expr import Built, Expr, Operand

M = TypeVar("M", datetime, datetime | None, date, date | None)

Unit = Literal["year", "quarter", "month", "week", "day", "hour", "minute", "second"]
"""What a moment can be cut to; weeks begin on Monday."""

Part = Literal[
    "year", "quarter", "month", "week", "day", "weekday", "day_of_year", "hour", "minute", "second", "epoch"
]
"""What can be asked of a moment; `week` is ISO's, `weekday` 1 (Monday) to 7, `epoch` seconds since 1970."""

_NAMES = {"weekday": "isodow", "day_of_year": "doy"}


def today() -> Expr[date]:
    """The day on which the statement's transaction began."""
    return Built("today")


def ago(span: Operand[timedelta]) -> Expr[datetime]:
    """The time that lies so far back."""
    return Built("sub", Built("now"), span)


def from_now(span: Operand[timedelta]) -> Expr[datetime]:
    """The time that lies so far ahead."""
    return Built("add", Built("now"), span)


def date_add(
    moment: Expr[M],
    *,
    years: int = 0,
    months: Operand[int] = 0,
    weeks: int = 0,
    days: Operand[int] = 0,
    hours: int = 0,
    minutes: int = 0,
    seconds: Operand[int] = 0,
) -> Expr[M]:
    """The moment so much later: first the months, then the days, then the rest.

    The 31st and a month without one give its last day. A date stays a date: hours count as far as they fill days.
    """
    # What is plain stays one value, so that every call has the same shape.
    return Built(
        "date_add",
        moment,
        _plus(months, years * 12),
        _plus(days, weeks * 7),
        _plus(seconds, hours * 3600 + minutes * 60),
    )


def _plus(value: Operand[int], more: int) -> Operand[int]:
    if isinstance(value, Expr):
        return value + more if more else value
    return value + more


def date_trunc(unit: Unit, moment: Expr[M]) -> Expr[M]:
    """The first moment of the year, month, week… that a moment lies in."""
    return Built("date_trunc", moment, unit)


@overload
def extract(part: Part, moment: Expr[date]) -> Expr[int]: ...
@overload
def extract(part: Part, moment: Expr[date | None]) -> Expr[int | None]: ...
def extract(part: Part, moment: Any) -> Any:
    """One part of a moment as a whole number."""
    return Built("extract", moment, _NAMES.get(part, part))


@overload
def date_of(moment: Expr[datetime]) -> Expr[date]: ...
@overload
def date_of(moment: Expr[datetime | None]) -> Expr[date | None]: ...
def date_of(moment: Any) -> Any:
    """The day that a moment lies in."""
    return Built("date_of", moment)
