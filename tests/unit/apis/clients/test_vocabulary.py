"""Types read from JSON Schemas: what they are, what they are called, and what may be missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, NotRequired, TypedDict
from uuid import UUID

import pytest
from pydantic import BaseModel

from sorbus.apis.clients.types import (
    Basic,
    Document,
    Enumeration,
    ListOf,
    MapOf,
    Named,
    OneOf,
    Row,
    inside,
    nullable,
    without_null,
)
from sorbus.apis.clients.vocabulary import Vocabulary, identifier
from sorbus.types.base import field_type
from sorbus.types.json import Json


class Colour(StrEnum):
    RED = "red"


class Loose(TypedDict):
    sure: int
    perhaps: NotRequired[str]


@dataclass
class Part:
    colour: Colour
    price: Decimal
    prices: list[Decimal] = field(default_factory=list)
    within: Part | None = None
    loose: Loose | None = None


@dataclass
class Partner:
    value: int


@dataclass
class Part2:
    value: int


@dataclass
class Either:
    value: float | str


class Model(BaseModel):
    key: UUID
    words: tuple[int, str] = (1, "")


def same_name() -> type[Any]:
    @dataclass
    class Part:
        other: int

    return Part


@pytest.fixture
def vocabulary() -> Vocabulary:
    return Vocabulary()


def read(vocabulary: Vocabulary, annotation: Any) -> Any:
    return vocabulary.read(field_type(annotation), "Hint")


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        (Decimal, Basic.DECIMAL),
        (Json, Basic.JSON),
        (dict[str, Json], MapOf(Basic.JSON)),
        (list[UUID], ListOf(Basic.UUID)),
        (tuple[int, str], Row((Basic.INTEGER, Basic.TEXT))),
        (int | None, OneOf((Basic.INTEGER, Basic.NOTHING))),
        (dict[str, str | int], MapOf(OneOf((Basic.TEXT, Basic.INTEGER)))),
        (dict[str, float | str], MapOf(OneOf((Basic.NUMBER, Basic.TEXT)))),
    ],
)
def test_types(vocabulary: Vocabulary, annotation: Any, kind: Any) -> None:
    assert read(vocabulary, annotation) == kind
    assert vocabulary.named == {}


def test_classes_have_their_names_and_may_refer_to_themselves(vocabulary: Vocabulary) -> None:
    assert read(vocabulary, Part) == Named("Part")
    part = vocabulary.named["Part"]
    assert isinstance(part, Document)
    types = {each.name: each.type for each in part.members}
    assert types["colour"] == Named("Colour")
    assert types["price"] is Basic.DECIMAL
    assert types["prices"] == ListOf(Basic.DECIMAL)
    assert types["within"] == OneOf((Named("Part"), Basic.NOTHING))
    assert vocabulary.named["Colour"] == Enumeration(values=("red",))


def test_classes_show_every_field_and_dictionaries_what_they_have(vocabulary: Vocabulary) -> None:
    read(vocabulary, Part)
    part, loose = vocabulary.named["Part"], vocabulary.named["Loose"]
    assert isinstance(part, Document)
    assert isinstance(loose, Document)
    assert {each.name: (each.required, each.shown) for each in part.members} == {
        "colour": (True, True),
        "price": (True, True),
        "prices": (False, True),
        "within": (False, True),
        "loose": (False, True),
    }
    assert {each.name: (each.required, each.shown) for each in loose.members} == {
        "sure": (True, True),
        "perhaps": (False, False),
    }


def test_equal_types_are_one_and_others_of_the_name_apart(vocabulary: Vocabulary) -> None:
    assert read(vocabulary, Part) == read(vocabulary, list[Part]).item
    assert read(vocabulary, same_name()) == Named("Part2")
    assert read(vocabulary, Colour) == Named("Colour")
    assert read(vocabulary, list[Colour]) == ListOf(Named("Colour"))
    assert len(vocabulary.named) == 4


def test_a_longer_name_is_another(vocabulary: Vocabulary) -> None:
    assert read(vocabulary, Partner) == Named("Partner")
    assert read(vocabulary, Part2) == Named("Part2")


@pytest.mark.parametrize("order", [[Either, list[Either]], [list[Either], Either]])
def test_a_class_is_one_type_in_its_place_and_referred_to(vocabulary: Vocabulary, order: list[Any]) -> None:
    for each in order:
        assert Named("Either") in inside(read(vocabulary, each))
    assert list(vocabulary.named) == ["Either"]


def test_numbers_or_texts_are_no_decimals(vocabulary: Vocabulary) -> None:
    read(vocabulary, Either)
    either = vocabulary.named["Either"]
    assert isinstance(either, Document)
    assert either.members[0].type == OneOf((Basic.NUMBER, Basic.TEXT))


def test_models(vocabulary: Vocabulary) -> None:
    assert read(vocabulary, Model) == Named("Model")
    model = vocabulary.named["Model"]
    assert isinstance(model, Document)
    assert [each.type for each in model.members] == [Basic.UUID, Row((Basic.INTEGER, Basic.TEXT))]


def test_null_is_added_and_taken_away() -> None:
    assert nullable(Basic.TEXT) == OneOf((Basic.TEXT, Basic.NOTHING))
    assert nullable(nullable(Basic.TEXT)) == nullable(Basic.TEXT)
    assert nullable(Basic.JSON) is Basic.JSON
    assert without_null(nullable(Basic.TEXT)) is Basic.TEXT
    several = OneOf((Basic.TEXT, Basic.INTEGER))
    assert without_null(nullable(several)) == several


def test_any_text_becomes_a_name() -> None:
    assert [identifier(each) for each in ("Pair[int]", "2d", "*/", "a-b")] == [
        "Pair_int",
        "_2d",
        "Unnamed",
        "a_b",
    ]
