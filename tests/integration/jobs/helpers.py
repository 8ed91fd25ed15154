"""Short settings and waiting, for the tests of the jobs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from sorbus.jobs import Backoff, JobRow, JobRunner, get_job

QUICK: dict[str, Any] = {
    "beat_every": 0.3,
    "dead_after": 1.5,
    "poll": 0.1,
    "backoff": Backoff(base=0.05, jitter=0.0),
}

type StartRunner = Callable[..., Awaitable[JobRunner]]
type StartWorker = Callable[..., Awaitable[asyncio.subprocess.Process]]


async def until(ready: Callable[[], Awaitable[object] | object], *, seconds: float = 20.0) -> None:
    """Wait until a condition holds; fails when that takes too long."""
    end = time.monotonic() + seconds
    while True:
        found = ready()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return
        assert time.monotonic() < end, "the condition did not come true in time"
        await asyncio.sleep(0.02)


async def until_state(conn: Any, job_id: int, *states: str, seconds: float = 20.0) -> JobRow:
    """Wait until a job is in one of the states."""
    row = await get_job(conn, job_id)
    end = time.monotonic() + seconds
    while row.state not in states:
        assert time.monotonic() < end, f"job {job_id} is {row.state}, not {states}: {row.errors}"
        await asyncio.sleep(0.02)
        row = await get_job(conn, job_id)
    return row


async def events(conn: Any, event: str) -> list[tuple[int, int]]:
    """Process and attempt of each event that `worker.py` logged, in order."""
    rows = await conn.fetch("SELECT pid, attempt FROM log WHERE event = $1 ORDER BY id", event)
    return [(row["pid"], row["attempt"]) for row in rows]
