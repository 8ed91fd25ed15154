"""Several processes on one database share the runs."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.integration.pipelines.helpers import JOBS, application, ended, start

from sorbus.pipelines import RunState

ROOT = Path(__file__).parents[3]
RUNS = 100


async def test_two_processes_share_a_hundred_runs_and_do_each_stage_once(url: str, conn: Any) -> None:
    workers = await asyncio.gather(*(start_worker(url) for _ in range(2)))
    try:
        async with application(url, run_jobs=False) as app:
            scope = app.scope(actor="me", tenant="local")
            async with app.transaction():
                runs = [(await start(scope, f"m{number}")).id for number in range(RUNS)]
            found = await ended(scope, runs, seconds=60)
    finally:
        for worker in workers:
            worker.kill()
            await worker.communicate()
    assert Counter(run.state for run in found.values()) == {RunState.COMPLETED: RUNS}
    entries = await conn.fetch("SELECT run_id, event FROM journal")
    assert Counter((each["run_id"], each["event"]) for each in entries) == {
        (run, event): 1
        for run in runs
        for event in ("stage extract", "stage classify", "stage summarize", "result")
    }
    jobs = await conn.fetch(JOBS)
    assert Counter((job["state"], job["attempt"]) for job in jobs) == {("completed", 1): RUNS}
    nodes = await conn.fetch("SELECT attempted_by[1] AS node, count(*) AS jobs FROM oban_jobs GROUP BY 1")
    assert (len(nodes), min(each["jobs"] for each in nodes) > 0) == (2, True)
    calls = Counter(
        (call.run_id, call.stage, call.request_hash) for run in found.values() for call in run.llm_calls
    )
    assert set(calls.values()) == {1}


async def start_worker(url: str) -> asyncio.subprocess.Process:
    """A process that runs jobs until it is killed; it is ready when this returns."""
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.pipelines.sharer",
        json.dumps({"url": url}),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert worker.stdout is not None
    async with asyncio.timeout(30):
        assert await worker.stdout.readline() == b"READY\n"
    return worker
