"""Claimed jobs reach their handlers, and what handlers return reaches the rows."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.integration.jobs.helpers import StartRunner, until, until_state

from sorbus.errors.base import Invalid
from sorbus.jobs import (
    Cancel,
    Done,
    JobContext,
    JobState,
    NewJob,
    Outcome,
    Retry,
    Snooze,
    get_job,
    insert_job,
    insert_jobs,
)

GUIDE = Path(__file__).parents[3] / "docs/guides/jobs.md"


class OutOfStock(Invalid):
    code = "out-of-stock"


async def test_an_inserted_job_runs_with_its_arguments(conn: Any, start_runner: StartRunner) -> None:
    seen: list[JobContext] = []

    async def greet(job: JobContext) -> None:
        seen.append(job)

    runner = await start_runner({"greet": greet})
    job = NewJob("greet", {"name": "Ada"}, meta={"actor": "u1", "tenant": 7}, tags=("x",))
    ref = await insert_job(conn, job)
    runner.waker.wake(["default"])
    row = await until_state(conn, ref.id, "completed")
    assert (seen[0].args, seen[0].actor, seen[0].tenant, seen[0].tags) == ({"name": "Ada"}, "u1", 7, ("x",))
    assert (row.attempt, row.errors) == (1, [])


async def test_jobs_of_all_outcomes_in_one_batch_end_as_their_handlers_said(
    conn: Any, start_runner: StartRunner
) -> None:
    async def handler(job: JobContext) -> Outcome | None:
        outcomes: list[Outcome | None] = [
            None,
            Done(),
            Snooze(3600),
            Cancel("no longer wanted"),
            Retry(3600, "later"),
        ]
        return outcomes[job.args["n"]]

    await start_runner({"w": handler})
    refs = await insert_jobs(conn, [NewJob("w", {"n": n}) for n in range(5)])
    await until(
        lambda: conn.fetchval("SELECT count(*) = 0 FROM oban_jobs WHERE state IN ('available', 'executing')")
    )
    rows = [await get_job(conn, ref.id) for ref in refs]
    assert [row.state for row in rows] == ["completed", "completed", "scheduled", "cancelled", "retryable"]
    assert [row.attempt for row in rows] == [1, 1, 0, 1, 1]
    assert rows[2].meta["snoozed"] == 1
    assert rows[3].errors[0]["error"] == "no longer wanted"
    assert rows[4].errors[0]["error"] == "later"
    for row in (rows[2], rows[4]):
        assert 3500 < (row.scheduled_at - row.inserted_at).total_seconds() < 3700


async def test_a_snoozed_job_runs_again(conn: Any, start_runner: StartRunner) -> None:
    async def handler(job: JobContext) -> Outcome:
        return Done() if "snoozed" in job.meta else Snooze(0.1)

    await start_runner({"w": handler})
    ref = await insert_job(conn, NewJob("w", max_attempts=1))
    row = await until_state(conn, ref.id, "completed")
    assert row.attempt == 1


async def test_a_failing_job_is_tried_again_until_its_attempts_are_used_up(
    conn: Any, start_runner: StartRunner
) -> None:
    async def handler(job: JobContext) -> None:
        if job.args["error"] == "typed":
            raise OutOfStock("There are no apples.", path=("fruit",), hint="Buy some.")
        raise ValueError("bad \x00 apple")

    await start_runner({"w": handler})
    typed, plain = await insert_jobs(
        conn, [NewJob("w", {"error": kind}, max_attempts=3) for kind in ("typed", "plain")]
    )
    row = await until_state(conn, typed.id, "discarded")
    assert [error["attempt"] for error in row.errors] == [1, 2, 3]
    assert {name: row.errors[0][name] for name in ("kind", "code", "message", "path", "hint")} == {
        "kind": "invalid",
        "code": "out-of-stock",
        "message": "There are no apples.",
        "path": ["fruit"],
        "hint": "Buy some.",
    }
    row = await until_state(conn, plain.id, "discarded")
    assert (row.errors[0]["code"], row.errors[0]["message"]) == ("unknown", "ValueError: bad \ufffd apple")
    assert "raise ValueError" in row.errors[0]["traceback"]


async def test_a_job_that_fails_once_completes_at_its_second_attempt(
    conn: Any, start_runner: StartRunner
) -> None:
    async def handler(job: JobContext) -> None:
        if job.attempt == 1:
            raise RuntimeError("once")

    await start_runner({"w": handler})
    ref = await insert_job(conn, NewJob("w"))
    row = await until_state(conn, ref.id, "completed")
    assert (row.attempt, len(row.errors)) == (2, 1)


async def test_an_unknown_worker_is_recorded_in_the_row_and_not_lost(
    conn: Any, start_runner: StartRunner
) -> None:
    async def greet(job: JobContext) -> None: ...

    await start_runner({"greet": greet})
    ref = await insert_job(conn, NewJob("gret", max_attempts=2))
    row = await until_state(conn, ref.id, "discarded")
    assert row.errors[0]["code"] == "no-such-job-handler"
    assert row.errors[0]["hint"] == "Did you mean `greet`?"


async def test_a_handler_that_returns_no_outcome_is_not_run_again(
    conn: Any, start_runner: StartRunner
) -> None:
    async def handler(job: JobContext) -> Any:
        return {"answer": 42}

    await start_runner({"w": handler})
    ref = await insert_job(conn, NewJob("w"))
    row = await until_state(conn, ref.id, "discarded")
    assert [error["code"] for error in row.errors] == ["not-an-outcome"]


async def test_a_sync_handler_runs_off_the_event_loop(conn: Any, start_runner: StartRunner) -> None:
    threads: list[str] = []
    go_on = threading.Event()

    def handler(job: JobContext) -> Outcome:
        threads.append(threading.current_thread().name)
        assert go_on.wait(10)
        return Done()

    await start_runner({"w": handler})
    ref = await insert_job(conn, NewJob("w"))
    await until(lambda: threads)
    go_on.set()
    await until_state(conn, ref.id, "completed")
    assert threads[0].startswith("sorbus-job")


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_an_attempt_that_takes_too_long_is_stopped_and_recorded(
    conn: Any, start_runner: StartRunner, kind: str
) -> None:
    async def patient(job: JobContext) -> None:
        await asyncio.sleep(60)

    def stubborn(job: JobContext) -> None:
        while not job.cancelled.is_set():
            time.sleep(0.01)

    await start_runner({"async": patient, "sync": stubborn})
    ref = await insert_job(conn, NewJob(kind, timeout=0.2, max_attempts=1))
    row = await until_state(conn, ref.id, "discarded")
    assert row.errors[0]["code"] == "job-timed-out"


async def test_a_cancelled_error_of_the_handler_itself_is_a_failure(
    conn: Any, start_runner: StartRunner
) -> None:
    async def handler(job: JobContext) -> None:
        raise asyncio.CancelledError

    await start_runner({"w": handler})
    ref = await insert_job(conn, NewJob("w", max_attempts=1))
    row = await until_state(conn, ref.id, "discarded")
    assert "CancelledError" in row.errors[0]["message"]


async def test_a_queue_runs_no_more_than_its_limit_at_once(conn: Any, start_runner: StartRunner) -> None:
    running, most = 0, 0

    async def handler(job: JobContext) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    await start_runner({"w": handler}, queues={"narrow": 3})
    await insert_jobs(conn, [NewJob("w", queue="narrow") for _ in range(40)])
    await until(lambda: conn.fetchval("SELECT count(*) = 40 FROM oban_jobs WHERE state = 'completed'"))
    assert most == 3


async def test_at_most_four_of_our_frames_stand_between_the_claim_and_the_body(
    conn: Any, start_runner: StartRunner
) -> None:
    frames: list[str] = []

    async def handler(job: JobContext) -> None:
        frame = sys._getframe(1)
        while frame is not None:
            if "sorbus/jobs" in frame.f_code.co_filename:
                frames.append(frame.f_code.co_name)
            frame = frame.f_back  # type: ignore[assignment]

    await start_runner({"w": handler})
    ref = await insert_job(conn, NewJob("w", timeout=10))
    await until_state(conn, ref.id, "completed")
    # `dispatch`, which makes the task, is no longer on the stack
    assert frames == ["_body", "_run"]


async def test_the_documented_insert_by_plain_sql_runs(conn: Any, start_runner: StartRunner) -> None:
    seen: list[JobContext] = []

    async def send(job: JobContext) -> None:
        seen.append(job)

    runner = await start_runner({"mail.send": send}, poll=60.0)
    found = re.search(r"<!-- executed by the tests -->\n```sql\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found is not None
    await conn.execute(found[1])
    await until(lambda: len(seen) == 1)
    job = seen[0]
    assert (job.args["to"], job.queue, job.actor, job.tenant) == (
        "ada@example.org",
        "default",
        "user:17",
        "org:3",
    )
    await until_state(conn, job.id, "completed")
    assert runner.running() == []
    row = await get_job(conn, job.id)
    assert row.state is JobState.COMPLETED
