"""A word to a run that falls asleep at that moment is heard."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from tests.integration.pipelines.helpers import application, start, until

from sorbus.pipelines.running.patience import signalled

WAITS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
JOB = """
UPDATE oban_jobs SET state = $2::text::oban_job_state, scheduled_at = now() + interval '5 min'
WHERE args ->> 'run_id' = $1
"""


async def test_who_falls_asleep_while_it_is_told_is_woken(url: str, conn: Any) -> None:
    async with application(url, run_jobs=False) as app:
        run = await start(app.scope(actor="me", tenant="local"), "one")
        await conn.execute(JOB, str(run.id), "executing")
        falling = conn.transaction()
        await falling.start()
        # What a checkpoint does: the run's row and its job, in one transaction.
        await conn.execute("UPDATE pipeline_runs SET state = 'waiting' WHERE id = $1", run.id)
        await conn.execute(JOB, str(run.id), "scheduled")
        async with app.database.pool.connection() as watching:
            telling = asyncio.create_task(signalled(app.database.pool, [run.id]))

            async def waits() -> bool:
                return bool(await watching.fetchval(WAITS))

            await until(waits)
            await falling.commit()
            told, woken = await telling
        assert [row["id"] for row in told] == [run.id]
        assert [row["queue"] for row in woken] == ["pipelines"]
        row = await conn.fetchrow("SELECT state::text, scheduled_at FROM oban_jobs")
        assert row["state"] == "available"
        assert row["scheduled_at"].replace(tzinfo=UTC) <= datetime.now(UTC)


async def test_who_is_over_is_told_nothing(url: str, conn: Any) -> None:
    async with application(url, run_jobs=False) as app:
        run = await start(app.scope(actor="me", tenant="local"), "one")
        await run.cancel(app.scope(actor="me", tenant="local"))
        assert await signalled(app.database.pool, [run.id]) == ([], ())
        assert await conn.fetchval("SELECT count(*) FROM oban_jobs WHERE state = 'available'") == 0
