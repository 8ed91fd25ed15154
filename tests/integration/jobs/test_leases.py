"""A job's effects and its completion commit together, and only while the attempt holds the job."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from tests.integration.jobs.helpers import StartRunner, until, until_state

from sorbus.errors.jobs import LeaseLost
from sorbus.jobs import JobContext, Lease, NewJob, ack_many, get_job, held, insert_job, insert_jobs


@pytest.fixture
async def effects(conn: Any) -> None:
    await conn.execute("CREATE TABLE effect (job bigint, at timestamp)")


async def claim(conn: Any, job_id: int, node: str = "n1") -> Lease:
    """Claim a job by hand, as a node would."""
    query = """
        UPDATE oban_jobs SET state = 'executing', attempt = attempt + 1, attempted_by = ARRAY[$2::text, 'x'],
            attempted_at = timezone('UTC', clock_timestamp())
        WHERE id = $1 RETURNING id, attempt::int, timezone('UTC', attempted_at) AS at
    """
    row = await conn.fetchrow(query, job_id, node)
    return Lease(row["id"], row["attempt"], row["at"], node)


async def test_effects_and_completion_commit_together_without_a_further_statement(
    conn: Any, jobs_url: str, start_runner: StartRunner, effects: None
) -> None:
    async def handler(job: JobContext) -> None:
        mine = await asyncpg.connect(jobs_url)
        async with mine.transaction():
            await mine.execute("INSERT INTO effect VALUES ($1, timezone('UTC', now()))", job.id)
            await job.ack_in(mine)
        await mine.close()

    await start_runner({"w": handler})
    ref = await insert_job(conn, NewJob("w"))
    await until_state(conn, ref.id, "completed")
    # the row's last version was written by the handler's own transaction
    query = """
        SELECT effect.at = completed_at AND effect.xmin = j.xmin
        FROM effect JOIN oban_jobs j ON j.id = effect.job
    """
    await asyncio.sleep(0.1)
    assert await conn.fetchval(query) is True


async def test_a_lost_lease_rolls_the_effects_back(
    conn: Any, jobs_url: str, start_runner: StartRunner, effects: None
) -> None:
    refused: list[LeaseLost] = []

    async def handler(job: JobContext) -> None:
        mine = await asyncpg.connect(jobs_url)
        try:
            async with mine.transaction():
                await mine.execute("INSERT INTO effect VALUES ($1, now())", job.id)
                # another node takes the job while this one works
                await conn.execute("UPDATE oban_jobs SET attempted_by = '{other,x}', attempt = 2")
                await job.ack_in(mine)
        except LeaseLost as error:
            refused.append(error)
            raise
        finally:
            await mine.close()

    await start_runner({"w": handler})
    ref = await insert_job(conn, NewJob("w"))
    await until(lambda: refused)
    await asyncio.sleep(0.2)
    assert await conn.fetchval("SELECT count(*) FROM effect") == 0
    row = await get_job(conn, ref.id)
    assert (row.state, row.attempt, row.attempted_by[0], row.errors) == ("executing", 2, "other", [])


@pytest.mark.parametrize(
    "change",
    [
        "state = 'available'",
        "state = 'completed'",
        "attempt = attempt + 1",
        "attempted_at = attempted_at + interval '1 microsecond'",
        "attempted_by = '{n2,x}'",
    ],
)
async def test_every_part_of_the_fence_refuses(conn: Any, change: str) -> None:
    ref = await insert_job(conn, NewJob("w"))
    lease = await claim(conn, ref.id)
    assert await held(conn, [lease]) == {ref.id}
    await conn.execute(f"UPDATE oban_jobs SET {change}")
    assert await held(conn, [lease]) == frozenset()
    assert await ack_many(conn, [lease]) == frozenset()


async def test_many_jobs_are_completed_by_one_statement_and_lost_ones_are_told(conn: Any) -> None:
    refs = await insert_jobs(conn, [NewJob("w") for _ in range(5)])
    leases = [await claim(conn, ref.id) for ref in refs]
    await conn.execute("UPDATE oban_jobs SET state = 'available' WHERE id = $1", refs[2].id)
    assert await ack_many(conn, leases) == {ref.id for ref in refs} - {refs[2].id}
    assert (await get_job(conn, refs[0].id)).finished_at is not None


async def test_a_held_job_cannot_be_rescued_before_the_transaction_ends(conn: Any, jobs_url: str) -> None:
    ref = await insert_job(conn, NewJob("w"))
    lease = await claim(conn, ref.id)
    other = await asyncpg.connect(jobs_url)
    async with conn.transaction():
        await held(conn, [lease])
        rescue = asyncio.create_task(other.execute("UPDATE oban_jobs SET state = 'available'"))
        await asyncio.sleep(0.1)
        assert not rescue.done()
    await rescue
    await other.close()


async def test_a_job_completed_by_a_group_needs_no_further_statement(
    conn: Any, jobs_url: str, start_runner: StartRunner
) -> None:
    async def handler(job: JobContext) -> None:
        mine = await asyncpg.connect(jobs_url)
        assert await ack_many(mine, [job.lease]) == {job.id}
        job.already_acked()
        await mine.close()

    await start_runner({"w": handler})
    ref = await insert_job(conn, NewJob("w"))
    row = await until_state(conn, ref.id, "completed")
    await asyncio.sleep(0.1)
    assert (await get_job(conn, ref.id)).finished_at == row.finished_at


async def test_a_completion_that_was_rolled_back_and_forgotten_is_found_and_run_again(
    conn: Any, jobs_url: str, start_runner: StartRunner
) -> None:
    async def handler(job: JobContext) -> None:
        if job.attempt == 1:
            mine = await asyncpg.connect(jobs_url)
            transaction = mine.transaction()
            await transaction.start()
            await job.ack_in(mine)
            await transaction.rollback()
            await mine.close()

    await start_runner({"w": handler})
    ref = await insert_job(conn, NewJob("w"))
    row = await until_state(conn, ref.id, "completed")
    assert row.attempt == 2
    assert [error["code"] for error in row.errors] == ["claim-lost"]
