from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, TypedDict

import pytest
from pydantic import BaseModel, Field

from sorbus.llm.schemas import bare_json, bounded, problems, returns_of, strict, token_budget


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Child(BaseModel):
    name: str
    tags: list[str] = []


class Parent(BaseModel):
    child: Child
    colours: Annotated[list[Colour], Field(max_length=2)]


@dataclass
class Point:
    x: int
    y: int


class Row(TypedDict):
    key: str


@pytest.mark.parametrize(
    ("declared", "answer", "value"),
    [
        (Point, '{"x": 1, "y": 2}', Point(1, 2)),
        (Row, '{"key": "a"}', {"key": "a"}),
        (Child, '{"name": "a", "tags": ["b"]}', Child(name="a", tags=["b"])),
        (list[int], '{"value": [1, 2]}', [1, 2]),
        (list[int], "[1, 2]", [1, 2]),
        (Literal["a", "b"], '{"value": "b"}', "b"),
        (Colour, '{"value": "blue"}', Colour.BLUE),
        (dict[str, int], '{"value": {"a": 1}}', {"a": 1}),
    ],
)
def test_answers_are_read_as_the_declared_type(declared: Any, answer: str, value: object) -> None:
    assert returns_of(declared).read(answer) == value


@pytest.mark.parametrize("declared", [list[int], Literal["a"], Colour, int, dict[str, int]])
def test_types_that_are_no_objects_are_wrapped(declared: Any) -> None:
    returns = returns_of(declared)
    assert returns.wrapped
    assert returns.schema["type"] == "object"
    assert returns.schema["required"] == ["value"]


def test_wrapping_keeps_definitions_at_the_root() -> None:
    schema = returns_of(list[Child]).schema
    assert "Child" in schema["$defs"]
    assert schema["properties"]["value"]["items"] == {"$ref": "#/$defs/Child"}


@pytest.mark.parametrize("answer", ["", "no json", '{"x": 1}', '{"x": "a", "y": 2}', '{"x": 1, "y"'])
def test_answers_that_do_not_fit_are_value_errors_with_words(answer: str) -> None:
    with pytest.raises(ValueError) as raised:
        returns_of(Point).read(answer)
    assert all(problems(raised.value))


def test_problems_name_the_place() -> None:
    with pytest.raises(ValueError) as raised:
        returns_of(Parent).read('{"child": {"name": 1}, "colours": ["green"]}')
    told = problems(raised.value)
    assert any(each.startswith("child.name:") for each in told)
    assert any(each.startswith("colours.0:") for each in told)


@pytest.mark.parametrize(
    "answer",
    ['{"a": 1}', '```json\n{"a": 1}\n```', 'Here you are:\n{"a": 1}\nAnything else?', '```\n{"a": 1}```'],
)
def test_json_is_found_within_fences_and_prose(answer: str) -> None:
    assert json.loads(bare_json(answer)) == {"a": 1}


def test_bounding_limits_every_string_and_list_but_keeps_own_limits() -> None:
    schema = bounded(returns_of(Parent).schema, max_string=50, max_items=3)
    child = schema["$defs"]["Child"]
    assert child["properties"]["name"]["maxLength"] == 50
    assert child["properties"]["tags"]["maxItems"] == 3
    assert child["properties"]["tags"]["items"]["maxLength"] == 50
    assert schema["properties"]["colours"]["maxItems"] == 2
    assert "maxLength" not in schema["$defs"]["Colour"]


def test_bounding_leaves_the_given_schema_alone() -> None:
    schema = returns_of(Parent).schema
    before = json.dumps(schema, sort_keys=True)
    bounded(schema)
    strict(schema)
    assert json.dumps(schema, sort_keys=True) == before


def test_strict_requires_every_property_and_no_others() -> None:
    schema = strict(returns_of(Parent).schema)
    assert schema is not None
    child = schema["$defs"]["Child"]
    assert child["required"] == ["name", "tags"]
    assert child["additionalProperties"] is False
    assert "default" not in child["properties"]["tags"]


def test_open_mappings_have_no_strict_form() -> None:
    assert strict(returns_of(dict[str, int]).schema) is None


def test_a_property_named_like_a_keyword_stays_a_property() -> None:
    class Odd(BaseModel):
        title: str
        default: int

    schema = strict(returns_of(Odd).schema)
    assert schema is not None
    assert set(schema["properties"]) == {"title", "default"}
    assert set(bounded(returns_of(Odd).schema)["properties"]) == {"title", "default"}


def test_the_budget_grows_with_the_longest_answer_and_has_a_ceiling() -> None:
    small = token_budget(bounded(returns_of(Point).schema))
    large = token_budget(bounded(returns_of(Parent).schema))
    assert 32 <= small < large <= 800


def test_recursive_types_have_a_finite_budget() -> None:
    assert token_budget(bounded(returns_of(Tree).schema)) <= 800


class Tree(BaseModel):
    name: str
    children: list[Tree] = []
