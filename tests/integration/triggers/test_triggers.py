"""Triggers against real PostgreSQL: rows that meet a condition are acted on once, under their actor and tenant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest

from sorbus import (
    Attr,
    Domain,
    Policies,
    Postgres,
    Resource,
    Scope,
    Sorbus,
    Tenancy,
    action,
    actor_present,
    attribute,
    authorize_if,
    policy,
    uuid_primary_key,
)
from sorbus.errors.declaration import DefinitionErrors
from sorbus.jobs import Jobs, Triggers, count_jobs, list_jobs, trigger


class ParcelState(StrEnum):
    NEW = "new"
    PACKED = "packed"
    SENT = "sent"


SEEN: list[tuple[UUID, Any, Any]] = []


class Parcel(Resource):
    """Something to send."""

    id: Attr[UUID] = uuid_primary_key()
    shop: Attr[str] = attribute()
    state: Attr[ParcelState] = attribute(default=ParcelState.NEW)
    urgent: Attr[bool] = attribute(default=False)
    packed_by: Attr[str | None] = attribute(default=None)

    @action.create
    def order(self, scope: Scope, urgent: bool = False) -> None:
        """Order it."""

    @action.transition(ParcelState.NEW, to=ParcelState.PACKED)
    async def pack(self, scope: Scope) -> None:
        """Pack it; slow work, with no transaction open."""
        SEEN.append((self.id, scope.actor, scope.tenant))
        await asyncio.sleep(0)
        self.packed_by = str(scope.actor)

    @action.update
    def rush(self, scope: Scope, urgent: bool) -> None:
        """Make it urgent, or not."""

    storage = Postgres("parcels")
    tenancy = Tenancy(shop)
    policies = Policies(policy("any", authorize_if(actor_present())))
    triggers = Triggers(
        trigger(pack, where=(state == ParcelState.NEW) & (urgent == True), queue="packing")  # noqa: E712
    )


def make_app(url: str, *, run: bool = True) -> Sorbus:
    SEEN.clear()
    jobs = Jobs(run=run, grace=1.0, poll=0.2)
    return Sorbus(
        domains=[Domain("shop", resources=[Parcel])], components=[jobs], database_url=url, auto_migrate=True
    )


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[Sorbus]:
    async with make_app(database_url) as opened:
        yield opened


async def until(condition: Any, *, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.05)


async def test_a_write_that_meets_the_condition_runs_the_action_with_its_actor_and_tenant(
    app: Sorbus,
) -> None:
    scope = app.scope(actor="ann", tenant="north")
    parcel = await Parcel.order(scope, urgent=True)

    async def packed() -> bool:
        return (await Parcel.get(scope, parcel.id)).state is ParcelState.PACKED

    await until(packed)
    assert [(parcel.id, "ann", "north")] == SEEN
    assert (await Parcel.get(scope, parcel.id)).packed_by == "ann"


async def test_rows_that_do_not_meet_it_are_left_alone_until_they_do(app: Sorbus) -> None:
    scope = app.scope(actor="ann", tenant="north")
    parcel = await Parcel.order(scope)
    async with app.database.pool.connection() as connection:
        assert await count_jobs(connection) == []
    await parcel.rush(scope, urgent=True)

    async def packed() -> bool:
        return (await Parcel.get(scope, parcel.id)).state is ParcelState.PACKED

    await until(packed)


async def test_the_job_is_written_with_its_cause_or_not_at_all(database_url: str) -> None:
    async with make_app(database_url, run=False) as app:
        scope = app.scope(actor="ann", tenant="north")
        with pytest.raises(RuntimeError):
            async with app.transaction():
                await Parcel.order(scope, urgent=True)
                raise RuntimeError
        async with app.database.pool.connection() as connection:
            assert await list_jobs(connection) == []
        await Parcel.order(scope, urgent=True)
        async with app.database.pool.connection() as connection:
            assert [job.worker for job in await list_jobs(connection)] == ["triggers.run"]


async def test_a_row_that_changed_meanwhile_is_refused_by_the_statement_itself(database_url: str) -> None:
    async with make_app(database_url, run=False) as app:
        scope = app.scope(actor="ann", tenant="north")
        parcel = await Parcel.order(scope, urgent=True)
        await parcel.rush(scope, urgent=False)
    async with make_app(database_url) as app:
        scope = app.scope(actor="ann", tenant="north")

        async def cancelled() -> bool:
            async with app.database.pool.connection() as connection:
                rows = await list_jobs(connection, worker="triggers.run")
            return [row.state.value for row in rows] == ["cancelled"]

        await until(cancelled)
        assert (await Parcel.get(scope, parcel.id)).state is ParcelState.NEW
        assert SEEN == []


async def test_the_search_finds_rows_that_came_about_otherwise_in_every_tenant(database_url: str) -> None:
    async with make_app(database_url, run=False) as app:
        for shop in ("north", "south"):
            async with app.database.pool.connection() as connection:
                await connection.execute(
                    "INSERT INTO parcels (id, shop, state, urgent) VALUES (gen_random_uuid(), $1, 'new', true)",
                    shop,
                )
    async with make_app(database_url) as app:
        from sorbus.jobs import NewJob

        scan = NewJob("triggers.scan", {"trigger": "Parcel.pack"}, queue="packing")
        await app.components[0].enqueue(scan)  # type: ignore[attr-defined]

        async def packed() -> bool:
            rows = await Parcel.query(app.system_scope()).all()
            return len(rows) == 2 and all(row.state is ParcelState.PACKED for row in rows)

        await until(packed)
        assert sorted(tenant for _, _, tenant in SEEN) == ["north", "south"]


async def test_twenty_writes_of_one_row_insert_one_unfinished_job(database_url: str) -> None:
    async with make_app(database_url, run=False) as app:
        scope = app.scope(actor="ann", tenant="north")
        parcel = await Parcel.order(scope, urgent=True)
        await asyncio.gather(*(Parcel.rush.by_key(parcel.id, scope, urgent=True) for _ in range(20)))
        async with app.database.pool.connection() as connection:
            assert len(await list_jobs(connection)) == 1


def test_a_trigger_on_an_action_that_needs_inputs_is_a_definition_error() -> None:
    class Box(Resource):
        id: Attr[UUID] = uuid_primary_key()
        open: Attr[bool] = attribute(default=False)

        @action.update
        def turn(self, scope: Scope, open: bool) -> None:
            """Open or close it."""

        storage = Postgres("boxes")
        triggers = Triggers(trigger(turn, where=open == False))  # type: ignore[arg-type]  # noqa: E712

    with pytest.raises(DefinitionErrors, match=r"`Box.turn` needs the inputs open"):
        Sorbus(domains=[Domain("boxes", resources=[Box])])
