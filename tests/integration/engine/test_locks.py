"""Locks on what was read: who waits, who is refused, who gets other rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.integration.engine.conftest import Opener

from sorbus import Query, Sorbus
from sorbus.errors.database import LockNotAvailable
from sorbus.testing.conformance.people import Visits
from sorbus.testing.conformance.press import DOMAINS
from sorbus.testing.conformance.queries import stock
from sorbus.testing.conformance.reads_world import Volume
from sorbus.testing.conformance.world import Tenant, new_tenant


@pytest.fixture
async def here(opened: Opener) -> AsyncIterator[Tenant]:
    async with opened(DOMAINS) as app:
        yield await new_tenant(app, Visits())


async def holding(app: Sorbus, query: Query[Volume], during: Any) -> Any:
    """What somebody else meets while a transaction of another task holds the rows of a query."""
    held, done = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with app.transaction():
            await query.all()
            held.set()
            await done.wait()

    holder = asyncio.create_task(hold())
    await asyncio.wait_for(held.wait(), 10)
    try:
        return await during()
    finally:
        done.set()
        await holder


async def test_who_does_not_wait_is_refused_by_name(here: Tenant) -> None:
    await stock(here)
    query = Volume.query(here.scope).where(Volume.title == "a")

    async def during() -> None:
        for mode in ("update", "share", "no_key_update", "key_share"):
            with pytest.raises(LockNotAvailable):
                async with here.app.transaction():
                    await query.lock(mode, wait="nowait").all()  # type: ignore[arg-type]
        assert len(await query.all()) == 1, "who does not lock reads on"

    await holding(here.app, query.lock(), during)
    async with here.app.transaction():
        assert len(await query.lock(wait="nowait").all()) == 1


async def test_those_who_share_do_not_shut_each_other_out_but_writers(here: Tenant) -> None:
    volumes = await stock(here)
    query = Volume.query(here.scope).where(Volume.title == "a")

    async def during() -> None:
        async with here.app.transaction():
            assert len(await query.lock("share", wait="nowait").all()) == 1
        with pytest.raises(LockNotAvailable):
            async with here.app.transaction():
                await query.lock("update", wait="nowait").all()
        writing = asyncio.create_task(volumes["a"].rename(here.scope, title="A"))
        await asyncio.sleep(0.05)
        assert not writing.done()
        waiting.append(writing)

    waiting: list[asyncio.Task[Any]] = []
    await holding(here.app, query.lock("share"), during)
    assert (await asyncio.wait_for(waiting[0], 10)).title == "A"


async def test_locked_rows_are_left_out_by_those_who_skip_them(here: Tenant) -> None:
    await stock(here)
    query = Volume.query(here.scope).order_by(Volume.title)

    async def during() -> list[Volume]:
        async with here.app.transaction():
            return await query.limit(2).lock(wait="skip_locked").all()

    found = await holding(here.app, query.limit(2).lock(), during)
    # In memory there are no locks on single rows: whoever skips what is locked gets nothing.
    memory = here.app.engine.layers["postgres"].name == "memory"
    assert [each.title for each in found] == ([] if memory else ["c", "d"])
    assert [each.title for each in await during()] == ["a", "b"]


async def test_distinct_rows_combinations_and_loads_can_be_locked(here: Tenant) -> None:
    await stock(here)
    query = Volume.query(here.scope).order_by(Volume.title)
    async with here.app.transaction():
        both = query.where(Volume.pages == 50).union(query.where(Volume.title == "a"))
        assert len(await both.order_by(Volume.title).lock().all()) == 3
        assert len(await query.distinct(Volume.pages).lock("no_key_update").all()) == 4
        assert len(await query.load(Volume.shelf, Volume.loan_days).lock().limit(2).all()) == 2
        page = await query.lock("key_share").page(limit=2)
        assert len(await query.lock("key_share").page(after=page.end_cursor)) == 4
