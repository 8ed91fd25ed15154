"""Jobs of dead nodes start again soon; jobs of living nodes never do."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import Any

import pytest
from tests.integration.jobs.helpers import QUICK, StartRunner, StartWorker, events, until, until_state

from sorbus.errors.jobs import BadJobOption
from sorbus.jobs import JobContext, JobRunner, NewJob, get_job, insert_job, insert_jobs, list_nodes


async def kill(worker: asyncio.subprocess.Process) -> None:
    worker.kill()
    await worker.wait()


@pytest.mark.parametrize("watch_processes", [True, False])
async def test_the_jobs_of_a_killed_node_start_again_elsewhere(
    conn: Any, start_worker: StartWorker, watch_processes: bool
) -> None:
    options = {"queues": {"default": 20}, "watch_processes": watch_processes}
    first = await start_worker(**options)
    refs = await insert_jobs(conn, [NewJob("sleep", {"seconds": [60, 0.05]}) for _ in range(20)])
    await until(lambda: conn.fetchval("SELECT count(*) = 20 FROM log"))
    second = await start_worker(**options)
    await kill(first)
    await until(lambda: conn.fetchval("SELECT count(*) = 20 FROM oban_jobs WHERE state = 'completed'"))
    assert await events(conn, "effect") == [(second.pid, 2)] * 20
    row = await get_job(conn, refs[0].id)
    assert (row.meta["rescued"], row.errors[0]["code"], row.errors[0]["attempt"]) == (1, "job-node-died", 1)


async def test_a_node_that_starts_after_the_crash_takes_the_jobs_back(
    conn: Any, start_worker: StartWorker
) -> None:
    first = await start_worker()
    ref = await insert_job(conn, NewJob("sleep", {"seconds": [60, 0.05]}))
    await until(lambda: events(conn, "started"))
    await kill(first)
    await start_worker()
    await until_state(conn, ref.id, "completed")
    assert len(await events(conn, "effect")) == 1


@pytest.mark.slow
async def test_with_default_settings_a_killed_nodes_job_starts_again_within_thirty_seconds(
    conn: Any, start_worker: StartWorker
) -> None:
    defaults = {"beat_every": 5.0, "dead_after": 15.0, "poll": 1.0, "watch_processes": False}
    workers = [await start_worker(**defaults), await start_worker(**defaults)]
    ref = await insert_job(conn, NewJob("sleep", {"seconds": [60, 0.05]}))
    await until(lambda: events(conn, "started"))
    pid, _ = (await events(conn, "started"))[0]
    await kill(next(worker for worker in workers if worker.pid == pid))
    killed = time.monotonic()
    await until(lambda: conn.fetchval("SELECT count(*) = 2 FROM log WHERE event = 'started'"), seconds=40)
    assert time.monotonic() - killed < 30
    assert (await get_job(conn, ref.id)).attempt == 2


async def test_a_long_job_on_a_blocked_event_loop_is_never_started_twice(
    conn: Any, start_worker: StartWorker
) -> None:
    await start_worker()
    ref = await insert_job(conn, NewJob("block", {"seconds": 4.0}))
    await until(lambda: events(conn, "started"))
    await start_worker()
    row = await until_state(conn, ref.id, "completed")
    assert (row.attempt, len(await events(conn, "started"))) == (1, 1)


async def test_a_long_job_of_a_healthy_node_is_never_started_twice(
    conn: Any, start_worker: StartWorker, start_runner: StartRunner
) -> None:
    await start_worker()
    ref = await insert_job(conn, NewJob("sleep", {"seconds": [4.0]}))
    await until(lambda: events(conn, "started"))
    await start_worker()
    row = await until_state(conn, ref.id, "completed")
    assert (row.attempt, len(await events(conn, "started"))) == (1, 1)


async def test_a_node_that_was_paused_and_taken_for_dead_is_refused(
    conn: Any, start_worker: StartWorker
) -> None:
    first = await start_worker()
    ref = await insert_job(conn, NewJob("stubborn", {"seconds": [4.0, 0.1]}))
    await until(lambda: events(conn, "started"))
    first.send_signal(signal.SIGSTOP)
    try:
        second = await start_worker()
        row = await until_state(conn, ref.id, "completed")
    finally:
        first.send_signal(signal.SIGCONT)
    assert row.attempt == 2
    await until(lambda: events(conn, "refused"))
    assert await events(conn, "refused") == [(first.pid, 1)]
    assert await events(conn, "effect") == [(second.pid, 2)]
    # the paused node works again
    await insert_jobs(conn, [NewJob("sleep", {"seconds": [0.2]}) for _ in range(20)])
    await until(lambda: conn.fetchval("SELECT count(*) = 21 FROM oban_jobs WHERE state = 'completed'"))
    assert {pid for pid, _ in await events(conn, "effect")} == {first.pid, second.pid}


async def abandoned(conn: Any, node: str, *, beat: str = "1 hour", **options: Any) -> int:
    """A job that a node claimed before it went silent."""
    await conn.execute(
        "INSERT INTO sorbus_nodes (node, dead_after, beat) VALUES ($1, 1, now() - $2::text::interval) "
        "ON CONFLICT DO NOTHING",
        node,
        beat,
    )
    ref = await insert_job(conn, NewJob("w", **options))
    await conn.execute(
        "UPDATE oban_jobs SET state = 'executing', attempt = 1, attempted_at = timezone('UTC', now()), "
        "attempted_by = ARRAY[$2::text, 'x'] WHERE id = $1",
        ref.id,
        node,
    )
    return ref.id


async def done(job: JobContext) -> None:
    """A handler."""


async def test_a_job_without_attempts_left_is_discarded_with_the_error_recorded(
    conn: Any, start_runner: StartRunner
) -> None:
    job_id = await abandoned(conn, "dead", max_attempts=1)
    await start_runner({"w": done})
    row = await until_state(conn, job_id, "discarded")
    assert (row.errors[0]["code"], row.errors[0]["node"]) == ("job-node-died", "dead")
    assert row.finished_at is not None


async def test_a_fresh_node_judges_nobody_before_it_has_watched_long_enough(
    conn: Any, start_runner: StartRunner
) -> None:
    # as after a database that was away for everyone: the other node's beat is old, but it is about to beat
    # again
    job_id = await abandoned(conn, "slow")
    started = time.monotonic()
    await start_runner({"w": done})
    await until_state(conn, job_id, "completed")
    assert time.monotonic() - started >= 1.0


async def test_a_node_that_beats_again_in_time_keeps_its_jobs(conn: Any, start_runner: StartRunner) -> None:
    job_id = await abandoned(conn, "slow")
    await start_runner({"w": done})
    for _ in range(15):
        await conn.execute("UPDATE sorbus_nodes SET beat = now() WHERE node = 'slow'")
        await asyncio.sleep(0.1)
    assert (await get_job(conn, job_id)).state == "executing"


async def test_jobs_of_engines_that_do_not_beat_here_are_left_alone(
    conn: Any, start_runner: StartRunner
) -> None:
    job_id = await abandoned(conn, "elixir@host")
    await conn.execute("DELETE FROM sorbus_nodes")
    await start_runner({"w": done})
    await asyncio.sleep(2)
    assert (await get_job(conn, job_id)).state == "executing"


async def test_obans_own_rescue_by_age_never_happens(conn: Any, start_runner: StartRunner) -> None:
    runner = await start_runner({"w": done})
    assert runner._oban is not None
    lifeline: Any = runner._oban._lifeline
    assert lifeline._interval >= 1e9
    assert lifeline._rescue_after >= 1e9


async def test_a_claim_whose_answer_was_lost_is_put_back_by_the_living_node(
    conn: Any, start_runner: StartRunner
) -> None:
    runner = await start_runner({"w": done})
    job_id = await abandoned(conn, runner.node)
    row = await until_state(conn, job_id, "completed")
    assert (row.attempt, row.errors[0]["code"]) == (2, "claim-lost")


async def test_a_job_that_was_taken_away_is_ended_here(conn: Any, start_runner: StartRunner) -> None:
    ended: list[bool] = []

    async def handler(job: JobContext) -> None:
        if job.attempt > 1:
            return
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(job.cancelled.is_set())

    await start_runner({"w": handler})
    ref = await insert_job(conn, NewJob("w"))
    await until_state(conn, ref.id, "executing")
    await conn.execute("UPDATE oban_jobs SET state = 'available'")
    row = await until_state(conn, ref.id, "completed")
    await until(lambda: ended)
    assert (ended, row.attempt) == ([True], 2)


async def test_waiting_jobs_without_attempts_are_discarded(conn: Any, start_runner: StartRunner) -> None:
    ref = await insert_job(conn, NewJob("w", max_attempts=1))
    await conn.execute("UPDATE oban_jobs SET attempt = 1")
    await start_runner({"w": done})
    row = await until_state(conn, ref.id, "discarded")
    assert row.errors[0]["code"] == "no-attempts-left"


async def test_nodes_sign_on_and_off(conn: Any, jobs_url: str) -> None:
    async with JobRunner(jobs_url, handlers={}, node="web", queues={"a": 1, "b": 2}, **QUICK) as runner:
        (node,) = await list_nodes(conn)
        assert (node.node, node.queues, node.alive, node.running) == (runner.node, ["a", "b"], True, 0)
        assert runner.node.startswith("web.")
    assert await list_nodes(conn) == []


def test_a_node_must_be_given_three_beats_to_show_life() -> None:
    with pytest.raises(BadJobOption, match="at least three beats"):
        JobRunner("postgresql://nowhere/x", handlers={}, beat_every=5, dead_after=14)
