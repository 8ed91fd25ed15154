"""Field types: what a Python annotation means for casting, storage and descriptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sorbus.types.base import FieldType, field_type, is_plain_json, python_class, split_optional, type_name
from sorbus.types.json import Json


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1


@dataclass(frozen=True)
class Point:
    x: int
    y: int = 0


@pytest.mark.parametrize(
    ("annotation", "sql", "python", "shown"),
    [
        (str, "text", str, "str"),
        (int, "bigint", int, "int"),
        (float, "double precision", float, "float"),
        (bool, "boolean", bool, "bool"),
        (Decimal, "numeric", Decimal, "Decimal"),
        (UUID, "uuid", UUID, "UUID"),
        (datetime, "timestamp with time zone", datetime, "datetime"),
        (date, "date", date, "date"),
        (time, "time without time zone", time, "time"),
        (timedelta, "interval", timedelta, "timedelta"),
        (bytes, "bytea", bytes, "bytes"),
        (Colour, "text", Colour, "Colour"),
        (Level, "bigint", Level, "Level"),
        (Literal["a", "b"], "text", str, "Literal['a', 'b']"),
        (list[str], "text[]", list, "list[str]"),
        (list[Colour], "text[]", list, "list[Colour]"),
        (list[list[int]], "jsonb", list, "list[list[int]]"),
        (list[dict[str, int]], "jsonb", list, "list[dict[str, int]]"),
        (dict[str, Json], "jsonb", dict, "dict[str, Json]"),
        (Point, "jsonb", Point, "Point"),
        (Annotated[int, "why"], "bigint", int, "int"),
    ],
)
def test_an_annotation_says_how_it_is_stored_and_shown(
    annotation: Any, sql: str, python: type, shown: str
) -> None:
    kind = field_type(annotation)
    assert (kind.sql, kind.python, kind.describe()) == (sql, python, shown)
    assert not kind.nullable
    optional = field_type(annotation | None)
    assert (optional.sql, optional.python) == (sql, python)
    assert optional.nullable
    assert optional.describe() == f"{shown} | None"


@pytest.mark.parametrize(
    ("annotation", "given_value", "value"),
    [
        (int, "3", 3),
        (UUID, "0193a0c4-0000-7000-8000-000000000000", UUID("0193a0c4-0000-7000-8000-000000000000")),
        (Decimal, "1.10", Decimal("1.10")),
        (Colour, "red", Colour.RED),
        (date, "2026-02-28", date(2026, 2, 28)),
        (timedelta, "PT90S", timedelta(seconds=90)),
        (Point, {"x": 1}, Point(1)),
        (list[Colour], ["red"], [Colour.RED]),
        (Json, {"a": [1, None, "x"]}, {"a": [1, None, "x"]}),
    ],
)
def test_values_from_outside_are_cast(annotation: Any, given_value: Any, value: Any) -> None:
    assert field_type(annotation).adapter.validate_python(given_value) == value


@pytest.mark.parametrize(
    ("annotation", "limits", "wrong"),
    [
        (str, {"max_length": 3}, "long"),
        (str, {"min_length": 1}, ""),
        (str, {"pattern": "^a"}, "b"),
        (int, {"ge": 0}, -1),
        (int, {"gt": 0}, 0),
        (int, {"le": 9}, 10),
        (float, {"lt": 1.0}, 1.0),
        (Decimal, {"max_digits": 3}, "1234"),
        (Decimal, {"decimal_places": 1}, "1.23"),
        (list[int], {"max_length": 1}, [1, 2]),
        (Colour, {}, "green"),
        (int, {}, None),
        (Json, {}, object()),
    ],
)
def test_what_breaks_a_limit_is_refused(annotation: Any, limits: dict[str, Any], wrong: Any) -> None:
    with pytest.raises(ValidationError):
        field_type(annotation, **limits).adapter.validate_python(wrong)


def test_null_is_a_value_of_a_nullable_type_also_with_limits() -> None:
    kind = field_type(str | None, max_length=3)
    assert kind.adapter.validate_python(None) is None
    with pytest.raises(ValidationError):
        kind.adapter.validate_python("long")


def test_choices_are_the_stored_values() -> None:
    assert field_type(Colour).choices == ("red", "blue")
    assert field_type(Literal["a", "b"]).choices == ("a", "b")
    assert field_type(str).choices == ()
    assert field_type(Colour | None).enum is Colour


@pytest.mark.parametrize(
    ("annotation", "structured"),
    [(Point, True), (list[Point], True), (dict[str, Json], False), (Json, False), (list[list[int]], False)],
)
def test_only_structures_are_validated_again_when_they_are_read(annotation: Any, structured: bool) -> None:
    assert field_type(annotation).structured is structured


def test_lists_of_enumerations_are_made_of_their_members_again() -> None:
    assert field_type(list[Colour]).structured
    assert not field_type(list[str]).structured


def test_the_json_schema_shows_limits_and_null() -> None:
    schema = field_type(str | None, max_length=5).json_schema()
    assert {"type": "null"} in schema["anyOf"]
    assert any(each.get("maxLength") == 5 for each in schema["anyOf"])


def test_a_union_keeps_its_other_members() -> None:
    inner, nullable = split_optional(int | str | None)
    assert nullable
    assert inner == int | str
    assert split_optional(int | str) == (int | str, False)
    assert python_class(int | str) is object
    assert python_class(Any) is object


@pytest.mark.parametrize(
    "annotation", [Any, dict[str, list[int]], Sequence[str], Mapping[str, Any], str | int]
)
def test_plain_json_needs_no_second_look(annotation: Any) -> None:
    assert is_plain_json(annotation)


def test_names_are_short() -> None:
    assert type_name(dict[str, list[UUID]]) == "dict[str, list[UUID]]"
    assert type_name(Literal[1, "a"]) == "Literal[1, 'a']"


def test_types_are_equal_by_what_they_say() -> None:
    assert field_type(str | None) == FieldType(annotation=str, nullable=True)
    assert field_type(str, max_length=3) != field_type(str)


SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(),
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    UUID: st.uuids(),
    date: st.dates(),
    bytes: st.binary(),
}


@given(st.sampled_from(list(SCALARS)).flatmap(lambda kind: st.tuples(st.just(kind), SCALARS[kind])))
def test_a_value_of_the_type_is_left_as_it_is(pair: tuple[Any, Any]) -> None:
    annotation, value = pair
    assert field_type(annotation).adapter.validate_python(value) == value
