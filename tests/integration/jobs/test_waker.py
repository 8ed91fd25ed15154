"""Queues hear of new work soon after the commit."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import asyncpg
from tests.integration.jobs.helpers import StartRunner, until

from sorbus.jobs import JobContext, NewJob, Waker, insert_job


async def test_local_and_remote_queues_start_a_job_long_before_the_poll(
    conn: Any, jobs_url: str, start_runner: StartRunner
) -> None:
    started: dict[int, float] = {}

    async def handler(job: JobContext) -> None:
        started[job.id] = time.monotonic()

    runner = await start_runner({"w": handler}, poll=60.0)
    elsewhere = Waker(jobs_url)
    for waker in (runner.waker, elsewhere):
        for _ in range(5):
            ref = await insert_job(conn, NewJob("w"))
            inserted = time.monotonic()
            waker.wake(["default"])
            await until(lambda job_id=ref.id: job_id in started, seconds=5)
            assert started[ref.id] - inserted < 5
    await elsewhere.close()


async def test_a_job_that_nobody_announced_is_found_by_the_poll(conn: Any, start_runner: StartRunner) -> None:
    started: list[int] = []

    async def handler(job: JobContext) -> None:
        started.append(job.id)

    await start_runner({"w": handler}, poll=0.2)
    await asyncio.sleep(0.3)
    await insert_job(conn, NewJob("w"))
    await until(lambda: started)


async def test_many_wishes_become_few_notifications(jobs_url: str) -> None:
    heard: list[str] = []
    listener = await asyncpg.connect(jobs_url)
    await listener.add_listener("public.oban_insert", lambda *args: heard.append(args[3]))
    waker = Waker(jobs_url, window=0.1)
    for _ in range(50):
        waker.wake(["a", "b"])
        await asyncio.sleep(0.001)
    await waker.close()
    await listener.execute("SELECT pg_notify('public.oban_insert', '{\"queue\": \"end\"}')")
    await until(lambda: heard and "end" in heard[-1])
    queues = [json.loads(each)["queue"] for each in heard]
    assert set(queues) == {"a", "b", "end"}
    assert len(queues) <= 7
    await listener.close()


async def test_a_database_that_is_away_does_not_disturb_the_caller() -> None:
    local: list[frozenset[str]] = []
    waker = Waker("postgresql://127.0.0.1:1/none")
    waker.add_local(local.append)
    waker.wake(["a"])
    await waker.close()
    assert local == [frozenset({"a"})]
