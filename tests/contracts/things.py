"""A resource with every type, and random rows of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from sorbus import (
    Attr,
    Domain,
    Json,
    Many,
    One,
    Policies,
    Postgres,
    Resource,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    calculate,
    coalesce,
    has_many,
    policy,
    uuid_primary_key,
)


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"
    GREEN = "green"


class Thing(Resource):
    id: Attr[UUID] = uuid_primary_key()
    parent_id: Attr[UUID | None] = attribute(default=None)
    i: Attr[int | None] = attribute(default=None)
    j: Attr[int] = attribute(default=0)
    d: Attr[Decimal | None] = attribute(default=None)
    f: Attr[float | None] = attribute(default=None)
    s: Attr[str | None] = attribute(default=None)
    b: Attr[bool | None] = attribute(default=None)
    at: Attr[datetime | None] = attribute(default=None)
    span: Attr[timedelta | None] = attribute(default=None)
    color: Attr[Color | None] = attribute(default=None)
    day: Attr[date | None] = attribute(default=None)
    tags: Attr[list[str] | None] = attribute(default=None)
    doc: Attr[dict[str, Json] | None] = attribute(default=None)

    parent: One[Thing] = belongs_to(via=parent_id, foreign_key=False)
    children: Many[Thing] = has_many(via="parent_id")
    positive: Many[Thing] = has_many(via="parent_id", where=lambda thing: thing.j > 0)

    twice = calculate(j + j)
    label = calculate(coalesce(s, "nothing"))
    child_count = agg.count(children)
    total = agg.sum(positive, lambda thing: thing.j)
    deep = calculate(twice + child_count)
    words = agg.list(children, lambda thing: thing.s, order_by=lambda thing: thing.j.desc(), unique=True)

    storage = Postgres("things")
    policies = Policies(policy("read", authorize_if(True)))


Things = Domain("things", resources=[Thing])

KINDS: tuple[type, ...] = (int, Decimal, float, str, bool, datetime, timedelta, Color, date, list)
TYPES: dict[type, Any] = {list: list[str]}
"""How a kind is annotated, where that is not the kind itself."""

INPUTS = ("x", "y")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)

VALUES: dict[type, st.SearchStrategy[Any]] = {
    int: st.integers(-9, 9),
    Decimal: st.decimals(-99, 99, places=3).map(lambda value: value.normalize()),
    float: st.integers(-64, 64).map(lambda value: value / 8),
    str: st.text("aAb %_\\'", max_size=3),
    bool: st.booleans(),
    datetime: st.integers(-90_000, 90_000).map(lambda value: NOON + timedelta(seconds=value)),
    timedelta: st.integers(-200_000, 200_000).map(lambda value: timedelta(seconds=value)),
    Color: st.sampled_from(Color),
    date: st.integers(-800, 800).map(lambda value: NOON.date() + timedelta(days=value)),
    list: st.lists(st.sampled_from(["a", "b", "aA", ""]), max_size=3),
}

DOCUMENTS = st.dictionaries(
    st.sampled_from(["a", "b", "0"]),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-9, 9)
        | st.sampled_from([0.5, 2.0, -1.25])
        | st.sampled_from(["x", ""]),
        lambda inner: (
            st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "0"]), inner, max_size=2)
        ),
        max_leaves=3,
    ),
    max_size=3,
)

FIELDS: dict[type, tuple[str, ...]] = {
    int: ("i", "j", "twice", "child_count", "total", "deep"),
    Decimal: ("d",),
    float: ("f",),
    str: ("s", "label"),
    bool: ("b",),
    datetime: ("at",),
    timedelta: ("span",),
    Color: ("color",),
    date: ("day",),
    list: ("tags", "words"),
}

ORDERED = (int, Decimal, float, str, datetime, timedelta, date)


def rows() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Up to six rows, with nulls, some the children of others."""
    row = st.fixed_dictionaries(
        {
            "parent": st.none() | st.integers(0, 5),
            "i": st.none() | VALUES[int],
            "j": VALUES[int],
            "d": st.none() | VALUES[Decimal],
            "f": st.none() | VALUES[float],
            "s": st.none() | VALUES[str],
            "b": st.none() | st.booleans(),
            "at": st.none() | VALUES[datetime],
            "span": st.none() | VALUES[timedelta],
            "color": st.none() | VALUES[Color],
            "day": st.none() | VALUES[date],
            "tags": st.none() | VALUES[list],
            "doc": st.none() | DOCUMENTS,
        }
    )
    return st.lists(row, max_size=6).map(_with_keys)


def _with_keys(drawn: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number, values in enumerate(drawn):
        parent = values.pop("parent")
        key = None if parent is None or parent >= len(drawn) else UUID(int=parent + 1)
        found.append({"id": UUID(int=number + 1), "parent_id": key, **values})
    return found
