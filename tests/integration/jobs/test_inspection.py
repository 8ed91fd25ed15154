"""Looking at jobs and changing their fate."""

from __future__ import annotations

from typing import Any

import pytest

from sorbus.errors.jobs import DuplicateJob, NoSuchJob
from sorbus.jobs import (
    JobState,
    NewJob,
    QueueCount,
    count_jobs,
    get_job,
    insert_job,
    insert_jobs,
    list_jobs,
    prune_jobs,
    retry_job,
)


async def test_counts_per_queue_and_state(conn: Any) -> None:
    await insert_jobs(conn, [NewJob("w"), NewJob("w"), NewJob("w", schedule_in=9), NewJob("w", queue="b")])
    assert await count_jobs(conn) == [
        QueueCount("b", JobState.AVAILABLE, 1),
        QueueCount("default", JobState.AVAILABLE, 2),
        QueueCount("default", JobState.SCHEDULED, 1),
    ]


async def test_jobs_are_listed_newest_first_by_filter_and_page(conn: Any) -> None:
    refs = await insert_jobs(
        conn, [NewJob("a"), NewJob("b"), NewJob("a", queue="q"), NewJob("a", schedule_in=9), NewJob("a")]
    )
    ids = [ref.id for ref in refs]

    async def listed(**options: Any) -> list[int]:
        return [ids.index(row.id) for row in await list_jobs(conn, **options)]

    assert await listed() == [4, 3, 2, 1, 0]
    assert await listed(worker="a") == [4, 3, 2, 0]
    assert await listed(queue="q") == [2]
    assert await listed(state=JobState.SCHEDULED) == [3]
    assert await listed(limit=2) == [4, 3]
    assert await listed(limit=2, before_id=ids[3]) == [2, 1]


async def test_a_discarded_job_gets_one_more_attempt(conn: Any) -> None:
    ref = await insert_job(conn, NewJob("w", max_attempts=2))
    await conn.execute("UPDATE oban_jobs SET state = 'discarded', attempt = 2, discarded_at = now()")
    assert await retry_job(conn, ref.id) is True
    row = await get_job(conn, ref.id)
    assert (row.state, row.attempt, row.max_attempts, row.finished_at) == ("available", 2, 3, None)
    assert await retry_job(conn, ref.id) is False


async def test_a_running_job_is_not_retried(conn: Any) -> None:
    ref = await insert_job(conn, NewJob("w"))
    await conn.execute("UPDATE oban_jobs SET state = 'executing', attempt = 1")
    assert await retry_job(conn, ref.id) is False
    assert (await get_job(conn, ref.id)).state == "executing"


async def test_a_unique_job_is_not_retried_beside_its_successor(conn: Any) -> None:
    first = await insert_job(conn, NewJob("w", unique_key="k"))
    await conn.execute("UPDATE oban_jobs SET state = 'discarded'")
    await insert_job(conn, NewJob("w", unique_key="k"))
    with pytest.raises(DuplicateJob, match=f"Job {first.id} cannot be run again"):
        await retry_job(conn, first.id)


async def test_a_scheduled_unique_job_can_be_made_due(conn: Any) -> None:
    ref = await insert_job(conn, NewJob("w", unique_key="k", schedule_in=60))
    assert await retry_job(conn, ref.id) is True


async def test_unknown_jobs_are_errors(conn: Any) -> None:
    with pytest.raises(NoSuchJob):
        await retry_job(conn, 5)
    with pytest.raises(NoSuchJob):
        await get_job(conn, 5)


async def test_only_old_finished_jobs_are_pruned(conn: Any) -> None:
    refs = await insert_jobs(conn, [NewJob("w") for _ in range(5)])
    for ref, state in zip(refs, ["completed", "cancelled", "discarded"], strict=False):
        query = (
            f"UPDATE oban_jobs SET state = '{state}', {state}_at = timezone('UTC', now()) - interval '1 hour'"
        )
        await conn.execute(f"{query} WHERE id = $1", ref.id)
    recent = "UPDATE oban_jobs SET state = 'completed', completed_at = timezone('UTC', now()) WHERE id = $1"
    await conn.execute(recent, refs[3].id)
    assert await prune_jobs(conn, older_than=7200) == 0
    assert await prune_jobs(conn, older_than=1800) == 3
    assert [row.id for row in await list_jobs(conn)] == [refs[4].id, refs[3].id]
