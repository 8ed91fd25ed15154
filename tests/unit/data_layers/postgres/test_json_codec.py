from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from sorbus.data_layers.postgres.json_codec import decode_json, decode_jsonb, encode_json, encode_jsonb


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: float


class Person(BaseModel):
    name: str
    born: date
    friends: list[Person] = []


class Struct(msgspec.Struct):
    a: int


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime(2026, 1, 2, 3, 4, 5, 600, tzinfo=UTC), "2026-01-02T03:04:05.000600Z"),
        (Decimal("1.20"), "1.20"),
        (Colour.RED, "red"),
        (Point(1, 2.5), {"x": 1, "y": 2.5}),
        (Struct(3), {"a": 3}),
        ({1: "a"}, {"1": "a"}),
        ((1, 2), [1, 2]),
        (
            Person(name="Ann", born=date(2000, 1, 2), friends=[Person(name="Bo", born=date(2001, 1, 1))]),
            {
                "name": "Ann",
                "born": "2000-01-02",
                "friends": [{"name": "Bo", "born": "2001-01-01", "friends": []}],
            },
        ),
        ({"deep": [Person(name="Cy", born=date(1999, 1, 1))]}, None),
    ],
)
def test_every_supported_kind_of_value_becomes_plain_json(value: object, plain: object) -> None:
    found = decode_json(encode_json(value))
    if plain is None:
        plain = {"deep": [{"name": "Cy", "born": "1999-01-01", "friends": []}]}
    assert found == plain


def test_a_value_without_a_json_form_is_refused_by_name() -> None:
    with pytest.raises(NotImplementedError, match="`object` cannot be stored as JSON"):
        encode_json({"a": object()})


@given(PLAIN)
def test_plain_values_come_back_as_they_went(value: object) -> None:
    assert decode_json(encode_json(value)) == value
    assert decode_jsonb(encode_jsonb(value)) == value


def test_the_binary_form_begins_with_its_version() -> None:
    assert encode_jsonb([1]) == b"\x01[1]"
