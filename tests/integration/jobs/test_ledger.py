"""Outcomes reach their rows, also beside one that cannot be written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sorbus.jobs import JobState, Lease, NewJob, get_job, insert_jobs
from sorbus.jobs.ledger import Entry, Ledger
from sorbus.jobs.line import Line

CLAIMED = datetime(2026, 1, 1, tzinfo=UTC)


async def test_an_outcome_that_cannot_be_written_does_not_keep_the_others_back(
    conn: Any, jobs_url: str
) -> None:
    refs = await insert_jobs(conn, [NewJob("w") for _ in range(3)])
    query = "UPDATE oban_jobs SET state = 'executing', attempt = 1, attempted_by = '{n,x}', attempted_at = $1"
    await conn.execute(query, CLAIMED.replace(tzinfo=None))
    leases = [Lease(ref.id, 1, CLAIMED, "n") for ref in refs]
    line = Line(jobs_url)
    ledger = Ledger(line, node="n")
    ledger.start()
    ledger.add(Entry(lease=leases[0], state=JobState.RETRYABLE, delay=60, error='{"error": "no"}'))
    ledger.add(Entry(lease=leases[1], state=JobState.RETRYABLE, delay=60, error="not json"))
    ledger.add(Entry(lease=leases[2]))
    assert ledger.holds() == {(ref.id, 1) for ref in refs}
    assert await ledger.flush(10)
    assert [(await get_job(conn, ref.id)).state for ref in refs] == ["retryable", "executing", "completed"]
    assert ledger.holds() == set()
    await ledger.stop()
    await line.close()
