"""A database that goes away during the work and comes back."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sorbus.data_layers.postgres.database import Database
from sorbus.data_layers.postgres.embedded import EmbeddedServer, start_embedded
from sorbus.data_layers.postgres.embedded_cluster import Postmaster
from sorbus.data_layers.postgres.faults import DRIVER_ERRORS, translate
from sorbus.data_layers.postgres.listener import Listener
from sorbus.data_layers.postgres.pool import Pool
from sorbus.errors.database import DatabaseFault, DatabaseUnavailable

GOING = {"crash": signal.SIGKILL, "immediate": signal.SIGQUIT, "fast": signal.SIGINT}


@pytest.fixture
async def server(server_folder: Path) -> AsyncIterator[EmbeddedServer]:
    # Durable, as a user has it: what is committed must be there after the crash.
    async with await start_embedded(server_folder / "postgres") as started:
        yield started


@pytest.fixture
async def pool(server: EmbeddedServer) -> AsyncIterator[Pool]:
    async with Pool(server.url, size=3) as opened:
        async with opened.connection() as connection:
            await connection.execute("CREATE TABLE t (id int PRIMARY KEY)")
        yield opened


async def end(server: EmbeddedServer, kind: signal.Signals) -> None:
    """End the server and wait until nobody answers at its socket, and its clients have had time to hear of it."""
    os.kill(server.pid, kind)
    async with asyncio.timeout(20):
        while Postmaster(server.pid, server.folder / "run", "ready").answers():
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)


@pytest.mark.parametrize("kind", GOING.values(), ids=GOING)
async def test_a_running_query_fails_with_a_leaf_and_the_pool_works_again(
    server: EmbeddedServer, pool: Pool, kind: signal.Signals
) -> None:
    async def work() -> None:
        async with pool.connection() as connection:
            await connection.execute("SELECT pg_sleep(30)")

    running = [asyncio.create_task(work()) for _ in range(3)]
    await asyncio.sleep(0.2)
    await end(server, kind)
    for found in await asyncio.gather(*running, return_exceptions=True):
        assert isinstance(found, BaseException)
        leaf = translate(found)
        assert isinstance(leaf, DatabaseUnavailable), found
        assert leaf.retryable
    await server.ensure_running()
    async with pool.connection() as connection:
        assert await connection.fetchval("SELECT 1") == 1
    assert pool.stats.busy == 0


@pytest.mark.parametrize("kind", GOING.values(), ids=GOING)
async def test_an_open_transaction_is_lost_whole_and_a_committed_one_is_kept(
    server: EmbeddedServer, pool: Pool, kind: signal.Signals
) -> None:
    async with pool.transaction() as connection:
        await connection.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(DRIVER_ERRORS) as caught:
        async with pool.transaction() as connection:
            await connection.execute("INSERT INTO t VALUES (2)")
            await end(server, kind)
            await connection.execute("INSERT INTO t VALUES (3)")
    assert isinstance(translate(caught.value), DatabaseUnavailable)
    await server.ensure_running()
    async with pool.connection() as connection:
        assert await connection.fetchval("SELECT array_agg(id) FROM t") == [1]


async def test_a_commit_that_meets_a_dead_server_is_an_error(server: EmbeddedServer, pool: Pool) -> None:
    with pytest.raises(DRIVER_ERRORS) as caught:
        async with pool.transaction() as connection:
            await connection.execute("INSERT INTO t VALUES (2)")
            await end(server, signal.SIGKILL)
    assert isinstance(translate(caught.value), DatabaseUnavailable)
    await server.ensure_running()


async def test_users_that_come_while_it_is_away_are_served_when_it_is_back(
    server: EmbeddedServer, pool: Pool
) -> None:
    async def work(number: int) -> int:
        async with pool.transaction() as connection:
            await connection.execute("INSERT INTO t VALUES ($1)", number)
        return number

    await end(server, signal.SIGKILL)
    tasks = [asyncio.create_task(work(number)) for number in range(20)]
    await asyncio.sleep(0.5)
    assert not any(task.done() for task in tasks)
    await server.ensure_running()
    assert await asyncio.gather(*tasks) == list(range(20))


async def test_load_through_several_crashes_loses_nothing_committed_and_ends_clean(
    server: EmbeddedServer, pool: Pool
) -> None:
    committed: list[int] = []
    unknown: list[int] = []

    async def work(number: int) -> None:
        sent = False
        try:
            async with pool.transaction() as connection:
                await connection.execute("INSERT INTO t VALUES ($1)", number)
                sent = True
            committed.append(number)
        except (DatabaseFault, *DRIVER_ERRORS) as cause:
            assert isinstance(cause, DatabaseFault) or isinstance(translate(cause), DatabaseUnavailable), (
                cause
            )
            if sent:
                unknown.append(number)

    async def load(worker: int) -> None:
        for number in range(150):
            await work(worker * 1000 + number)

    async def crash() -> None:
        for _ in range(3):
            await asyncio.sleep(0.1)
            await end(server, signal.SIGKILL)
            await server.ensure_running()

    await asyncio.gather(crash(), *(load(worker) for worker in range(6)))
    async with pool.connection() as connection:
        found = set(await connection.fetchval("SELECT array_agg(id) FROM t"))
    assert len(committed) > 100
    assert set(committed) <= found
    # What is there without a report was on its way to the commit when the server died.
    assert found - set(committed) <= set(unknown)
    assert pool.stats.open <= pool.size
    assert (pool.stats.busy, pool.stats.waiting) == (0, 0)


async def test_a_database_starts_its_own_server_again(server_folder: Path) -> None:
    async with Database.from_environment(home=server_folder) as database:
        assert database.server is not None
        before = database.server.pid
        await end(database.server, signal.SIGKILL)
        found = await asyncio.gather(*(ask(database.pool) for _ in range(20)))
        assert found == [1] * 20
        assert database.server.pid != before


async def ask(pool: Pool) -> object:
    async with pool.connection() as connection:
        return await connection.fetchval("SELECT 1")


async def test_a_listener_comes_back_too(server: EmbeddedServer, pool: Pool) -> None:
    async with asyncio.timeout(20), Listener(pool.connect) as listener, listener.listen("runs") as notices:
        await end(server, signal.SIGKILL)
        await server.ensure_running()
        assert (await anext(notices)).missed
        async with pool.connection() as connection:
            await connection.execute("NOTIFY runs, 'back'")
        assert (await anext(notices)).payload == "back"
