"""Inserting jobs in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sorbus.errors.base import UnknownError
from sorbus.jobs.connection import Fetches, SqlConnection
from sorbus.jobs.new_job import JobRef, NewJob
from sorbus.jobs.sql import sql

# each round needs another process to finish the job that was in the way between two statements
_ROUNDS = 20


async def insert_job(conn: SqlConnection, job: NewJob) -> JobRef:
    """Insert one job on the caller's connection, inside its transaction if one is open: one statement.

    Nothing is notified here; call `Waker.wake([job.queue])` after the commit.

    Args:
        conn: an asyncpg connection.
        job: the job.

    Returns:
        The job's id; `inserted=False` and the other job's id when its unique key is held already.

    Raises:
        JobNotJson: the arguments or the meta cannot be stored.
    """
    if job.unique_key is not None:
        return (await insert_jobs(conn, [job]))[0]
    found = await conn.fetchval(
        sql("insert_job"),
        job.worker,
        job.args_json(),
        job.queue,
        job.priority,
        job.max_attempts,
        job.scheduled_at,
        job.schedule_in,
        list(job.tags),
        job.meta_json(),
    )
    return JobRef(found, inserted=True)


async def insert_jobs(conn: Fetches, jobs: Sequence[NewJob]) -> list[JobRef]:
    """Insert many jobs with one statement, on the caller's connection and inside its transaction.

    A second statement looks up the holders of unique keys, if any were held already.

    Args:
        conn: an asyncpg connection.
        jobs: the jobs; an empty sequence is allowed.

    Returns:
        One `JobRef` for each job, in the same order.

    Raises:
        JobNotJson: the arguments or the meta of a job cannot be stored; none is inserted.
    """
    refs: list[JobRef | None] = [None] * len(jobs)
    waiting = list(range(len(jobs)))
    for _ in range(_ROUNDS):
        if not waiting:
            return [ref for ref in refs if ref is not None]
        rows = await conn.fetch(sql("insert_jobs"), *_columns([jobs[each] for each in waiting]))
        held: list[tuple[int, str]] = []
        for place, row in zip(waiting, rows, strict=True):
            if row["inserted"]:
                refs[place] = JobRef(row["id"], inserted=True)
            else:
                held.append((place, row["key"]))
        waiting = await _find_holders(conn, jobs, refs, held)
    raise UnknownError(
        f"Unique jobs could not be inserted in {_ROUNDS} rounds: others with their keys came and went.",
        hint="Try again.",
    )


async def _find_holders(
    conn: Fetches, jobs: Sequence[NewJob], refs: list[JobRef | None], held: list[tuple[int, str]]
) -> list[int]:
    """Fill in the holders of held keys; returns the places whose holder has finished in the meantime."""
    if not held:
        return []
    scopes = [jobs[place].unique_scope.value for place, _ in held]
    rows = await conn.fetch(sql("find_unique"), [key for _, key in held], scopes)
    for row in rows:
        refs[held[row["ord"] - 1][0]] = JobRef(row["id"], inserted=False)
    return [place for place, _ in held if refs[place] is None]


def _columns(jobs: Sequence[NewJob]) -> list[list[object]]:
    return [
        [job.worker for job in jobs],
        [job.args_json() for job in jobs],
        [job.queue for job in jobs],
        [job.priority for job in jobs],
        [job.max_attempts for job in jobs],
        [job.scheduled_at for job in jobs],
        [job.schedule_in for job in jobs],
        [msgspec.json.encode(job.tags).decode() for job in jobs],
        [job.meta_json() for job in jobs],
        [job.unique_key for job in jobs],
        [job.unique_scope.value for job in jobs],
        [job.unique_period and job.unique_period.total_seconds() for job in jobs],
    ]
