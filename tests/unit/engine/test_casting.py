"""Inputs are cast once, with every mistake in one error, and a sensitive value is never shown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sorbus.engine.casting import InputCaster
from sorbus.errors.inputs import InvalidAction, InvalidInput, NoSuchInput, Required
from sorbus.schema.actions import ActionKind, ActionSpec, InputSpec
from sorbus.types import Json
from sorbus.types.base import field_type


def caster(**inputs: Any) -> InputCaster:
    """A caster of inputs given as `name=type` or `name=(type, default)`."""
    specs: list[InputSpec] = []
    for name, kind in inputs.items():
        options = {"default": kind[1]} if isinstance(kind, tuple) else {}
        annotation = kind[0] if isinstance(kind, tuple) else kind
        specs.append(InputSpec(name=name, type=field_type(annotation), attribute=False, **options))
    return InputCaster(ActionSpec(name="submit", kind=ActionKind.CREATE, resource="Run", inputs=tuple(specs)))


def test_values_are_cast_to_their_types() -> None:
    made = caster(count=int, price=Decimal, day=date, tags=list[str], note=str | None)
    values, errors = made.cast(
        {"count": "3", "price": "1.50", "day": "2030-01-02", "tags": ["a"], "note": None}
    )
    assert errors == []
    assert values == {
        "count": 3,
        "price": Decimal("1.50"),
        "day": date(2030, 1, 2),
        "tags": ["a"],
        "note": None,
    }


def test_inputs_may_be_given_by_position() -> None:
    made = caster(first=int, second=(int, 5))
    assert made.cast({}, (1,)) == ({"first": 1, "second": 5}, [])
    assert made.cast({"second": 2}, (1,)) == ({"first": 1, "second": 2}, [])


def test_every_mistake_is_reported() -> None:
    made = caster(count=int, name=str, day=date)
    with pytest.raises(InvalidAction) as caught:
        made.cast_or_raise({"count": "many", "nam": "x", "day": "soon"})
    found = [(type(each), each.path) for each in caught.value.errors]
    assert found == [
        (InvalidInput, ("input", "count")),
        (Required, ("input", "name")),
        (InvalidInput, ("input", "day")),
        (NoSuchInput, ("input", "nam")),
    ]
    assert caught.value.errors[3].hint == "Did you mean `name`?"
    data = caught.value.to_dict()
    assert data["code"] == "invalid-action"
    assert len(data["errors"]) == 4  # type: ignore[arg-type]


def test_a_mistake_inside_a_document_tells_its_place() -> None:
    _, errors = caster(points=dict[str, list[int]]).cast({"points": {"a": [1, "x"]}})
    assert [each.path for each in errors] == [("input", "points", "a", 1)]


def test_a_message_never_shows_the_value() -> None:
    _, errors = caster(token=int).cast({"token": "hunter2"})
    assert "hunter2" not in str(errors[0])
    assert "It takes int" in str(errors[0])


def test_text_cannot_hold_nul() -> None:
    _, errors = caster(text=str | None).cast({"text": "a\x00b"})
    assert "NUL" in str(errors[0])
    assert caster(text=str | None).cast({"text": None})[1] == []


@pytest.mark.parametrize(
    ("kind", "values", "wrong"),
    [
        (int, ["3", 4], "many"),
        (str, ["a", ""], "\x00"),
        (str | None, ["a", None], "a\x00"),
        (Decimal, ["1.50", 2], "cheap"),
        (dict[str, Json], [{"a": [1]}, {"b": ("c",)}], {1: 2}),
        (Json, ["a", None, 5], object()),
        (list[int], [["1"], []], [None]),
    ],
)
def test_a_column_is_cast_as_its_values_are(kind: Any, values: list[Any], wrong: Any) -> None:
    made = caster(it=kind)
    column = field_type(kind).column_validator
    assert column(values) == [made.cast_or_raise({"it": each})["it"] for each in values]
    with pytest.raises(InvalidAction):
        made.cast_or_raise({"it": wrong})
    with pytest.raises(ValueError, match=r"."):
        column([*values, wrong])
