"""Looking at jobs and changing their fate, for people and commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import asyncpg
import msgspec

from sorbus.errors.jobs import DuplicateJob, NoSuchJob
from sorbus.jobs.connection import SqlConnection
from sorbus.jobs.new_job import JobState
from sorbus.jobs.oban_hooks import SIGNAL_CHANNEL
from sorbus.jobs.sql import sql

_FINISHED = frozenset({JobState.COMPLETED, JobState.DISCARDED, JobState.CANCELLED})
_PRUNE_BATCH = 10_000


class CancelAnswer(StrEnum):
    """What `cancel_job` did."""

    CANCELLED = "cancelled"
    """The job waited and is cancelled now."""

    REQUESTED = "requested"
    """The job runs: the wish is stored in its row and its node is told; it is not started again."""

    FINISHED = "finished"
    """The job had finished already; nothing was changed."""


@dataclass(frozen=True, slots=True)
class QueueCount:
    """How many jobs of a queue are in a state."""

    queue: str
    state: JobState
    count: int


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A process that runs jobs.

    Attributes:
        node: its name.
        queues: the queues that it runs.
        started_at: when it signed on.
        beat: its last sign of life.
        alive: whether that is recent enough.
        running: how many jobs the database thinks it runs.
    """

    node: str
    queues: Sequence[str]
    started_at: datetime
    beat: datetime
    alive: bool
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """A job as it stands in the table. All times are in UTC.

    Attributes:
        errors: one mapping for each failed attempt: `attempt`, `at`, `error` (text) and, for errors of
            Sorbus, the fields of `SorbusError.to_dict()`.
        attempted_by: the node and the producer that claimed it last.
        finished_at: when it was completed, cancelled or discarded.
    """

    id: int
    state: JobState
    queue: str
    worker: str
    attempt: int
    max_attempts: int
    priority: int
    args: Mapping[str, Any]
    meta: Mapping[str, Any]
    errors: Sequence[Mapping[str, Any]]
    tags: Sequence[str]
    attempted_by: Sequence[str]
    inserted_at: datetime
    scheduled_at: datetime
    attempted_at: datetime | None
    finished_at: datetime | None


async def count_jobs(conn: SqlConnection) -> list[QueueCount]:
    """How many jobs each queue has in each state; pairs without jobs are left out."""
    rows = await conn.fetch(sql("count_jobs"))
    return [QueueCount(row["queue"], JobState(row["state"]), row["count"]) for row in rows]


async def list_jobs(
    conn: SqlConnection,
    *,
    queue: str | None = None,
    state: JobState | None = None,
    worker: str | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> list[JobRow]:
    """Jobs, the newest first.

    Args:
        conn: an asyncpg connection.
        queue: only this queue.
        state: only this state.
        worker: only this worker name.
        before_id: only jobs with a smaller id, for the next page.
        limit: at most so many.
    """
    rows = await conn.fetch(sql("list_jobs"), queue, state and state.value, worker, before_id, limit)
    return [_job_row(row) for row in rows]


async def get_job(conn: SqlConnection, job_id: int) -> JobRow:
    """One job.

    Raises:
        NoSuchJob: there is none with this id.
    """
    row = await conn.fetchrow(sql("get_job"), job_id)
    if row is None:
        raise NoSuchJob(job_id)
    return _job_row(row)


async def cancel_job(conn: SqlConnection, job_id: int, *, reason: str = "cancelled by hand") -> CancelAnswer:
    """Cancel a job in the caller's transaction. A running one learns of it when the transaction commits.

    The wish is kept in the job's row, so it survives the crash of the node and of the database.

    Raises:
        NoSuchJob: there is none with this id.
    """
    was = await conn.fetchval(sql("cancel_job"), job_id, reason, SIGNAL_CHANNEL)
    if was is None:
        raise NoSuchJob(job_id)
    state = JobState(was)
    if state in _FINISHED:
        return CancelAnswer.FINISHED
    return CancelAnswer.REQUESTED if state is JobState.EXECUTING else CancelAnswer.CANCELLED


async def retry_job(conn: SqlConnection, job_id: int) -> bool:
    """Make a finished, scheduled or retryable job due now; wake its queue after the commit.

    Returns:
        False when it runs or is due already; nothing was changed then.

    Raises:
        NoSuchJob: there is none with this id.
        DuplicateJob: an unfinished job has its unique key.
    """
    try:
        row = await conn.fetchrow(sql("retry_job"), job_id)
    except asyncpg.UniqueViolationError as error:
        raise DuplicateJob(job_id) from error
    if row is None:
        raise NoSuchJob(job_id)
    if row["duplicate"]:
        raise DuplicateJob(job_id)
    return row["queue"] is not None


async def prune_jobs(conn: SqlConnection, *, older_than: float) -> int:
    """Delete jobs that finished more than `older_than` seconds ago; returns how many."""
    pruned = 0
    while True:
        rows = await conn.fetch(sql("prune_jobs"), older_than, _PRUNE_BATCH)
        pruned += len(rows)
        if len(rows) < _PRUNE_BATCH:
            return pruned


async def list_nodes(conn: SqlConnection) -> list[NodeRow]:
    """The processes that run jobs, and those of the last day that stopped without signing off."""
    rows = await conn.fetch(sql("list_nodes"))
    return [NodeRow(**dict(row)) for row in rows]


def _job_row(row: Any) -> JobRow:
    data = dict(row)
    for name in ("args", "meta", "errors"):
        data[name] = msgspec.json.decode(data[name])
    data["state"] = JobState(data["state"])
    return JobRow(**data)
