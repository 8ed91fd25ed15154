"""Random graphs come to what a sequential model says, also while their workers are killed again and again."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.integration.pipelines.helpers import application, ended, ingest, row
from tests.integration.pipelines.random_graphs import (
    CHANCE,
    Pace,
    expected,
    random_pipeline,
    random_vertices,
    value_of,
)

from sorbus.pipelines import Run, RunState, StageState

ROOT = Path(__file__).resolve().parents[3]
GRAPHS = 40
KILLED_GRAPHS = 24
MOST_KILLS = 8
ENOUGH = 10
SLOWLY = 0.4


async def started(app: Any, seeds: range) -> dict[int, Run]:
    """A run of each random graph."""
    scope = app.scope(actor="me", tenant="local")
    runs: dict[int, Run] = {}
    for seed in seeds:
        content = await ingest(scope, f"text {seed}", text=f"text {seed}")
        runs[seed] = await Run.start(scope, content_id=content.id, pipeline=f"random-{seed}")
    return runs


def check(seed: int, run: Run) -> None:
    """A run is what the model says, and each stage gave what it must."""
    text = f"text {seed}"
    state, stages = expected(seed, text)
    assert run.state == state, (seed, run.state, run.error)
    found = {each.name: each for each in run.stages}
    if stages:
        assert {name: each.state.value for name, each in found.items()} == stages, seed
    vertices = {each.name: each for each in random_vertices(seed)}
    for name, each in found.items():
        if each.state is StageState.DONE:
            assert each.output == value_of(vertices[name], text), (seed, name)
            for source in vertices[name].after if vertices[name].join == "all" else ():
                assert found[source].finished_at <= each.started_at, (seed, name, source)
    if run.state is RunState.COMPLETED:
        done = {name: each.output for name, each in found.items() if each.state is StageState.DONE}
        assert run.result is not None
        assert run.result.data == done, seed


async def test_random_graphs_come_to_what_the_model_says(url: str, conn: Any) -> None:
    seeds = range(GRAPHS)
    pipelines = [random_pipeline(seed) for seed in seeds]
    async with application(
        url, domains=[CHANCE], pipelines=pipelines, concurrency=20, services={Pace: Pace()}
    ) as app:
        runs = await started(app, seeds)
        scope = app.scope(actor="me", tenant="local")
        found = await ended(scope, [run.id for run in runs.values()], seconds=60)
    for seed, run in runs.items():
        check(seed, found[run.id])
    await once_each(conn)
    states = {found[run.id].state for run in runs.values()}
    assert states == {RunState.COMPLETED, RunState.FAILED}, "the graphs are too tame to prove anything"


async def once_each(conn: Any) -> None:
    """No stage and no result was committed twice, and no job is left."""
    twice = await conn.fetch("SELECT run_id, event FROM journal GROUP BY 1, 2 HAVING count(*) > 1")
    assert twice == []
    left = "SELECT count(*) FROM oban_jobs WHERE state NOT IN ('completed', 'cancelled')"
    assert await conn.fetchval(left) == 0


@pytest.mark.slow
async def test_random_graphs_survive_workers_that_are_killed_again_and_again(url: str, conn: Any) -> None:
    seeds = range(1000, 1000 + KILLED_GRAPHS)
    pipelines = [random_pipeline(seed) for seed in seeds]
    chance = random.Random(7)
    async with application(url, domains=[CHANCE], pipelines=pipelines, run_jobs=False) as app:
        runs = list((await started(app, seeds)).items())
        scope = app.scope(actor="me", tenant="local")
        workers = [await worker(url, seeds) for _ in range(2)]
        kills = 0
        try:
            while kills < MOST_KILLS or await unfinished(conn):
                await asyncio.sleep(chance.uniform(0.1, 0.6))
                if kills < MOST_KILLS:
                    if await unfinished(conn) < ENOUGH:  # there must be something to be killed at
                        runs += (await started(app, seeds)).items()
                    victim = chance.randrange(2)
                    os.kill(workers[victim].pid, signal.SIGKILL)
                    await workers[victim].wait()
                    workers[victim] = await worker(url, seeds)
                    kills += 1
        finally:
            for each in workers:
                if each.returncode is None:
                    each.kill()
                await each.wait()
        for seed, run in runs:
            check(seed, await row(scope, run.id))
    twice = await conn.fetch("SELECT run_id, event FROM journal GROUP BY 1, 2 HAVING count(*) > 1")
    assert twice == []


async def unfinished(conn: Any) -> int:
    open_runs = "SELECT count(*) FROM pipeline_runs WHERE state IN ('pending', 'running', 'waiting')"
    return int(await conn.fetchval(open_runs))


async def worker(url: str, seeds: range, **plan: Any) -> asyncio.subprocess.Process:
    """A process that runs the jobs; it has begun when this returns."""
    told = json.dumps({"url": url, "seeds": [seeds.start, seeds.stop], "pace": SLOWLY, **plan})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.pipelines.graph_worker", told,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process
