"""New shapes are compiled once, hold no values, and take the statements that they promise."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from tests.integration.engine.conftest import Opener

from sorbus import Sorbus, agg
from sorbus.data_layers.base import Bindings
from sorbus.data_layers.memory.statements import MemoryStatement
from sorbus.data_layers.postgres.statements import SqlStatement
from sorbus.testing.conformance.people import Visits
from sorbus.testing.conformance.press import DOMAINS
from sorbus.testing.conformance.reads_world import Genre, Loan, Shelf, Volume
from sorbus.testing.conformance.world import Tenant, new_tenant

SENTINEL = "a value that no key may hold"
NUMBER = 918_273_645

Use = Callable[[Tenant, int], Awaitable[Any]]


@pytest.fixture
async def app(opened: Opener) -> AsyncIterator[Sorbus]:
    async with opened(DOMAINS) as app:
        app.provide(Visits, Visits())
        yield app


@pytest.fixture
async def here(app: Sorbus) -> Tenant:
    return await new_tenant(app, app.service(Visits))


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The statements that run, whatever the layer."""
    found: list[Any] = []
    for kind in (SqlStatement, MemoryStatement):
        original = kind.fetch

        async def fetch(self: Any, session: Any, bindings: Bindings, original: Any = original) -> Any:
            found.append(self)
            return await original(self, session, bindings)

        monkeypatch.setattr(kind, "fetch", fetch)
    return found


async def fill(here: Tenant, number: int) -> None:
    shelf = await Shelf.build(here.scope, name=f"{SENTINEL} {number}")
    for each in range(6):
        volume = await Volume.bind(
            here.scope,
            title=f"{SENTINEL} {each}",
            isbn=f"{SENTINEL} {number} {each}",
            shelf_id=shelf.id,
            price=Decimal(NUMBER + each) if each % 2 else None,
            pages=NUMBER + each,
        )
        await Loan.lend(here.scope, volume_id=volume.id, days=NUMBER)


async def sets(here: Tenant, number: int) -> None:
    query = Volume.query(here.scope)
    left = query.where(Volume.pages > NUMBER + number).order_by(Volume.title).limit(number)
    right = Volume.of_genre(here.scope, Genre.TALE).where(Volume.title != f"{SENTINEL}{number}")
    both = left.union(right).difference(query.where(Volume.pages == number)).where(Volume.pages != number)
    await both.order_by(Volume.pages % (number + 1)).limit(number).all()
    await both.count()
    await query.distinct(Volume.pages % (number + 1), order_by=Volume.title).offset(number % 2).all()
    await query.select(Volume.title).where(Volume.title != SENTINEL).all()


async def totals(here: Tenant, number: int) -> None:
    query = Volume.query(here.scope).where(Volume.pages > NUMBER - number)
    await query.aggregate(n=agg.count(where=Volume.pages > NUMBER + number), s=agg.sum(Volume.pages * number))
    await query.limit(number).sum(Volume.pages)
    await query.exists()
    await query.list_of(Volume.title)
    await query.first_of(Volume.pages + number)
    await Volume.get_by(here.scope, isbn=f"{SENTINEL} {number} 1", load=[Volume.shelf])


async def pages(here: Tenant, number: int) -> None:
    sort = ((Volume.pages + number).desc(), Volume.worth, Volume.title)
    query = Volume.query(here.scope).order_by(*sort).where(Volume.pages != number)
    first = await query.page(limit=number % 2 + 1, count=True)
    second = await query.page(limit=2, after=first.end_cursor)
    await query.page(limit=1, before=second.start_cursor)
    [each async for each in query.stream(batch=number % 2 + 2)]
    inner = Volume.query().where(Volume.pages > NUMBER - number).order_by(*sort)
    (shelf,) = await Shelf.query(here.scope).load_page(Shelf.volumes, inner, limit=2, count=True).all()
    after = Shelf.volumes.page_of(shelf).end_cursor
    await Shelf.query(here.scope).load_page(Shelf.volumes, inner, limit=number % 3 + 1, after=after).all()


async def outside(here: Tenant, number: int) -> None:
    data = {"or": [{"title": {"contains": f"{SENTINEL}{number}"}}, {"shelf": {"name": {"not_eq": SENTINEL}}}]}
    await Volume.query(here.scope).filter_input(data).sort_input("-worth,shelf.name").page(limit=number)


USES = (sets, totals, pages, outside)


@pytest.mark.parametrize("use", USES)
async def test_what_is_asked_again_with_other_values_compiles_nothing(
    app: Sorbus, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sorbus.engine.shaping.USUAL", frozenset[int]())
    for number in range(1, 6):
        here = await new_tenant(app, app.service(Visits))
        await fill(here, number)
        if number == 1:
            await use(here, 1)
            # A second run with another parity meets the shapes that depend on whether a value is null.
            await use(here, 1)
            compiled = app.engine.compiled
        await use(here, number)
        assert app.engine.compiled == compiled


async def test_only_limits_that_are_asked_for_all_the_time_have_statements_of_their_own(
    app: Sorbus, here: Tenant, statements: list[Any]
) -> None:
    await fill(here, 1)
    query = Volume.query(here.scope).order_by(Volume.pages)
    for limits, more in (((7, 8, 9), 1), ((50, 50), 1), ((51, 7, 50), 1)):
        compiled = app.engine.compiled
        for limit in limits:
            await query.limit(limit).all()
        assert app.engine.compiled == compiled + more
    # A cursor goes on whatever the size of the next page.
    first = await query.page(limit=2)
    for limit in (2, 7, 50):
        page = await query.page(limit=limit, after=first.end_cursor)
        assert [each.pages for each in page] == [NUMBER + each for each in range(2, min(6, 2 + limit))]


async def test_no_key_of_a_cache_holds_a_value(app: Sorbus, here: Tenant) -> None:
    await fill(here, 1)
    for use in USES:
        await use(here, 1)
    engine = app.engine
    keys: list[Any] = [*engine.planner.families, *engine.reader.pages._digests]
    keys += [key for family in engine.planner.families.values() for key in family.plans]
    assert len(keys) > 20
    spoilt = (SENTINEL, str(NUMBER), str(here.org.id), str(here.ada.id))
    assert [key for key in keys if any(value in repr(key) for value in spoilt)] == []


async def test_each_ask_takes_one_statement(here: Tenant, statements: list[Any]) -> None:
    await fill(here, 1)
    query = Volume.query(here.scope).order_by(Volume.worth)
    first = await query.page(limit=2)
    asked: dict[str, tuple[Awaitable[Any], int]] = {
        "a page with its count": (query.page(limit=2, after=first.end_cursor, count=True), 1),
        "a page by position with its count": (query.offset_page(limit=2, offset=1, count=True), 1),
        "several totals": (query.aggregate(n=agg.count(), s=agg.sum(Volume.pages)), 1),
        "existence": (query.exists(), 1),
        "a combination": (query.union(query.where(Volume.pages > 1)).all(), 1),
        "an identity with loads": (
            Volume.get_by(here.scope, isbn=f"{SENTINEL} 1 1", load=[Volume.worth, Volume.shelf]),
            2,
        ),
        "a page on each record, counted": (
            Shelf.query(here.scope).load_page(Shelf.volumes, limit=2, count=True).all(),
            2,
        ),
        "three levels": (
            Shelf.query(here.scope)
            .load_page(Shelf.volumes, Volume.query().load_with(Volume.loans, Loan.query().limit(1)), limit=3)
            .all(),
            3,
        ),
    }
    for name, (call, wanted) in asked.items():
        statements.clear()
        await call
        assert len(statements) == wanted, name
