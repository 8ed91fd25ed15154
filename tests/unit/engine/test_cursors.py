"""Cursors carry sort values of every type, and nobody can make one up."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorbus.engine import cursors
from sorbus.errors.inputs import InvalidCursor
from sorbus.expressions.evaluate import Environment, evaluate
from sorbus.expressions.nodes import Ordering, Ref
from sorbus.policies.rows import DICT_ROW
from sorbus.types.base import field_type

SECRET = b"secret"


class Color(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(exclude_categories=["Cs"])),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False, places=5),
    bool: st.booleans(),
    UUID: st.uuids(),
    date: st.dates(),
    time: st.times(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    timedelta: st.timedeltas(timedelta(days=-9999), timedelta(days=9999)),
    Color: st.sampled_from(Color),
    Level: st.sampled_from(Level),
}


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_a_value_comes_back_as_it_was(kind: Any, data: st.DataObject) -> None:
    for value in (data.draw(VALUES[kind]), None):
        cursor = cursors.encode(SECRET, "sort", [value])
        (found,) = cursors.decode(SECRET, "sort", cursor, [field_type(kind)])
        assert found == value
        assert value is None or isinstance(found, kind)


def test_a_cursor_can_stand_in_a_url() -> None:
    cursor = cursors.encode(SECRET, "sort", ["ü/?&=+ " * 20])
    assert all(each.isalnum() or each in "-_" for each in cursor)


@given(st.text(max_size=60))
def test_no_text_is_a_cursor(text: str) -> None:
    with pytest.raises(InvalidCursor):
        cursors.decode(SECRET, "sort", text, [field_type(str)])


def test_each_bit_of_a_cursor_counts() -> None:
    raw = urlsafe_b64decode(cursors.encode(SECRET, "sort", ["a", 1]) + "===")
    for position in range(len(raw)):
        spoilt = bytearray(raw)
        spoilt[position] ^= 1
        with pytest.raises(InvalidCursor):
            cursors.decode(
                SECRET, "sort", urlsafe_b64encode(spoilt).decode(), [field_type(str), field_type(int)]
            )


def test_a_cursor_belongs_to_one_sort_and_one_secret() -> None:
    cursor = cursors.encode(SECRET, "title", ["a"])
    assert cursors.decode(SECRET, "title", cursor, [field_type(str)]) == ["a"]
    with pytest.raises(InvalidCursor, match="does not fit"):
        cursors.decode(SECRET, "slug", cursor, [field_type(str)])
    with pytest.raises(InvalidCursor):
        cursors.decode(b"other", "title", cursor, [field_type(str)])


_ROWS = st.lists(
    st.tuples(st.none() | st.integers(0, 2), st.none() | st.integers(0, 2)), min_size=1, max_size=8
)
_TERMS = st.tuples(st.booleans(), st.none() | st.booleans())


@given(rows=_ROWS, first=_TERMS, second=_TERMS, last=st.booleans(), data=st.data())
def test_beyond_a_row_is_what_comes_after_it_in_the_sort(
    rows: list[tuple[Any, Any]],
    first: tuple[bool, bool | None],
    second: tuple[bool, bool | None],
    last: bool,
    data: st.DataObject,
) -> None:
    terms = (
        Ordering(Ref("a"), *first),
        Ordering(Ref("b"), *second),
        Ordering(Ref("id"), last),
    )
    records = [{"a": a, "b": b, "id": number} for number, (a, b) in enumerate(rows)]
    for term in reversed(terms):
        name = term.node.name  # type: ignore[attr-defined]
        nulls = [each for each in records if each[name] is None]
        rest = sorted(
            (each for each in records if each[name] is not None),
            key=lambda each: each[name],
            reverse=term.descending,
        )
        records = nulls + rest if term.puts_nulls_first else rest + nulls
    place = data.draw(st.integers(0, len(records) - 1))
    params: list[Any] = []
    here = records[place]
    node = cursors.beyond(terms, [here["a"], here["b"], here["id"]], [True, True, False], params)
    environment = Environment(rows=DICT_ROW, params=params)
    found = [each for each in records if evaluate(node, each, environment) is True]
    assert found == records[place + 1 :]
