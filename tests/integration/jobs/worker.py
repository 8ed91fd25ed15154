"""A process that runs jobs, for tests that kill it: `worker.py URL OPTIONS-AS-JSON`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

import asyncpg

from sorbus.errors.jobs import LeaseLost
from sorbus.jobs import JobContext, JobRunner


async def main(url: str, options: dict[str, Any]) -> None:
    pool = await asyncpg.create_pool(url, min_size=1, max_size=2)

    async def note(job: JobContext, event: str) -> None:
        query = "INSERT INTO log (job, pid, attempt, event) VALUES ($1, $2, $3, $4)"
        await pool.execute(query, job.id, os.getpid(), job.attempt, event)

    async def finish(job: JobContext) -> None:
        try:
            async with pool.acquire() as conn, conn.transaction():
                query = "INSERT INTO log (job, pid, attempt, event) VALUES ($1, $2, $3, 'effect')"
                await conn.execute(query, job.id, os.getpid(), job.attempt)
                await job.ack_in(conn)
        except LeaseLost:
            await note(job, "refused")
            raise

    async def sleep(job: JobContext) -> None:
        """Work with awaits, completed in a transaction of its own."""
        await note(job, "started")
        # the last number is for all further attempts
        await asyncio.sleep(job.args["seconds"][: job.attempt][-1])
        await finish(job)

    async def stubborn(job: JobContext) -> None:
        """Work that blocks the event loop, completed in a transaction of its own."""
        await note(job, "started")
        time.sleep(job.args["seconds"][: job.attempt][-1])  # noqa: ASYNC251
        await finish(job)

    async def block(job: JobContext) -> None:
        """Work that blocks the event loop."""
        await note(job, "started")
        time.sleep(job.args["seconds"])  # noqa: ASYNC251
        await note(job, "effect")

    runner = JobRunner(url, handlers={"sleep": sleep, "stubborn": stubborn, "block": block}, **options)
    await runner.start()
    print("READY", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
