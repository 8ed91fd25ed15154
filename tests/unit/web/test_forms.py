"""Forms from declared types, and back."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, TypeAdapter
from starlette.datastructures import FormData

from sorbus.errors.inputs import InvalidInput
from sorbus.pipelines import Approval
from sorbus.web.forms import fields_of, refused, value_of


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Order(BaseModel):
    article: str
    count: int
    price: float = 1.0
    express: bool = False
    colour: Colour | None = None
    size: Literal["s", "m"] = "s"
    tags: list[str] = []


@dataclass
class Deep:
    name: str
    parts: list[Order] = field(default_factory=list)


def test_an_approval_asks_yes_or_no_and_lets_the_rest_out() -> None:
    fields = fields_of(Approval)
    assert [(each.name, each.kind, each.required) for each in fields] == [
        ("approved", "yes-no", True),
        ("by", "text", False),
        ("note", "text", False),
    ]
    form = FormData([("value.approved", "no"), ("value.by", "Ann"), ("value.note", "")])
    assert value_of(fields, form) == {"approved": False, "by": "Ann"}


def test_each_member_has_the_field_of_its_type() -> None:
    kinds = {each.name: each.kind for each in fields_of(Order)}
    assert kinds == {
        "article": "text", "count": "number", "price": "number", "express": "yes-no",
        "colour": "json", "size": "choice", "tags": "json",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "typed", "value"),
    [
        (str, "ja", "ja"),
        (int, "12", 12),
        (int, "twelve", "twelve"),
        (float, "1.5", 1.5),
        (bool, "yes", True),
        (bool, "", None),
        (Colour, "blue", "blue"),
        (list[int], "[1, 2]", [1, 2]),
        (list[int], "[1,", "[1,"),
        (Any, '{"a": null}', {"a": None}),
    ],
)
def test_a_value_without_members_is_one_field(kind: Any, typed: str, value: Any) -> None:
    fields = fields_of(kind)
    assert [each.key for each in fields] == ["value"]
    assert value_of(fields, FormData([("value", typed)])) == value


def test_what_a_form_gives_is_what_the_type_takes() -> None:
    form = FormData(
        [
            ("value.article", "cup"),
            ("value.count", "3"),
            ("value.size", "m"),
            ("value.colour", '"red"'),
            ("value.tags", '["a"]'),
        ]
    )
    order = TypeAdapter(Order).validate_python(value_of(fields_of(Order), form))
    assert (order.article, order.count, order.size, order.tags) == ("cup", 3, "m", ["a"])
    assert order.colour is Colour.RED


def test_a_type_with_deep_members_takes_json_for_them() -> None:
    assert [(each.name, each.kind) for each in fields_of(Deep)] == [("name", "text"), ("parts", "json")]


def test_a_type_that_has_no_schema_is_one_field_of_json() -> None:
    class Odd:
        pass

    assert [each.kind for each in fields_of(Odd)] == ["json"]


def test_a_refusal_stands_at_its_field_with_what_was_typed() -> None:
    fields = fields_of(Order)
    form = FormData([("value.article", "cup"), ("value.count", "many")])
    error = InvalidInput("Run.give", "value", problem="Input should be a valid integer", at=("count",))
    found = {each.name: each for each in refused(fields, form, error)}
    assert found["count"].value == "many"
    assert "valid integer" in found["count"].error
    assert (found["article"].value, found["article"].error) == ("cup", "")
