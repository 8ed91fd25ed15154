"""A worker killed between every two steps of every stage: nothing is lost, nothing is done or paid for twice."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.integration.pipelines.helpers import JOBS, answer, application, ended, ingest

from sorbus import Scope
from sorbus.pipelines import BUILTIN, Run, RunState, StageState
from sorbus.pipelines.sources import SourceType
from sorbus.testing.model_server import ModelServer

WORKER = Path(__file__).parent / "worker.py"
ROOT = Path(__file__).parents[3]

LEASE_POINTS = ("claimed", "begun")
CALL_POINTS = ("asking", "answered", "recorded")
SAVE_POINTS = ("saving", "sent", "saved")

type Kill = tuple[str, str]


def cells() -> dict[str, tuple[str, list[Kill]]]:
    """Every point of every stage of every pipeline, by a name: the pipeline, and the kills one after the other."""
    found: dict[str, tuple[str, list[Kill]]] = {}
    for pipeline in BUILTIN:
        before: list[Kill] = []
        for stage in pipeline.stages:
            calls = () if stage.name == "parse" else CALL_POINTS
            for point in (*LEASE_POINTS, *calls, *SAVE_POINTS):
                # a lease begins at a later stage after a kill behind the stage before it
                earlier = before if point in LEASE_POINTS else []
                found[f"{pipeline.name}-{stage.name}-{point}"] = (
                    pipeline.name,
                    [*earlier, (point, stage.name)],
                )
            before = [("saved", stage.name)]
    found["email_analysis-all"] = (
        "email_analysis",
        [
            ("answered", "extract"),
            ("recorded", "extract"),
            ("saved", "extract"),
            ("claimed", ""),
            ("saving", "classify"),
        ],
    )
    return found


CELLS = cells()

MARKED = (
    "Dear team,\n\nJohn Smith of Example Corp asks whether the order arrived on Monday. "
    "Please send the invoice by Friday.\n\nReference: {name}.\n\nRegards\nJane Doe"
)


def asked(server: ModelServer, name: str) -> Counter[str]:
    """How often each request about a cell's content arrived."""
    bodies = (json.dumps(seen.body, sort_keys=True) for seen in server.seen)
    return Counter(body for body in bodies if f"Reference: {name}." in body)


async def start_cells(scope: Scope, conn: Any) -> dict[str, Run]:
    """A run for each cell, its job in the cell's own queue."""
    runs: dict[str, Run] = {}
    for name, (pipeline, _) in CELLS.items():
        content = await ingest(scope, name, text=MARKED.format(name=name), source_type=kind_for(pipeline))
        run = runs[name] = await Run.start(scope, content_id=content.id, pipeline=pipeline)
        await conn.execute("UPDATE oban_jobs SET queue = $1 WHERE args ->> 'run_id' = $2", name, str(run.id))
    return runs


async def start_calm(scope: Scope) -> list[UUID]:
    """A run of each pipeline that nobody disturbs."""
    runs: list[UUID] = []
    for pipeline in BUILTIN:
        content = await ingest(
            scope,
            f"calm-{pipeline.name}",
            text=MARKED.format(name="calm"),
            source_type=kind_for(pipeline.name),
        )
        runs.append((await Run.start(scope, content_id=content.id, pipeline=pipeline.name)).id)
    return runs


def kind_for(pipeline: str) -> SourceType:
    return SourceType.EMAIL if pipeline == "email_analysis" else SourceType.DOCUMENT


async def kill_workers(url: str, model: str, calm: Sequence[UUID]) -> dict[str, list[int]]:
    """The exit codes of the workers that killed themselves, by cell."""
    plan = {
        "url": url,
        "model": model,
        "calm": [str(run) for run in calm],
        "cells": {name: kills for name, (_, kills) in CELLS.items()},
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.pipelines.worker",
        json.dumps(plan),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(100):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    codes: dict[str, list[int]] = json.loads(out)
    return codes


def nameless(data: Any, name: str) -> Any:
    """A result without the name that tells its content from the others'."""
    return json.loads(json.dumps(data).replace(name, "NAME"))


async def test_a_run_survives_its_worker_being_killed_between_any_two_steps(url: str, conn: Any) -> None:
    async with ModelServer(answer=answer) as server:
        async with application(url, models=server.model, run_jobs=False) as app:
            scope = app.scope(actor="me", tenant="local")
            runs, calm = await start_cells(scope, conn), await start_calm(scope)
        codes = await kill_workers(url, server.model, calm)
        assert codes == {name: [-signal.SIGKILL] * len(kills) for name, (_, kills) in CELLS.items()}
        await conn.execute("UPDATE oban_jobs SET queue = 'pipelines'")
        async with application(url, models=server.model) as app:
            scope = app.scope(actor="me", tenant="local")
            found = await ended(scope, [*calm, *(run.id for run in runs.values())], seconds=60)
        wanted = {run.pipeline: nameless(data_of(run), "calm") for run in map(found.__getitem__, calm)}
        for name, run in runs.items():
            check_run(name, found[run.id], wanted)
            check_calls(name, found[run.id], server)
    await check_journal(conn, {run.id: name for name, run in runs.items()})
    await check_jobs(conn, {str(run.id): name for name, run in runs.items()})


def data_of(run: Run) -> Any:
    """The data of a run's result."""
    assert run.result is not None
    return run.result.data


def check_run(name: str, run: Run, calm: dict[str, Any]) -> None:
    """It is complete, with the result that it would have had undisturbed."""
    stages = list(run.stages)
    assert (name, run.state, run.error) == (name, RunState.COMPLETED, None)
    # a killed worker is no failure of the stage
    assert [(each.state, each.attempt, each.error) for each in stages] == [(StageState.DONE, 0, None)] * len(
        stages
    )
    assert all(
        each.started_at and each.finished_at and each.started_at <= each.finished_at for each in stages
    )
    assert nameless(data_of(run), name) == calm[run.pipeline]
    assert {each.name: each.output for each in stages} == data_of(run)
    assert run.started_at is not None
    assert run.finished_at is not None


def check_calls(name: str, run: Run, server: ModelServer) -> None:
    """No model was asked again for an answer that was committed."""
    wanted = {each.name for each in run.stages if each.name != "parse"}
    calls = list(run.llm_calls)
    assert Counter(call.stage for call in calls) == Counter(wanted), name
    assert all(call.status == "ok" and call.tenant == "local" for call in calls)
    # an answer that was lost with the worker before it was committed is asked for again
    lost = sum(point == "answered" for point, _ in CELLS[name][1])
    times = sorted(asked(server, name).values())
    assert times == sorted([1] * (len(wanted) - lost) + [2] * lost), name


async def check_journal(conn: Any, names: dict[Any, str]) -> None:
    """Each stage and each result was committed exactly once."""
    events: dict[str, list[str]] = {name: [] for name in CELLS}
    for entry in await conn.fetch("SELECT run_id, event FROM journal ORDER BY id"):
        if entry["run_id"] in names:
            events[names[entry["run_id"]]].append(entry["event"])
    stages = {each.name: [f"stage {stage.name}" for stage in each.stages] for each in BUILTIN}
    for name, (pipeline, _) in CELLS.items():
        assert sorted(events[name]) == sorted([*stages[pipeline], "result"]), name
        assert [each for each in events[name] if each != "result"] == stages[pipeline], name


async def check_jobs(conn: Any, names: dict[str, str]) -> None:
    """One job for each run, completed, claimed once for each worker; nothing else is left."""
    jobs = await conn.fetch(JOBS)
    assert {job["state"] for job in jobs} == {"completed"}
    mine = {names[job["run"]]: job for job in jobs if job["run"] in names}
    assert len(mine) == len(CELLS) == len(jobs) - len(BUILTIN)
    for name, job in mine.items():
        assert job["attempt"] in claims(name), name
        rescues = [each["code"] for each in json.loads(job["errors"])]
        assert rescues == ["job-node-died"] * (job["attempt"] - 1), name
    left = await conn.fetchrow(
        "SELECT (SELECT count(*) FROM oban_jobs) AS jobs, (SELECT count(*) FROM results) AS results, "
        "(SELECT count(*) FROM stage_runs WHERE state <> 'done') AS waiting, "
        "(SELECT count(*) FROM llm_calls WHERE run_id NOT IN (SELECT id FROM pipeline_runs)) AS stray"
    )
    assert dict(left) == {"jobs": len(jobs), "results": len(jobs), "waiting": 0, "stray": 0}


def claims(name: str) -> set[int]:
    """How often the job of a cell may have been claimed: by each killed worker, and once more if it was not over."""
    pipeline, kills = CELLS[name]
    point, stage = kills[-1]
    if (
        stage != {each.name: each.stages[-1].name for each in BUILTIN}[pipeline]
        or point not in SAVE_POINTS[1:]
    ):
        return {len(kills) + 1}
    # a statement that was on its way may have been committed or not
    return {len(kills)} if point == "saved" else {len(kills), len(kills) + 1}


def test_the_matrix_has_every_stage_and_every_point() -> None:
    assert len(CELLS) == 1 + sum(
        (5 if stage.name == "parse" else 8) for pipeline in BUILTIN for stage in pipeline.stages
    )


pytestmark = pytest.mark.slow
