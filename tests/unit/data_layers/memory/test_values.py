"""Stored values are of their field's type, within its limits, and nobody else's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from sorbus.data_layers.memory.values import conform, loader, stored
from sorbus.errors.database import (
    CheckViolation,
    NotNullViolation,
    NumericOutOfRange,
    TextNotStorable,
    ValueNotStorable,
)
from sorbus.schema.fields import AttributeSpec
from sorbus.schema.resource import ResourceSpec
from sorbus.types.base import field_type


class Color(StrEnum):
    RED = "red"


class Point(BaseModel):
    x: int


@dataclass
class Pair:
    left: int


def keep(annotation: Any, value: Any, **limits: Any) -> Any:
    attribute = AttributeSpec(name="f", column="f", type=field_type(annotation, **limits))
    spec = ResourceSpec(name="R", python=object, table="r", attributes={"f": attribute})
    return stored(spec, attribute, value)


@pytest.mark.parametrize(
    ("annotation", "value", "wanted"),
    [
        (int, 5, 5),
        (int, Decimal("2.5"), 3),
        (int, Decimal("-2.5"), -3),
        (float, 1, 1.0),
        (Decimal, 1, Decimal(1)),
        (Color, "red", Color.RED),
        (Color | None, None, None),
        (timedelta, 0, timedelta()),
        (list[str], ("a", "b"), ["a", "b"]),
        (dict[str, Any], {"when": datetime(2030, 1, 1, tzinfo=UTC)}, {"when": "2030-01-01T00:00:00Z"}),
        (Point, Point(x=1), {"x": 1}),
        (Pair, Pair(1), {"left": 1}),
    ],
)
def test_a_value_takes_the_form_of_its_column(annotation: Any, value: Any, wanted: Any) -> None:
    found = keep(annotation, value)
    assert found == wanted
    assert type(found) is type(wanted)


def test_times_are_kept_in_utc() -> None:
    found = keep(datetime, datetime(2030, 1, 1, 12, tzinfo=timezone(timedelta(hours=5))))
    assert (found.hour, found.tzinfo) == (7, UTC)


@pytest.mark.parametrize(
    ("annotation", "value", "limits", "error"),
    [
        (int, None, {}, NotNullViolation),
        (int, 2**63, {}, NumericOutOfRange),
        (int, -(2**63) - 1, {}, NumericOutOfRange),
        (int, 3, {"ge": 4}, CheckViolation),
        (int, 3, {"gt": 3}, CheckViolation),
        (Decimal, Decimal(3), {"le": 2}, CheckViolation),
        (float, 3.0, {"lt": 3}, CheckViolation),
        (str, "ab", {"max_length": 1}, CheckViolation),
        (str, "a", {"min_length": 2}, CheckViolation),
        (str, "a\x00", {}, TextNotStorable),
        (str, "\ud800", {}, TextNotStorable),
        (str, 5, {}, ValueNotStorable),
        (Color, "blue", {}, CheckViolation),
        (Literal["a", "b"], "c", {}, CheckViolation),
        (dict[str, Any], {"a": object()}, {}, ValueNotStorable),
    ],
)
def test_what_postgres_refuses_is_refused(annotation: Any, value: Any, limits: Any, error: type) -> None:
    with pytest.raises(error) as caught:
        keep(annotation, value, **limits)
    assert getattr(caught.value, "table", "r") == "r"


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 0])
def test_the_whole_range_of_integers_fits(value: int) -> None:
    assert keep(int, value) == value


def test_what_is_handed_out_is_a_copy() -> None:
    for annotation, value in ((dict[str, Any], {"a": [1]}), (list[str], ["a"]), (Point, Point(x=1))):
        kept = keep(annotation, value)
        load = loader(field_type(annotation))
        assert load is not None
        first, second = load(kept), load(kept)
        assert first == second == value
        assert first is not second
    assert loader(field_type(str)) is None


def test_conform_leaves_what_it_does_not_know() -> None:
    assert conform(None, field_type(int)) is None
    assert conform(b"x", field_type(bytes)) == b"x"
