"""A cancelled job does not run, whoever crashes in between."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import asyncpg
import pytest
from tests.integration.jobs.helpers import StartRunner, StartWorker, events, until, until_state

from sorbus.errors.jobs import NoSuchJob
from sorbus.jobs import (
    CancelAnswer,
    Done,
    JobContext,
    NewJob,
    Outcome,
    cancel_job,
    get_job,
    insert_job,
    retry_job,
)


async def test_a_waiting_job_is_cancelled_at_once(conn: Any, start_runner: StartRunner) -> None:
    ran: list[int] = []

    async def handler(job: JobContext) -> None:
        ran.append(job.id)

    refs = [await insert_job(conn, NewJob("w")), await insert_job(conn, NewJob("w", schedule_in=0.3))]
    for ref in refs:
        assert await cancel_job(conn, ref.id) is CancelAnswer.CANCELLED
        row = await get_job(conn, ref.id)
        assert (row.state, row.finished_at is None) == ("cancelled", False)
    await start_runner({"w": handler})
    other = await insert_job(conn, NewJob("w"))
    await until_state(conn, other.id, "completed")
    await asyncio.sleep(0.5)
    assert ran == [other.id]


async def test_a_running_async_handler_is_interrupted_at_its_await(
    conn: Any, start_runner: StartRunner
) -> None:
    ended: list[bool] = []

    async def handler(job: JobContext) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append(job.cancelled.is_set())
            raise

    await start_runner({"w": handler}, beat_every=5.0, dead_after=15.0)
    ref = await insert_job(conn, NewJob("w"))
    await until_state(conn, ref.id, "executing")
    assert await cancel_job(conn, ref.id) is CancelAnswer.REQUESTED
    row = await until_state(conn, ref.id, "cancelled", seconds=3)
    assert ended == [True]
    assert row.errors[0]["error"] == "cancelled while it ran"


async def test_a_running_sync_handler_sees_the_flag(conn: Any, start_runner: StartRunner) -> None:
    def handler(job: JobContext) -> None:
        while not job.cancelled.is_set():
            time.sleep(0.01)

    await start_runner({"w": handler})
    ref = await insert_job(conn, NewJob("w"))
    await until_state(conn, ref.id, "executing")
    await cancel_job(conn, ref.id)
    await until_state(conn, ref.id, "cancelled")


async def test_a_handler_that_says_done_has_completed_its_job_all_the_same(
    conn: Any, start_runner: StartRunner
) -> None:
    async def handler(job: JobContext) -> Outcome:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return Done()
        return Done()

    await start_runner({"w": handler})
    ref = await insert_job(conn, NewJob("w"))
    await until_state(conn, ref.id, "executing")
    await cancel_job(conn, ref.id)
    await until_state(conn, ref.id, "completed")


async def test_a_wish_without_a_notification_is_found(conn: Any, start_runner: StartRunner) -> None:
    async def handler(job: JobContext) -> None:
        await asyncio.sleep(60)

    await start_runner({"w": handler})
    ref = await insert_job(conn, NewJob("w"))
    await until_state(conn, ref.id, "executing")
    await conn.execute("UPDATE oban_jobs SET meta = meta || '{\"cancel_requested\": {}}'")
    await until_state(conn, ref.id, "cancelled")


async def test_a_wish_that_is_rolled_back_cancels_nothing(conn: Any, start_runner: StartRunner) -> None:
    go_on = asyncio.Event()

    async def handler(job: JobContext) -> None:
        await go_on.wait()

    await start_runner({"w": handler})
    ref = await insert_job(conn, NewJob("w"))
    await until_state(conn, ref.id, "executing")
    transaction = conn.transaction()
    await transaction.start()
    await cancel_job(conn, ref.id)
    await transaction.rollback()
    await asyncio.sleep(0.5)
    go_on.set()
    await until_state(conn, ref.id, "completed")


async def test_a_failing_job_that_is_to_be_cancelled_is_not_tried_again(
    conn: Any, jobs_url: str, start_runner: StartRunner
) -> None:
    async def handler(job: JobContext) -> None:
        mine = await asyncpg.connect(jobs_url)
        await mine.execute("UPDATE oban_jobs SET meta = meta || '{\"cancel_requested\": {}}'")
        await mine.close()
        raise RuntimeError("no")

    await start_runner({"w": handler}, beat_every=5.0, dead_after=15.0)
    ref = await insert_job(conn, NewJob("w"))
    row = await until_state(conn, ref.id, "cancelled")
    assert row.finished_at is not None


@pytest.mark.parametrize("watch_processes", [True, False])
async def test_a_wish_survives_the_crash_of_the_node(
    conn: Any, start_worker: StartWorker, watch_processes: bool
) -> None:
    first = await start_worker()
    ref = await insert_job(conn, NewJob("block", {"seconds": 60}))
    await until(lambda: events(conn, "started"))
    # its event loop is blocked, so it cannot obey before it dies
    assert await cancel_job(conn, ref.id) is CancelAnswer.REQUESTED
    first.kill()
    await first.wait()
    await start_worker(watch_processes=watch_processes)
    row = await until_state(conn, ref.id, "cancelled")
    assert (row.attempt, len(await events(conn, "started"))) == (1, 1)


async def test_a_job_put_back_by_another_engine_with_a_wish_is_not_run(
    conn: Any, start_runner: StartRunner
) -> None:
    ran: list[int] = []

    async def handler(job: JobContext) -> None:
        ran.append(job.id)

    ref = await insert_job(conn, NewJob("w"))
    await conn.execute("UPDATE oban_jobs SET meta = meta || '{\"cancel_requested\": {}}'")
    await start_runner({"w": handler})
    await until_state(conn, ref.id, "cancelled")
    assert ran == []


async def test_a_finished_job_stays_as_it_is(conn: Any) -> None:
    ref = await insert_job(conn, NewJob("w"))
    await conn.execute("UPDATE oban_jobs SET state = 'completed'")
    assert await cancel_job(conn, ref.id) is CancelAnswer.FINISHED
    assert (await get_job(conn, ref.id)).state == "completed"


async def test_a_cancelled_job_can_be_run_again(conn: Any, start_runner: StartRunner) -> None:
    async def handler(job: JobContext) -> None: ...

    ref = await insert_job(conn, NewJob("w"))
    await cancel_job(conn, ref.id)
    assert await retry_job(conn, ref.id)
    await start_runner({"w": handler})
    await until_state(conn, ref.id, "completed")


async def test_an_unknown_job_is_an_error(conn: asyncpg.Connection[Any]) -> None:
    with pytest.raises(NoSuchJob, match="There is no job 77"):
        await cancel_job(conn, 77)
