"""Whatever comes from outside is answered like a plain loop over the rows would, or refused by name."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.integration.engine.conftest import Opener

from sorbus.errors.inputs import InvalidCursor, InvalidFilter
from sorbus.testing.conformance.people import Visits
from sorbus.testing.conformance.press import DOMAINS
from sorbus.testing.conformance.reads_world import Genre, Loan, Shelf, Volume
from sorbus.testing.conformance.world import Tenant, new_tenant

FUZZ = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)


@pytest.fixture
async def here(opened: Opener) -> AsyncIterator[Tenant]:
    """Twenty-four volumes with nulls and ties in every field, two thirds of them on shelves."""
    async with opened(DOMAINS) as app:
        here = await new_tenant(app, Visits())
        shelves = [
            await Shelf.build(here.scope, name=name, room=room)
            for name, room in (("left", "attic"), ("right", None))
        ]
        for number in range(24):
            volume = await Volume.bind(
                here.scope,
                title="abcd"[number % 4] * (number % 3),
                shelf_id=None if number % 3 == 2 else shelves[number % 3].id,
                genre=list(Genre)[number % 3],
                price=None if number % 5 == 0 else Decimal(number % 4) / 2,
                weight=None if number % 7 == 0 else number % 3 / 4,
                pages=number % 6,
                printed=None if number % 2 else date(2020, 1, 1 + number % 4),
                lent=number % 4 == 0,
            )
            for days in range(number % 3):
                await Loan.lend(here.scope, volume_id=volume.id, days=days, hidden=days == number % 2)
        yield here


# filters

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "title": st.text("abcd", max_size=3),
    "genre": st.sampled_from(["tale", "essay", "verse"]),
    "price": st.sampled_from([0, "0.5", 1, "1.50", 7]),
    "weight": st.sampled_from([0, 0.25, 0.5, -1.5]),
    "pages": st.integers(-1, 7),
    "printed": st.sampled_from(["2020-01-01", "2020-01-03", "2021-12-31"]),
    "lent": st.booleans(),
    "loan_days": st.integers(0, 3),
    "shelf_name": st.sampled_from(["left", "right", ""]),
}
PLAIN: dict[str, Any] = {
    "title": str,
    "genre": str,
    "price": Decimal,
    "weight": float,
    "pages": int,
    "printed": date.fromisoformat,
    "lent": bool,
    "loan_days": int,
    "shelf_name": str,
}
EQUALITY = ("eq", "not_eq", "in", "is_nil")
ORDER = ("less_than", "less_than_or_equal", "greater_than", "greater_than_or_equal")
TEXT = ("contains", "starts_with", "ends_with")


def operators(name: str) -> tuple[str, ...]:
    if name in {"genre", "lent"}:
        return EQUALITY
    return EQUALITY + ORDER + (TEXT if name in {"title", "shelf_name"} else ())


@st.composite
def comparisons(draw: Any) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted(VALUES)))
    operator = draw(st.sampled_from(operators(name)))
    value = draw(VALUES[name])
    if operator == "in":
        value = draw(st.lists(VALUES[name], max_size=3))
    elif operator == "is_nil":
        value = draw(st.booleans())
    return {name: {operator: value}}


RELATED = st.one_of(
    st.just({"shelf": {}}),
    st.sampled_from(["left", "right"]).map(lambda name: {"shelf": {"name": {"eq": name}}}),
    st.just({"shelf": {"room": {"is_nil": True}}}),
    st.integers(0, 2).map(lambda days: {"loans": {"days": {"greater_than_or_equal": days}}}),
)
FILTERS = st.recursive(
    comparisons() | RELATED,
    lambda inner: st.one_of(
        inner.map(lambda each: {"not": each}),
        st.lists(inner, min_size=1, max_size=3).map(lambda each: {"and": each}),
        st.lists(inner, min_size=1, max_size=3).map(lambda each: {"or": each}),
    ),
    max_leaves=5,
)
NAMES = st.sampled_from(
    ["title", "note", "org_id", "shelf", "loans", "and", "or", "not", "eq", "in", "__class__", ""]
)
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.binary(max_size=3)
    | NAMES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def compared(operator: str, mine: Any, value: Any, name: str) -> bool | None:
    """One comparison by hand, in three-valued logic."""
    if operator == "is_nil":
        return (mine is None) == value
    if operator == "in":
        given = [PLAIN[name](each) for each in value]
        return False if not given else None if mine is None else mine in given
    if mine is None:
        return None
    other = PLAIN[name](value)
    answers = {
        "eq": lambda: mine == other,
        "not_eq": lambda: mine != other,
        "less_than": lambda: mine < other,
        "less_than_or_equal": lambda: mine <= other,
        "greater_than": lambda: mine > other,
        "greater_than_or_equal": lambda: mine >= other,
        "contains": lambda: other in mine,
        "starts_with": lambda: mine.startswith(other),
        "ends_with": lambda: mine.endswith(other),
    }
    return bool(answers[operator]())


def both(answers: list[bool | None]) -> bool | None:
    return False if False in answers else None if None in answers else True


def holds(data: dict[str, Any], row: Volume) -> bool | None:
    """A filter by hand."""
    answers: list[bool | None] = []
    for name, inner in data.items():
        match name:
            case "and":
                answers.append(both([holds(each, row) for each in inner]))
            case "or":
                found = [holds(each, row) for each in inner]
                answers.append(True if True in found else None if None in found else False)
            case "not":
                answer = holds(inner, row)
                answers.append(None if answer is None else not answer)
            case "shelf" | "loans":
                value = getattr(row, name)
                rows = value if isinstance(value, list) else [] if value is None else [value]
                answers.append(any(related(inner, each) for each in rows))
            case _:
                mine = getattr(row, name)
                mine = mine.value if isinstance(mine, Genre) else mine
                answers += [compared(operator, mine, value, name) for operator, value in inner.items()]
    return both(answers)


def related(data: dict[str, Any], row: Any) -> bool:
    for name, inner in data.items():
        for operator, value in inner.items():
            mine = getattr(row, name)
            kind = "pages" if name == "days" else "shelf_name"
            if compared(operator, mine, value, kind) is not True:
                return False
    return True


@FUZZ
@given(data=FILTERS)
async def test_a_filter_answers_as_a_loop_would(here: Tenant, data: dict[str, Any]) -> None:
    loads = (Volume.shelf, Volume.loans, Volume.loan_days, Volume.shelf_name)
    whole = await Volume.query(here.scope).load(*loads).all()
    found = await Volume.query(here.scope).filter_input(data).all()
    assert [each.id for each in found] == [each.id for each in whole if holds(data, each) is True]
    assert await Volume.query(here.scope).filter_input(data).count() == len(found)


@FUZZ
@given(data=JUNK, before=st.none() | FILTERS)
async def test_junk_is_refused_by_name_or_means_something(here: Tenant, data: Any, before: Any) -> None:
    given_data = data if before is None else {"and": [before, data]}
    try:
        query = Volume.query(here.scope).filter_input(given_data)
    except InvalidFilter as error:
        assert error.path[0] == "filter"
        return
    found = await query.all()
    assert len(found) <= 24


@FUZZ
@given(data=st.text(max_size=30) | st.lists(JUNK, max_size=3) | JUNK)
async def test_a_junk_sort_is_refused_by_name_or_sorts(here: Tenant, data: Any) -> None:
    try:
        query = Volume.query(here.scope).sort_input(data)
    except InvalidFilter as error:
        assert error.path == ("sort",)
        return
    assert len(await query.all()) == 24


# pages

TERMS = st.tuples(
    st.sampled_from(["", "-", "++", "--"]),
    st.sampled_from(
        [*sorted(VALUES), "worth", "longest", "per_page", "shelf.room", "shelf.volume_count", "id"]
    ),
).map("".join)


@FUZZ
@given(
    sort=st.lists(TERMS, max_size=3),
    limit=st.integers(1, 9),
    data=st.none() | FILTERS,
    distinct=st.sampled_from([None, "pages", "price"]),
)
async def test_pages_joined_are_the_list_forward_and_backward(
    here: Tenant, sort: list[str], limit: int, data: Any, distinct: str | None
) -> None:
    query = Volume.query(here.scope).sort_input(sort)
    if data is not None:
        query = query.filter_input(data)
    if distinct is not None:
        query = query.distinct(getattr(Volume, distinct), order_by=Volume.title)
    whole = await query.all()
    page = await query.page(limit=limit, count=True)
    found = list(page)
    assert (page.has_previous, page.count) == (False, len(whole))
    while page.has_next:
        page = await query.page(limit=limit, after=page.end_cursor)
        assert page.has_previous
        assert len(page) > 0
        found += page
    assert [each.id for each in found] == [each.id for each in whole]
    if not whole:
        return
    back: list[Volume] = []
    page = await query.page(limit=limit, before=page.end_cursor)
    while True:
        assert page.has_next
        back = [*page, *back]
        if not page.has_previous:
            break
        page = await query.page(limit=limit, before=page.start_cursor)
    assert [each.id for each in back] == [each.id for each in whole[:-1]]


@FUZZ
@given(data=st.data(), sort=st.lists(TERMS, max_size=2))
async def test_a_spoilt_cursor_is_refused(here: Tenant, data: st.DataObject, sort: list[str]) -> None:
    query = Volume.query(here.scope).sort_input(sort)
    cursor = (await query.page(limit=data.draw(st.integers(1, 24)))).end_cursor
    assert cursor is not None
    raw = bytearray(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    match data.draw(st.sampled_from(["flip", "cut", "grow", "text"])):
        case "flip":
            raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
        case "cut":
            del raw[data.draw(st.integers(0, len(raw) - 1)) :]
        case "grow":
            raw += data.draw(st.binary(min_size=1, max_size=9))
        case _:
            raw = bytearray(data.draw(st.binary(max_size=40)))
    spoilt = urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
    for options in ({"after": spoilt}, {"before": spoilt}):
        with pytest.raises(InvalidCursor):
            await query.page(**options)
