from __future__ import annotations

import asyncio

from sorbus.data_layers.postgres.connection import DriverConnection
from sorbus.data_layers.postgres.listener import Listener, Notice
from sorbus.data_layers.postgres.pool import Pool

SECONDS = 10


async def kill_listener(pool: Pool) -> None:
    async with pool.connection() as connection:
        killed = await connection.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE application_name = 'sorbus' AND datname = current_database() AND query LIKE 'LISTEN%'"
        )
        assert killed == 1


async def test_one_connection_serves_many_readers_and_channels(pool: Pool) -> None:
    async with (
        Listener(pool.connect) as listener,
        listener.listen("runs") as first,
        listener.listen("runs") as second,
        listener.listen("odd Name") as third,
        pool.connection() as connection,
    ):
        await connection.execute("SELECT pg_notify('runs', '1'), pg_notify('odd Name', 'x')")
        async with asyncio.timeout(SECONDS):
            assert await anext(first) == Notice("runs", "1")
            assert await anext(second) == Notice("runs", "1")
            assert await anext(third) == Notice("odd Name", "x")
        listening = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        assert await connection.fetchval(listening) == 2


async def test_a_reader_that_has_gone_is_not_listened_for(pool: Pool) -> None:
    async with Listener(pool.connect) as listener, listener.listen("kept") as kept:
        async with listener.listen("gone"):
            pass
        async with pool.connection() as connection:
            await asyncio.sleep(0.05)
            await connection.execute("SELECT pg_notify('gone', '1'), pg_notify('kept', '2')")
        async with asyncio.timeout(SECONDS):
            assert await anext(kept) == Notice("kept", "2")


async def test_after_a_break_readers_hear_that_they_may_have_missed_something(pool: Pool) -> None:
    async with Listener(pool.connect) as listener, listener.listen("runs") as notices:
        await kill_listener(pool)
        async with asyncio.timeout(SECONDS):
            assert await anext(notices) == Notice("runs", "", missed=True)
            async with pool.connection() as connection:
                await connection.execute("NOTIFY runs, 'after'")
            assert await anext(notices) == Notice("runs", "after")


async def test_a_slow_reader_gets_one_notice_for_all_that_it_missed(pool: Pool) -> None:
    async with Listener(pool.connect, backlog=5) as listener, listener.listen("runs") as notices:
        async with pool.connection() as connection:
            for number in range(8):
                await connection.execute("SELECT pg_notify('runs', $1)", str(number))
            await asyncio.sleep(0.1)
        async with asyncio.timeout(SECONDS):
            assert await anext(notices) == Notice("runs", "", missed=True)
            assert [(await anext(notices)).payload for _ in range(2)] == ["6", "7"]


async def test_a_reader_may_come_before_the_server_does(pg18_url: str) -> None:
    pool = Pool(pg18_url)
    tries = 0

    async def connect() -> DriverConnection:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ConnectionRefusedError
        return await pool.connect()

    async with asyncio.timeout(SECONDS), Listener(connect) as listener, listener.listen("runs") as notices:
        async with pool.connection() as connection:
            await connection.execute("NOTIFY runs, 'now'")
        assert await anext(notices) == Notice("runs", "now")
    await pool.close()
