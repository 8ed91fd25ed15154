"""Scalars: how single values look in GraphQL. Their content is cast by the engine, where every interface's is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLFloat,
    GraphQLID,
    GraphQLScalarType,
    GraphQLString,
)
from graphql.language import FloatValueNode, IntValueNode, StringValueNode, ValueNode

from sorbus.types.files import File

_LARGEST = 2**63
_LONGEST = 100_000


def _text(name: str) -> Callable[[Any], Any]:
    def parse(value: Any) -> Any:
        if not isinstance(value, str) or len(value) > _LONGEST:
            raise GraphQLError(f"{name} is written as a string.")
        return value

    return parse


def _integer(value: Any) -> int:
    """An integer, also one that a client has written as a string because its own are too short."""
    if isinstance(value, str) and len(value) <= 20 and value.removeprefix("-").isascii():
        value = int(value) if value.removeprefix("-").isdigit() else value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -_LARGEST <= value < _LARGEST:
        raise GraphQLError("BigInt is an integer of 64 bits.")
    return value


def _integer_literal(node: ValueNode, variables: Any = None) -> int:
    del variables
    if not isinstance(node, IntValueNode | StringValueNode):
        raise GraphQLError("BigInt is an integer of 64 bits.", node)
    return _integer(node.value if len(node.value) <= 20 else None)


def _decimal(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or len(str(value)) > 1_000:
        raise GraphQLError("Decimal is written as a string or a number.")
    return str(value) if isinstance(value, float) else value


def _decimal_literal(node: ValueNode, variables: Any = None) -> Any:
    del variables
    if not isinstance(node, IntValueNode | FloatValueNode | StringValueNode):
        raise GraphQLError("Decimal is written as a string or a number.", node)
    return _decimal(node.value)


def _scalar(name: str, description: str, *, url: str | None = None) -> GraphQLScalarType:
    return GraphQLScalarType(name, parse_value=_text(name), description=description, specified_by_url=url)


BIG_INT = GraphQLScalarType(
    "BigInt",
    parse_value=_integer,
    parse_literal=_integer_literal,
    description="An integer of up to 64 bits, as a number; a string of digits is taken as well.",
)
DECIMAL = GraphQLScalarType(
    "Decimal",
    parse_value=_decimal,
    parse_literal=_decimal_literal,
    description="An exact decimal number, as a string.",
)
JSON = GraphQLScalarType("JSON", description="Any JSON value.")
UUID_SCALAR = _scalar("UUID", "A UUID.", url="https://www.rfc-editor.org/rfc/rfc9562")
DATE_TIME = _scalar(
    "DateTime",
    "A moment, as in `2026-01-31T12:00:00Z`.",
    url="https://scalars.graphql.org/andimarek/date-time",
)
DATE = _scalar("Date", "A day, as in `2026-01-31`.")
TIME = _scalar("Time", "A time of day, as in `12:00:00`.")
DURATION = _scalar("Duration", "A length of time, as in `P1DT2H`.")
BYTES = _scalar("Bytes", "Binary data, in base64.")


def _upload(value: Any) -> Any:
    if not isinstance(value, File | dict):
        raise GraphQLError("Upload is a file in a part of a form, or an object with `name` and `content`.")
    return value  # pyright: ignore[reportUnknownVariableType]


UPLOAD = GraphQLScalarType(
    "Upload",
    parse_value=_upload,
    description="A file: null in a multipart request whose map says which part it is, "
    'or `{"name": …, "content": …}` with the content in base64.',
    specified_by_url="https://github.com/jaydenseric/graphql-multipart-request-spec",
)

SCALARS: Mapping[type, GraphQLScalarType] = MappingProxyType(
    {
        str: GraphQLString,
        int: BIG_INT,
        float: GraphQLFloat,
        bool: GraphQLBoolean,
        Decimal: DECIMAL,
        UUID: UUID_SCALAR,
        datetime: DATE_TIME,
        date: DATE,
        time: TIME,
        timedelta: DURATION,
        bytes: BYTES,
    }
)
"""The scalar of each Python type."""

ID = GraphQLID
