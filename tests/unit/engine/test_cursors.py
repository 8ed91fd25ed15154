"""Cursors carry sort values of every type, and nobody can make one up."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorbus.engine import cursors
from sorbus.engine.cursors import Seal
from sorbus.errors.inputs import InvalidCursor, InvalidPage
from sorbus.expressions.evaluate import Environment, evaluate
from sorbus.expressions.nodes import Ordering, Ref
from sorbus.policies.rows import DICT_ROW

SEAL = Seal(b"secret", cursors.binding(b"title", [], "t"))


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
        (found,) = cursors.decode(SEAL, cursors.encode(SEAL, [value]), 1)
        assert found == value
        assert value is None or isinstance(value, Enum) or type(found) is kind


def test_numbers_without_end_come_back() -> None:
    values = [float("inf"), float("-inf"), Decimal("1e400"), 2**70]
    assert cursors.decode(SEAL, cursors.encode(SEAL, values), 4) == values


@pytest.mark.parametrize("value", [["a"], {"a": 1}, object()])
def test_what_has_no_order_makes_no_cursor(value: Any) -> None:
    with pytest.raises(InvalidPage):
        cursors.encode(SEAL, [value])


def test_a_cursor_can_stand_in_a_url_and_shows_nothing() -> None:
    cursor = cursors.encode(SEAL, ["ü/?&=+ " * 20])
    assert all(each.isalnum() or each in "-_" for each in cursor)
    assert b"?&=+" not in urlsafe_b64decode(cursor + "===")


def test_cursors_of_equal_rows_are_equal_and_of_others_have_nothing_in_common() -> None:
    one, same, other = (cursors.encode(SEAL, ["secret", number]) for number in (1, 1, 2))
    assert one == same
    raw, others = (urlsafe_b64decode(each + "===") for each in (one, other))
    assert sum(a == b for a, b in zip(raw, others, strict=True)) < len(raw) // 4


@given(st.text(max_size=60) | st.text("AQgw-_=", max_size=60))
def test_no_text_is_a_cursor(text: str) -> None:
    with pytest.raises(InvalidCursor):
        cursors.decode(SEAL, text, 1)


@pytest.mark.parametrize("what", [None, 3, b"AAAA", ["AAAA"], {"eq": "AAAA"}, "\x00", "A" * 10**6, "\ud800"])
def test_nothing_else_is_a_cursor(what: Any) -> None:
    with pytest.raises(InvalidCursor):
        cursors.decode(SEAL, what, 1)


def test_each_bit_and_each_byte_of_a_cursor_counts() -> None:
    cursor = cursors.encode(SEAL, ["a", 1])
    raw = urlsafe_b64decode(cursor + "===")
    for position in range(len(raw)):
        for bit in range(8):
            spoilt = bytearray(raw)
            spoilt[position] ^= 1 << bit
            with pytest.raises(InvalidCursor):
                cursors.decode(SEAL, urlsafe_b64encode(spoilt).decode().rstrip("="), 2)
        with pytest.raises(InvalidCursor):
            cursors.decode(SEAL, urlsafe_b64encode(raw[:position]).decode().rstrip("="), 2)


def test_another_spelling_of_a_cursor_is_none() -> None:
    cursor = cursors.encode(SEAL, ["ab", 1])
    for spoilt in (cursor + "=", cursor + "==", cursor + "\n", " " + cursor, cursor[:4] + "!" + cursor[4:]):
        with pytest.raises(InvalidCursor):
            cursors.decode(SEAL, spoilt, 2)


def test_a_cursor_belongs_to_one_query_its_values_one_tenant_and_one_secret() -> None:
    cursor = cursors.encode(SEAL, ["a"])
    assert cursors.decode(SEAL, cursor, 1) == ["a"]
    for bound in (
        cursors.binding(b"slug", [], "t"),
        cursors.binding(b"title", [1], "t"),
        cursors.binding(b"title", [], "u"),
        cursors.binding(b"title", ["t"], None),
        cursors.binding(b"titl", ["e"], "t"),
    ):
        with pytest.raises(InvalidCursor, match="does not fit"):
            cursors.decode(Seal(b"secret", bound), cursor, 1)
    with pytest.raises(InvalidCursor):
        cursors.decode(Seal(b"other", SEAL.bound), cursor, 1)


def test_a_cursor_with_another_number_of_values_is_refused() -> None:
    with pytest.raises(InvalidCursor, match="another version"):
        cursors.decode(SEAL, cursors.encode(SEAL, ["a", 1]), 1)


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b"7", b'[["x", "1"]]', b'[["n", "?"]]', b'[["i", "1"]]', b"\xff"]
)
def test_what_is_sealed_and_makes_no_sense_is_refused(payload: bytes) -> None:
    with pytest.raises(InvalidCursor, match="another version"):
        cursors.decode(SEAL, SEAL.close(payload), 1)


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
