"""A database that is away for longer than a node may be silent makes no healthy job start twice."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

import asyncpg
import pytest
from tests.integration.jobs.helpers import QUICK, until, until_state

from sorbus.data_layers.postgres.embedded import start_embedded
from sorbus.jobs import JobContext, JobRunner, NewJob, get_job, insert_job, install


@pytest.mark.slow
async def test_healthy_jobs_outlive_an_outage_of_the_database() -> None:
    folder = Path(tempfile.mkdtemp(prefix="sorbus-outage-"))
    server = await start_embedded(folder)
    started: list[int] = []
    go_on = asyncio.Event()

    async def handler(job: JobContext) -> None:
        started.append(job.id)
        await go_on.wait()

    try:
        conn = await asyncpg.connect(server.url)
        await install(conn)
        runners = [JobRunner(server.url, handlers={"w": handler}, **QUICK) for _ in range(2)]
        for runner in runners:
            await runner.start()
        first = await insert_job(conn, NewJob("w"))
        await until(lambda: started)
        await conn.close()
        await server.stop()
        await asyncio.sleep(3)
        server = await start_embedded(folder)
        conn = await asyncpg.connect(server.url)
        await asyncio.sleep(3)
        assert (await get_job(conn, first.id)).state == "executing"
        go_on.set()
        row = await until_state(conn, first.id, "completed", seconds=30)
        assert (row.attempt, started) == (1, [first.id])
        late = await insert_job(conn, NewJob("w"))
        await until_state(conn, late.id, "completed", seconds=30)
        await conn.close()
        for runner in runners:
            await runner.stop()
    finally:
        await server.stop()
        shutil.rmtree(folder, ignore_errors=True)
