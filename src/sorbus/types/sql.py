"""What PostgreSQL stores for a Python type: the type of expressions, and that of the column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, get_args, get_origin
from uuid import UUID

from sorbus.types.limits import Limits
from sorbus.types.names import bare, is_enum, is_json_alias, is_union, python_class, unalias, without_null
from sorbus.types.rules import rule_of

SQL_TYPES: Mapping[type, str] = MappingProxyType(
    {
        UUID: "uuid",
        str: "text",
        int: "bigint",
        float: "double precision",
        bool: "boolean",
        Decimal: "numeric",
        datetime: "timestamp with time zone",
        date: "date",
        time: "time without time zone",
        timedelta: "interval",
        bytes: "bytea",
    }
)
"""The column type of each scalar; everything else is stored as jsonb."""

_PRECISE: Mapping[str, str] = MappingProxyType(
    {
        "timestamp with time zone": "timestamp({0}) with time zone",
        "time without time zone": "time({0}) without time zone",
        "interval": "interval({0})",
    }
)


def sql_type(annotation: Any) -> str:
    """The PostgreSQL type of expressions and parameters for a Python annotation, without limits."""
    annotation = unalias(annotation)
    rule = rule_of(annotation)
    if rule is not None:
        return rule.sql
    annotation = bare(annotation)
    if is_enum(annotation):
        return sql_type(type(next(iter(annotation)).value))
    if get_origin(annotation) is list:
        return array_type(get_args(annotation)[0])
    return SQL_TYPES.get(python_class(annotation), "jsonb")


def array_type(item: Any) -> str:
    """The type of a list: an array of a scalar, nulls among its items or not, else one JSON document."""
    found = sql_type(without_null(unalias(item))[0])
    # Arrays of arrays would have to be of one length, and a vector or range is written with one of its own.
    plain = found in _SCALARS or found == "citext"
    return f"{found}[]" if plain else "jsonb"


_SCALARS = frozenset(SQL_TYPES.values())


def column_type(annotation: Any, limits: Limits) -> str:
    """The type of a column, with the limits that a type can hold itself: `numeric(10,2)`, `vector(3)`."""
    rule = rule_of(unalias(annotation))
    if rule is not None:
        return rule.column(limits)
    plain = sql_type(annotation)
    if plain == "numeric" and limits.max_digits is not None and limits.decimal_places is not None:
        return f"numeric({limits.max_digits},{limits.decimal_places})"
    if limits.precision is not None and plain in _PRECISE:
        return _PRECISE[plain].format(limits.precision)
    return plain


def extensions_of(annotation: Any) -> frozenset[str]:
    """The extensions that a column of this type needs."""
    inner = without_null(unalias(annotation))[0]
    rule = rule_of(inner)
    if rule is not None:
        return frozenset({rule.extension} if rule.extension else ())
    plain = bare(inner)
    return extensions_of(get_args(plain)[0]) if get_origin(plain) is list else frozenset()


def is_plain_json(annotation: Any) -> bool:
    """Whether decoding JSON alone gives a value of this type."""
    if rule_of(annotation) is not None:
        return False
    annotation = bare(annotation)
    if annotation in (Any, object, dict, list, str, int, float, bool, type(None)):
        return True
    origin = get_origin(annotation)
    if origin in {dict, list, Sequence, Mapping} or is_union(annotation):
        return all(map(is_plain_json, get_args(annotation)))
    return is_json_alias(annotation)
