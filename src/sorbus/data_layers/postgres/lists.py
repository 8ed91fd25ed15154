"""Lists of a column's values, as statements that write many rows send them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Any

from sorbus.data_layers.postgres.compiler import plain
from sorbus.data_layers.postgres.json_codec import encode_json
from sorbus.types.base import FieldType
from sorbus.types.ranges import ELEMENTS

Encode = Callable[[Sequence[Any]], Sequence[Any]]


def travels_as_text(kind: FieldType) -> bool:
    """Whether a list of a column's values is sent as texts: an array of arrays or documents would be ambiguous."""
    return kind.sql in {"jsonb", "vector"} or kind.sql.endswith("[]")


def encoder(kind: FieldType) -> Encode | None:
    """From a list of a column's values to what the driver takes; None where it takes them as they are."""
    if kind.sql == "jsonb":
        return lambda values: [None if each is None else encode_json(each).decode() for each in values]
    if kind.sql.endswith("[]"):
        return lambda values: [None if each is None else array_literal(each) for each in values]
    if kind.sql == "vector":
        return lambda values: [None if each is None else str(list(each)) for each in values]
    if kind.sql in ELEMENTS:
        return lambda values: [plain(each) for each in values]
    if kind.enum is not None and not issubclass(kind.enum, (str, int)):
        return lambda values: [plain(each) for each in values]
    return None


def array_literal(values: Sequence[Any]) -> str:
    """A list as PostgreSQL writes an array."""
    return "{" + ",".join("NULL" if each is None else _quoted(_text(each)) for each in values) + "}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _text(value: Any) -> str:
    match value:
        case Enum():
            return _text(value.value)
        case bool():
            return "t" if value else "f"
        case bytes():
            return f"\\x{value.hex()}"
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return f"{value.days} days {value.seconds} seconds {value.microseconds} microseconds"
        case _:
            return str(value)
