"""A node that stops loses no job."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from tests.integration.jobs.helpers import QUICK, until, until_state

from sorbus.jobs import JobContext, JobRunner, NewJob, get_job, insert_job, insert_jobs, list_nodes


async def test_a_job_that_ends_within_the_grace_is_completed(conn: Any, jobs_url: str) -> None:
    async def handler(job: JobContext) -> None:
        await asyncio.sleep(0.5)

    runner = await JobRunner(jobs_url, handlers={"w": handler}, **QUICK).start()
    ref = await insert_job(conn, NewJob("w"))
    await until_state(conn, ref.id, "executing")
    await runner.stop(grace=10)
    row = await get_job(conn, ref.id)
    assert (row.state, row.attempt) == ("completed", 1)
    assert await list_nodes(conn) == []


async def test_a_job_that_takes_longer_is_put_back_and_the_attempt_is_not_counted(
    conn: Any, jobs_url: str
) -> None:
    cancelled: list[bool] = []

    async def handler(job: JobContext) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.append(job.cancelled.is_set())

    runner = await JobRunner(jobs_url, handlers={"w": handler}, **QUICK).start()
    ref = await insert_job(conn, NewJob("w", max_attempts=1))
    await until_state(conn, ref.id, "executing")
    started = time.monotonic()
    await runner.stop(grace=0.2)
    assert time.monotonic() - started < 5
    row = await get_job(conn, ref.id)
    assert (row.state, row.attempt, row.errors, cancelled) == ("available", 0, [], [True])


async def test_nothing_is_claimed_once_the_stop_has_begun(conn: Any, jobs_url: str) -> None:
    started: list[int] = []
    go_on = asyncio.Event()

    async def handler(job: JobContext) -> None:
        started.append(job.id)
        await go_on.wait()

    runner = await JobRunner(jobs_url, handlers={"w": handler}, **QUICK).start()
    ref = await insert_job(conn, NewJob("w"))
    await until(lambda: started)
    stopping = asyncio.create_task(runner.stop(grace=10))
    await asyncio.sleep(0.1)
    late = await insert_job(conn, NewJob("w"))
    runner.waker.wake(["default"])
    await asyncio.sleep(0.5)
    go_on.set()
    await stopping
    assert started == [ref.id]
    assert (await get_job(conn, late.id)).state == "available"


async def test_a_sync_handler_that_obeys_the_flag_has_its_job_put_back(conn: Any, jobs_url: str) -> None:
    def handler(job: JobContext) -> None:
        while not job.cancelled.is_set():
            time.sleep(0.01)

    runner = await JobRunner(jobs_url, handlers={"w": handler}, **QUICK).start()
    ref = await insert_job(conn, NewJob("w"))
    await until_state(conn, ref.id, "executing")
    await runner.stop(grace=0)
    row = await get_job(conn, ref.id)
    assert (row.state, row.attempt) == ("available", 0)


async def test_the_job_of_a_sync_handler_that_does_not_end_is_left_to_the_rescue(
    conn: Any, jobs_url: str
) -> None:
    end = threading.Event()

    def handler(job: JobContext) -> None:
        if job.attempt == 1:
            end.wait(30)

    runner = await JobRunner(jobs_url, handlers={"w": handler}, **QUICK).start()
    ref = await insert_job(conn, NewJob("w"))
    await until_state(conn, ref.id, "executing")
    await runner.stop(grace=0)
    assert (await get_job(conn, ref.id)).state == "executing"
    async with JobRunner(jobs_url, handlers={"w": handler}, **QUICK):
        row = await until_state(conn, ref.id, "completed")
    end.set()
    assert row.attempt == 2


async def test_a_database_that_throws_everyone_out_costs_no_job(conn: Any, jobs_url: str) -> None:
    go_on = asyncio.Event()

    async def handler(job: JobContext) -> None:
        await go_on.wait()

    runner = await JobRunner(jobs_url, handlers={"w": handler}, **QUICK).start()
    refs = await insert_jobs(conn, [NewJob("w") for _ in range(5)])
    for ref in refs:
        await until_state(conn, ref.id, "executing")
    await runner._line.fetch("SELECT 1")
    # the connections break in the middle of writing the outcomes
    await conn.execute("BEGIN; LOCK TABLE oban_jobs IN SHARE MODE")
    go_on.set()
    await asyncio.sleep(0.2)
    await conn.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await conn.execute("ROLLBACK")
    for ref in refs:
        row = await until_state(conn, ref.id, "completed")
        assert row.attempt == 1
    late = await insert_job(conn, NewJob("w"))
    await until_state(conn, late.id, "completed")
    await runner.stop()


async def test_stopping_twice_or_before_the_start_is_harmless(conn: Any, jobs_url: str) -> None:
    runner = JobRunner(jobs_url, handlers={}, **QUICK)
    await runner.stop()
    runner = await JobRunner(jobs_url, handlers={}, **QUICK).start()
    await runner.stop()
    await runner.stop()
