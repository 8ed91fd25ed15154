"""What a subscriber is given: in order, bounded, and of what has gone once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sorbus.apis.graphql import sharing
from sorbus.apis.graphql.sharing import Batch, Reader, Told
from sorbus.scope import Scope


def told(*names: str) -> list[Told]:
    return [Told(document={"name": each}) for each in names]


def reader(most: int = 10, *visible: str) -> Reader:
    return Reader(Scope(), "seat", most, dict.fromkeys(visible))


def names(found: Sequence[Told]) -> list[Any]:
    return [next(iter(each.document.values())) for each in found]


def goes(number: int) -> Told:
    return Told(document={"gone": number})


async def given(one: Reader) -> list[list[Any]]:
    return [names(each) async for each in one.batches(lambda lost: Told(document={"lost": lost}))]


async def test_it_comes_in_order_as_much_as_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "AT_ONCE", 2)
    one = reader()
    one.put(told("a", "b"))
    one.put(told("c"))
    one.end(*told("last"))
    assert await given(one) == [["a", "b"], ["c", "last"]]


async def test_what_does_not_fit_is_dropped_and_counted() -> None:
    one = reader(3)
    one.put(told("a", "b"))
    one.put(told("c", "d"))
    one.end()
    assert await given(one) == [[2], ["c", "d"]]


async def test_what_has_waited_too_long_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    one = reader()
    one.put(told("a", "b"))
    monkeypatch.setattr(sharing, "FRESH", -1.0)
    one.end()
    assert await given(one) == [[2]]
    assert (one.count, len(one.waiting)) == (0, 0)


async def test_what_was_in_sight_and_is_not_any_more_is_told_once() -> None:
    one = reader(10, "shown before")
    shown = told("a")[0]
    one.tell(Batch([(0, "k", shown), (1, "never shown", None), (2, "shown before", None)]), goes)
    one.tell(Batch([(3, "k", None), (4, "k", None), (5, "shown before", None)]), goes)
    one.end()
    assert await given(one) == [["a", 2, 3]]
    assert one.visible == {}


async def test_what_it_was_shown_is_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "_REMEMBERED", 2)
    one = reader()
    for key in ("a", "b", "c"):
        one.tell(Batch([(0, key, told(key)[0])]), goes)
    assert list(one.visible) == ["b", "c"]


def test_the_bytes_are_made_once() -> None:
    one = told("a")[0]
    assert one.body is one.body
