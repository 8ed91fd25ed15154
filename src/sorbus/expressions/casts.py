"""Casts between the types of values, none of which fails: what cannot be cast is null."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sorbus.expressions import numeric
from sorbus.types.base import sql_type

_INTEGER = "^ *[-+]?[0-9]{1,18} *$"
_NUMBER = "^ *[-+]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][-+]?[0-9]{1,3})? *$"
_UUID = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_BIGGEST = 2**63
_LARGE, _SMALL = 1e300, 1e-300


@dataclass(frozen=True, slots=True)
class Cast:
    """One cast.

    Attributes:
        sql: its SQL with `{0}` for the value.
        python: the same on a value that is not null; None is null.
        total: whether every value can be cast.
    """

    sql: str
    python: Callable[[Any], Any]
    total: bool = True


def _matching(pattern: str, make: Callable[[str], Any]) -> Callable[[str], Any]:
    compiled = re.compile(pattern.removesuffix("$") + r"\Z")

    def convert(text: str) -> Any:
        return make(text.strip(" ")) if compiled.match(text) else None

    return convert


def _matched(pattern: str, sql: str) -> str:
    escaped = pattern.replace("{", "{{").replace("}", "}}")
    return f"CASE WHEN {{0}} ~ '{escaped}' THEN {sql} END"


def _in_range(sql: str, value: str = "{0}") -> str:
    return f"CASE WHEN {value} = 0 OR abs({value}) BETWEEN 1e-300 AND 1e300 THEN {sql} END"


def _double(value: Any) -> float | None:
    return float(value) if value == 0 or Decimal(_SMALL) <= abs(value) <= Decimal(_LARGE) else None


def _truth(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.strip(" ").lower())


def _whole(value: Decimal) -> int | None:
    if not -_BIGGEST <= value < _BIGGEST:
        return None
    return int(numeric.rounded(value, 0))


def _whole_of_double(value: float) -> int | None:
    return round(value) if -_BIGGEST <= value < _BIGGEST else None


def _decimal(value: float) -> Decimal | None:
    return Decimal(f"{value:.15g}") if math.isfinite(value) else None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _same(value: Any) -> Any:
    return value


def _of_type(kind: type) -> Callable[[Any], Any]:
    """A JSON value of a type, else None."""
    return lambda value: value if isinstance(value, kind) else None


def _json_number(convert: Callable[[Decimal], Any]) -> Callable[[Any], Any]:
    def number(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
            return None
        return convert(Decimal(repr(value)) if isinstance(value, float) else Decimal(value))

    return number


def _json_whole(value: Decimal) -> int | None:
    return int(value) if value == value.to_integral_value() and -_BIGGEST <= value < _BIGGEST else None


def _json_is(kind: str, sql: str) -> str:
    return f"CASE jsonb_typeof({{0}}) WHEN '{kind}' THEN {sql} END"


_IN_BIGINT = f"BETWEEN {-_BIGGEST} AND {_BIGGEST - 1}"
_VALUE = "({0})::numeric"

CASTS = MappingProxyType(
    {
        ("text", "bigint"): Cast(_matched(_INTEGER, "{0}::bigint"), _matching(_INTEGER, int), total=False),
        ("text", "numeric"): Cast(
            _matched(_NUMBER, "{0}::numeric"), _matching(_NUMBER, Decimal), total=False
        ),
        ("text", "double precision"): Cast(
            _matched(_NUMBER, _in_range("{0}::double precision", "{0}::numeric")),
            _matching(_NUMBER, lambda text: _double(Decimal(text))),
            total=False,
        ),
        ("text", "boolean"): Cast(
            "CASE lower(btrim({0})) WHEN 'true' THEN true WHEN 'false' THEN false END", _truth, total=False
        ),
        ("text", "uuid"): Cast(_matched(_UUID, "{0}::uuid"), _matching(_UUID, UUID), total=False),
        ("bigint", "text"): Cast("{0}::text", str),
        ("bigint", "numeric"): Cast("{0}::numeric", Decimal),
        ("bigint", "double precision"): Cast("{0}::double precision", float),
        ("bigint", "boolean"): Cast("({0} <> 0)", bool),
        ("numeric", "text"): Cast("trim_scale({0})::text", numeric.plain_text),
        ("numeric", "bigint"): Cast(
            f"CASE WHEN {{0}} {_IN_BIGINT} THEN round({{0}})::bigint END", _whole, total=False
        ),
        ("numeric", "double precision"): Cast(_in_range("{0}::double precision"), _double, total=False),
        ("double precision", "bigint"): Cast(
            f"CASE WHEN {{0}} >= {-_BIGGEST} AND {{0}} < {_BIGGEST} THEN {{0}}::bigint END",
            _whole_of_double,
            total=False,
        ),
        ("double precision", "numeric"): Cast(
            "CASE WHEN abs({0}) < 'Infinity' THEN {0}::numeric END", _decimal, total=False
        ),
        ("boolean", "text"): Cast("{0}::text", lambda value: "true" if value else "false"),
        ("boolean", "bigint"): Cast("{0}::int::bigint", int),
        ("uuid", "text"): Cast("{0}::text", str),
        ("date", "text"): Cast("to_char({0}, 'YYYY-MM-DD')", date.isoformat),
        ("date", "timestamp with time zone"): Cast("({0}::timestamp AT TIME ZONE 'UTC')", _midnight),
        ("timestamp with time zone", "date"): Cast(
            "({0} AT TIME ZONE 'UTC')::date", lambda value: value.astimezone(UTC).date()
        ),
    }
)
"""Every cast, by the column types of the value and of the result."""

OF_JSON = MappingProxyType(
    {
        "text": Cast(_json_is("string", "{0} #>> '{{}}'"), _of_type(str), total=False),
        "boolean": Cast(_json_is("boolean", "({0})::boolean"), _of_type(bool), total=False),
        "numeric": Cast(_json_is("number", _VALUE), _json_number(_same), total=False),
        "bigint": Cast(
            _json_is(
                "number",
                f"CASE WHEN {_VALUE} = trunc({_VALUE}) AND {_VALUE} {_IN_BIGINT} THEN ({{0}})::bigint END",
            ),
            _json_number(_json_whole),
            total=False,
        ),
        "double precision": Cast(
            _json_is("number", _in_range("({0})::double precision", _VALUE)),
            _json_number(_double),
            total=False,
        ),
    }
)
"""What is read out of a JSON value, by the column type of the result: null where the value is of another kind."""

SAME = Cast("{0}", _same)
"""The cast from a type to itself."""

CASTABLE = (str, int, float, Decimal, bool, UUID, date, datetime)
"""The types that something can be cast to."""


def cast_between(source: str, target: str) -> Cast | None:
    """The cast from one column type to another; None when there is none."""
    return SAME if source == target else CASTS.get((source, target))


def json_value(value: Any, annotation: Any) -> Any:
    """A JSON value that is not null, as a type; None where it is of another kind."""
    return OF_JSON[sql_type(annotation)].python(value)


def cast_value(value: Any, annotation: Any) -> Any:
    """A value that is not null, cast to a type."""
    plain = value.value if isinstance(value, Enum) else value
    found = cast_between(sql_type(type(plain)), sql_type(annotation))
    return None if found is None else found.python(plain)
