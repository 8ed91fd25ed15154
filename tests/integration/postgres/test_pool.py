from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg
import pytest

from sorbus.data_layers.postgres.connection import Connection
from sorbus.data_layers.postgres.faults import translate
from sorbus.data_layers.postgres.pool import Pool
from sorbus.errors.database import (
    DatabaseUnavailable,
    NoSuchDatabase,
    PoolClosed,
    PoolExhausted,
    PoolForeignConnection,
    PoolForeignLoop,
    StalePlan,
    TransactionAborted,
)


@pytest.fixture
async def two(pg18_url: str) -> AsyncIterator[Pool]:
    """A pool of two connections that waits half a second for a free one."""
    async with Pool(pg18_url, size=2, acquire_timeout=0.5) as opened:
        yield opened


async def pid(connection: Connection) -> int:
    found = await connection.fetchval("SELECT pg_backend_pid()")
    assert isinstance(found, int)
    return found


class TestLending:
    async def test_the_last_connection_given_back_is_lent_first(self, two: Pool) -> None:
        first, second = await two.acquire(), await two.acquire()
        two.release(first)
        two.release(second)
        assert await two.acquire() is second
        assert await two.acquire() is first
        two.release(first)
        two.release(second)

    async def test_connections_are_opened_on_demand_and_not_beyond_the_size(self, two: Pool) -> None:
        assert two.stats.open == 0
        for _ in range(3):
            async with two.connection() as connection:
                await connection.fetchval("SELECT 1")
        assert two.stats.open == 1
        async with two.connection(), two.connection():
            assert (two.stats.open, two.stats.busy, two.stats.idle) == (2, 2, 0)
        assert (two.stats.open, two.stats.busy, two.stats.idle) == (2, 0, 2)

    async def test_a_minimum_is_opened_at_once(self, pg18_url: str) -> None:
        async with Pool(pg18_url, size=5, min_size=3) as opened:
            assert (opened.stats.open, opened.stats.idle) == (3, 3)

    async def test_who_waits_first_is_served_first(self, two: Pool) -> None:
        order: list[int] = []
        held = [await two.acquire(), await two.acquire()]

        async def work(number: int) -> None:
            async with two.connection():
                order.append(number)

        tasks: list[asyncio.Task[None]] = []
        for number in range(10):
            tasks.append(asyncio.create_task(work(number)))
            await asyncio.sleep(0)
        assert two.stats.waiting == 10
        for connection in held:
            two.release(connection)
        await asyncio.gather(*tasks)
        assert order == list(range(10))

    async def test_a_newcomer_does_not_overtake_those_who_wait(self, two: Pool) -> None:
        held = [await two.acquire(), await two.acquire()]
        waiter = asyncio.create_task(two.acquire())
        await asyncio.sleep(0)
        two.release(held[0])
        with pytest.raises(PoolExhausted):
            await two.acquire()
        assert await waiter is held[0]
        two.release(held[0])
        two.release(held[1])

    async def test_a_wait_in_vain_says_how_long_and_how_many(self, two: Pool) -> None:
        async with two.connection(), two.connection():
            with pytest.raises(
                PoolExhausted, match=r"None of the 2 database connections became free within 0\.5 s"
            ):
                await two.acquire()
        assert (two.stats.timed_out, two.stats.waiting) == (1, 0)

    async def test_a_waiter_that_gives_up_does_not_swallow_the_connection(self, two: Pool) -> None:
        held = [await two.acquire(), await two.acquire()]
        waiter = asyncio.create_task(two.acquire())
        await asyncio.sleep(0)
        # Handed over and cancelled in the same round of the loop.
        two.release(held[0])
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        assert two.stats.idle == 1
        two.release(held[1])
        assert (two.stats.idle, two.stats.busy) == (2, 0)

    async def test_the_same_connection_cannot_be_given_back_twice(self, two: Pool) -> None:
        connection = await two.acquire()
        two.release(connection)
        with pytest.raises(PoolForeignConnection):
            two.release(connection)
        assert two.stats.idle == 1


class TestSession:
    async def test_time_is_utc_and_the_application_is_named(self, pool: Pool) -> None:
        async with pool.connection() as connection:
            assert await connection.fetchval("SHOW timezone") == "UTC"
            assert await connection.fetchval("SHOW application_name") == "sorbus"

    @pytest.mark.parametrize("kind", ["json", "jsonb"])
    async def test_json_goes_and_comes_as_plain_values(self, pool: Pool, kind: str) -> None:
        value: dict[str, object] = {"a": [1, 2.5, None, True, "é"], "b": {"c": {}}}
        async with pool.connection() as connection:
            assert await connection.fetchval(f"SELECT $1::{kind}", value) == value
            assert await connection.fetchval(f"SELECT $1::{kind} IS NULL", None) is True
            assert await connection.fetchval(f"SELECT 'null'::{kind}") is None

    async def test_rows_can_be_copied_in_with_json(self, pool: Pool) -> None:
        async with pool.connection() as connection:
            await connection.execute("CREATE TABLE t (id bigint, data jsonb)")
            records = [(2**40 + each, {"n": each}) for each in range(100)]
            assert await connection.copy_records_to_table("t", records=records) == "COPY 100"
            assert [tuple(row) for row in await connection.fetch("SELECT * FROM t ORDER BY id")] == records


class TestCleanHands:
    async def test_a_transaction_left_open_is_rolled_back_before_reuse(self, pool: Pool) -> None:
        async with pool.connection() as connection:
            await connection.execute("CREATE TABLE t (id int)")
        async with pool.connection() as connection:
            await connection.execute("BEGIN")
            await connection.execute("INSERT INTO t VALUES (1)")
            backend = await pid(connection)
        held = [await pool.acquire() for _ in range(pool.size)]
        assert backend in [await pid(each) for each in held]
        assert [each.is_in_transaction() for each in held] == [False] * pool.size
        assert await held[0].fetchval("SELECT count(*) FROM t") == 0
        for each in held:
            pool.release(each)
        assert pool.stats.mended == 1

    async def test_a_cancelled_query_ends_on_the_server_and_the_connection_is_used_again(
        self, pool: Pool
    ) -> None:
        async def slow() -> None:
            async with pool.connection() as connection:
                await connection.execute("SELECT pg_sleep(30)")

        task = asyncio.create_task(slow())
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        held = [await pool.acquire() for _ in range(pool.size)]
        sleeping = (
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)' AND state = 'active'"
        )
        assert await held[0].fetchval(sleeping + " AND datname = current_database()") == 0
        assert (pool.stats.opened, pool.stats.dropped, pool.stats.mended) == (pool.size, 0, 1)
        for each in held:
            pool.release(each)

    async def test_hundreds_of_cancelled_tasks_never_leave_a_dirty_connection(self, pool: Pool) -> None:
        async with pool.connection() as connection:
            await connection.execute(
                "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 0)"
            )
        rng = random.Random(7)
        wrong: list[object] = []

        async def work(number: int) -> None:
            async with pool.connection() as connection:
                if connection.is_in_transaction():
                    wrong.append("in a transaction")
                # The answer must be this task's own, whatever was cancelled on this connection before.
                if (found := await connection.fetchval("SELECT $1::int", number)) != number:
                    wrong.append((number, found))
                match number % 3:
                    case 0:
                        await connection.execute("BEGIN")
                        await connection.execute("UPDATE t SET n = n + 1 WHERE id = 1")
                        await connection.execute("SELECT pg_sleep(0.02)")
                        await connection.execute("ROLLBACK")
                    case 1:
                        await connection.fetchval(
                            f"SELECT {number} + count(*) FROM generate_series(1, 20000)"
                        )
                    case _:
                        await connection.fetch("SELECT * FROM generate_series(1, 5000)")

        tasks: list[asyncio.Task[None]] = []
        for number in range(600):
            task = asyncio.create_task(work(number))
            tasks.append(task)
            if number % 4:
                asyncio.get_running_loop().call_later(rng.uniform(0, 0.08), task.cancel)
            if number % 20 == 0:
                await asyncio.sleep(0.01)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        cancelled = sum(isinstance(each, asyncio.CancelledError) for each in results)
        assert cancelled > 100
        assert [each for each in results if isinstance(each, Exception)] == []
        assert wrong == []
        # However the timers fell, one more is cancelled in the middle of its transaction.
        begun = asyncio.Event()

        async def caught() -> None:
            async with pool.connection() as connection:
                await connection.execute("BEGIN")
                begun.set()
                await connection.execute("SELECT pg_sleep(30)")

        last = asyncio.create_task(caught())
        await begun.wait()
        last.cancel()
        await asyncio.gather(last, return_exceptions=True)
        async with asyncio.timeout(20):
            while not pool.stats.mended:
                await asyncio.sleep(0.01)
        held = [await pool.acquire() for _ in range(pool.size)]
        assert (pool.stats.open, pool.stats.busy, pool.stats.waiting) == (pool.size, pool.size, 0)
        assert await held[0].fetchval("SELECT n FROM t") == 0
        for each in held:
            pool.release(each)

    async def test_a_query_past_its_time_limit_is_mended_too(self, pool: Pool) -> None:
        with pytest.raises(TimeoutError):
            async with pool.connection() as connection:
                await connection.execute("SELECT pg_sleep(30)", timeout=0.05)
        async with pool.connection() as connection:
            assert await connection.fetchval("SELECT 1") == 1


class TestTransactions:
    async def test_the_block_commits_and_an_error_rolls_back(self, pool: Pool) -> None:
        async with pool.transaction() as connection:
            await connection.execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
        with pytest.raises(ZeroDivisionError):
            async with pool.transaction() as connection:
                await connection.execute("INSERT INTO t VALUES (2)")
                _ = 1 / 0
        async with pool.connection() as connection:
            assert await connection.fetchval("SELECT array_agg(id) FROM t") == [1]
        assert pool.stats.mended == 0

    async def test_a_cancelled_block_is_rolled_back(self, pool: Pool) -> None:
        async with pool.transaction() as connection:
            await connection.execute("CREATE TABLE t (id int)")

        async def work() -> None:
            async with pool.transaction() as connection:
                await connection.execute("INSERT INTO t VALUES (1)")
                await asyncio.sleep(30)

        task = asyncio.create_task(work())
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        held = [await pool.acquire() for _ in range(pool.size)]
        assert await held[0].fetchval("SELECT count(*) FROM t") == 0
        for each in held:
            pool.release(each)

    async def test_a_swallowed_error_does_not_pass_for_a_commit(self, pool: Pool) -> None:
        with pytest.raises(TransactionAborted):
            async with pool.transaction() as connection:
                with suppress(asyncpg.PostgresError):
                    await connection.execute("SELECT 1 / 0")

    async def test_a_plan_that_ddl_made_stale_is_made_again_in_a_new_transaction(self, pool: Pool) -> None:
        async with pool.transaction() as connection:
            await connection.execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
        held = [await pool.acquire() for _ in range(pool.size)]
        for each in held:
            await each.fetch("SELECT * FROM t")
        await held[0].execute("ALTER TABLE t ADD COLUMN data jsonb DEFAULT '{}'")
        for each in held[1:]:
            pool.release(each)
        calls = 0

        async def work() -> list[tuple[object, ...]]:
            nonlocal calls
            calls += 1
            async with pool.transaction() as connection:
                return [tuple(row) for row in await connection.fetch("SELECT * FROM t")]

        assert await pool.replanned(work) == [(1, {})]
        assert calls == 2
        # One failure was enough for the whole pool, also for what was lent out meanwhile.
        pool.release(held[0])
        results = await asyncio.gather(*(work() for _ in range(pool.size)))
        assert results == [[(1, {})]] * pool.size

    async def test_a_stale_plan_inside_a_transaction_is_a_leaf_that_may_be_tried_again(
        self, pool: Pool
    ) -> None:
        async with pool.connection() as connection, pool.connection() as other:
            await connection.execute("CREATE TABLE t (id int)")
            await connection.fetch("SELECT * FROM t")
            await other.execute("ALTER TABLE t ADD COLUMN more int")
            # Outside a transaction the driver helps itself.
            assert await connection.fetch("SELECT * FROM t") == []
            await other.execute("ALTER TABLE t ADD COLUMN yet_more int")
            await connection.execute("BEGIN")
            with pytest.raises(asyncpg.InvalidCachedStatementError) as caught:
                await connection.fetch("SELECT * FROM t")
        found = translate(caught.value)
        assert isinstance(found, StalePlan)
        assert found.retryable


class TestDeadConnections:
    async def test_a_connection_killed_while_idle_is_replaced_unnoticed(self, two: Pool) -> None:
        async with two.connection() as first, two.connection() as second:
            await first.execute("SELECT pg_terminate_backend($1)", await pid(second))
        await asyncio.sleep(0.05)
        async with two.connection() as first, two.connection() as second:
            assert await first.fetchval("SELECT 1") == await second.fetchval("SELECT 1") == 1
        assert (two.stats.dropped, two.stats.open) == (1, 2)

    async def test_a_connection_killed_at_work_is_dropped_and_the_slot_goes_to_a_waiter(
        self, two: Pool
    ) -> None:
        async with two.connection() as other:

            async def victim() -> int:
                async with two.connection() as connection:
                    started.set_result(await pid(connection))
                    await connection.execute("SELECT pg_sleep(30)")
                return 0

            async def waiter() -> int:
                async with two.connection() as connection:
                    return await pid(connection)

            started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            tasks = [asyncio.create_task(victim())]
            killed = await started
            tasks.append(asyncio.create_task(waiter()))
            await asyncio.sleep(0.05)
            await other.execute("SELECT pg_terminate_backend($1)", killed)
            failed, served = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(failed, asyncpg.PostgresError)
        assert isinstance(translate(failed), DatabaseUnavailable)
        assert isinstance(served, int)
        assert served != killed

    async def test_a_server_that_is_not_there_is_reported_after_the_deadline(self) -> None:
        pool = Pool("postgresql://postgres@127.0.0.1:1/x", reconnect_timeout=0.3)
        started = asyncio.get_running_loop().time()
        with pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1:1/x cannot be reached after 0\.\d s"):
            await pool.acquire()
        assert 0.1 < asyncio.get_running_loop().time() - started < 2
        assert pool.stats.open == 0
        await pool.close()

    async def test_everybody_in_line_hears_that_the_server_is_away(self) -> None:
        pool = Pool("postgresql://postgres@127.0.0.1:1/x", size=1, reconnect_timeout=0.3)
        started = asyncio.get_running_loop().time()
        found = await asyncio.gather(*(pool.acquire() for _ in range(20)), return_exceptions=True)
        assert {type(each) for each in found} == {DatabaseUnavailable}
        assert asyncio.get_running_loop().time() - started < 2
        await pool.close()

    async def test_a_database_that_does_not_exist_is_reported_at_once(self, pg18_url: str) -> None:
        pool = Pool(pg18_url.replace("sorbus_test_", "sorbus_none_"))
        with pytest.raises(NoSuchDatabase, match="sorbus_none_"):
            await pool.acquire()
        await pool.close()


class TestEnd:
    async def test_closing_waits_for_those_at_work(self, pg18_url: str) -> None:
        pool = Pool(pg18_url, size=1)
        done: list[int] = []

        async def work() -> None:
            async with pool.connection() as connection:
                await connection.execute("SELECT pg_sleep(0.1)")
                done.append(1)

        task = asyncio.create_task(work())
        await asyncio.sleep(0.05)
        await pool.close()
        assert done == [1]
        await task
        assert pool.stats.open == 0

    async def test_closing_cuts_off_what_does_not_end(self, pg18_url: str) -> None:
        pool = Pool(pg18_url, size=1, close_timeout=0.1)

        async def work() -> None:
            async with pool.connection() as connection:
                await connection.execute("SELECT pg_sleep(30)")

        task = asyncio.create_task(work())
        await asyncio.sleep(0.1)
        await pool.close()
        with pytest.raises(asyncpg.PostgresError):
            await task

    async def test_a_closed_pool_says_so_to_waiters_and_newcomers(self, pg18_url: str) -> None:
        pool = Pool(pg18_url, size=1)
        connection = await pool.acquire()
        waiter = asyncio.create_task(pool.acquire())
        await asyncio.sleep(0)
        closing = asyncio.create_task(pool.close())
        with pytest.raises(PoolClosed):
            await waiter
        pool.release(connection)
        await closing
        with pytest.raises(PoolClosed):
            await pool.acquire()

    async def test_another_event_loop_is_refused(self, two: Pool) -> None:
        async with two.connection():
            pass
        caught: list[BaseException] = []

        def elsewhere() -> None:
            try:
                asyncio.run(two.acquire())
            except PoolForeignLoop as error:
                caught.append(error)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        await asyncio.to_thread(thread.join)
        assert len(caught) == 1
