"""A job by the clock is inserted once for each minute, whoever inserts it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from tests.integration.jobs.helpers import StartRunner, until

from sorbus.jobs import Cron, JobContext, NewJob, insert_due, list_jobs
from sorbus.jobs.cron import Clock

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


async def test_many_nodes_insert_the_job_of_a_minute_once(conn: Any, jobs_url: str) -> None:
    crons = [
        Cron("tidy", "*/5 * * * *", NewJob("tidy", {"all": True}, queue="slow")),
        Cron("off", "1 * * * *", NewJob("x")),
    ]
    conns = [await asyncpg.connect(jobs_url) for _ in range(5)]
    for minute in (NOON, NOON + timedelta(minutes=5), NOON + timedelta(minutes=6)):
        await asyncio.gather(*(insert_due(each, crons, minute) for each in conns))
    await asyncio.gather(*(each.close() for each in conns))
    rows = await list_jobs(conn)
    assert [(row.worker, row.queue, row.meta["cron_at"]) for row in rows] == [
        ("tidy", "slow", "2026-03-02T12:05:00+00:00"),
        ("tidy", "slow", "2026-03-02T12:00:00+00:00"),
    ]
    assert rows[0].meta["cron_name"] == "tidy"


async def test_a_minute_that_has_run_already_is_not_inserted_again(conn: Any) -> None:
    cron = Cron("tidy", "* * * * *", NewJob("tidy"))
    await insert_due(conn, [cron], NOON)
    await conn.execute("UPDATE oban_jobs SET state = 'completed', completed_at = now()")
    (ref,) = await insert_due(conn, [cron], NOON)
    assert not ref.inserted


async def test_two_clocks_insert_one_job_when_the_minute_begins(conn: Any, jobs_url: str) -> None:
    # the minute begins in 0.3 s by this clock
    shift = NOON - timedelta(seconds=0.3) - datetime.now(UTC)
    woken: list[frozenset[str]] = []
    conns = [await asyncpg.connect(jobs_url) for _ in range(2)]
    crons = [Cron("tidy", "@hourly", NewJob("tidy"))]

    async def now() -> datetime:
        return datetime.now(UTC) + shift

    clocks = [Clock(each, crons, wake=woken.append, now=now) for each in conns]
    tasks = [asyncio.create_task(clock.run()) for clock in clocks]
    await asyncio.sleep(0.1)
    assert await list_jobs(conn) == []
    await until(lambda: list_jobs(conn))
    await asyncio.sleep(0.3)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.gather(*(each.close() for each in conns))
    assert [row.meta["cron_at"] for row in await list_jobs(conn)] == ["2026-03-02T12:00:00+00:00"]
    assert woken == [frozenset({"default"})]


async def test_minutes_that_a_blocked_loop_missed_are_made_up_for(conn: Any) -> None:
    times = iter([NOON, NOON + timedelta(minutes=1), NOON + timedelta(minutes=3, seconds=1)])
    last = NOON + timedelta(minutes=3, seconds=30)

    async def now() -> datetime:
        return next(times, last)

    clock = Clock(conn, [Cron("tidy", "* * * * *", NewJob("tidy"))], wake=lambda _: None, now=now)
    task = asyncio.create_task(clock.run())
    await until(lambda: conn.is_closed() or task.done() or True)
    await asyncio.sleep(0.5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [row.meta["cron_at"][11:16] for row in await list_jobs(conn)] == ["12:03", "12:02", "12:01"]


async def test_runners_run_their_crons(conn: Any, start_runner: StartRunner) -> None:
    ran: list[str] = []

    async def tidy(job: JobContext) -> None:
        ran.append(job.meta["cron_at"])

    crons = [Cron("tidy", "* * * * *", NewJob("tidy"))]
    runners = [await start_runner({"tidy": tidy}, crons=crons) for _ in range(2)]
    now = datetime.now(UTC)
    for runner in runners:
        await insert_due(runner._steward_line, crons, now)
    await until(lambda: ran)
    assert len([each for each in ran if each == now.replace(second=0, microsecond=0).isoformat()]) == 1
