"""The clock of a node may be hours off: waits are as long as they were declared, and what is written is in order."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from tests.integration.pipelines.helpers import row, start, until
from tests.integration.pipelines.skew import clock, readers
from tests.integration.pipelines.test_repair import parts
from tests.integration.pipelines.workshop import SOON, Hands, Piece, Workshop, workshop

from sorbus.jobs import Cron, NewJob, list_jobs
from sorbus.jobs.cron import Clock
from sorbus.pipelines import Pipeline, Run, RunState, StageContext, StageState, pause, stage

WAIT = 0.6


@pytest.fixture(params=[5, -5], ids=["ahead", "behind"])
def hours_off(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    """How many hours the clock of this process is off."""
    hours = float(request.param)
    shifted = clock(lambda: hours * 3600)
    found = list(readers())
    assert {"sorbus.jobs.cron", "sorbus.resource.fields"} <= {each.__name__ for each in found}
    for module in found:
        monkeypatch.setattr(module, "datetime", shifted)
    return hours


async def test_waits_and_times_are_by_the_clock_of_the_database(
    url: str, conn: Any, hours_off: float
) -> None:
    failed: list[int] = []

    async def fails_once(context: StageContext, text: str) -> Piece:
        failed.append(context.attempt)
        if context.attempt == 1:
            raise RuntimeError("this attempt fails")
        return Piece(text)

    cut = stage(Workshop.cut)
    rest = pause("rest", seconds=WAIT, after=[cut])
    glue = stage(Workshop.glue, after=[cut, rest], attempts=2, backoff=SOON)
    pipeline = Pipeline.graph("resting", stages=[cut, rest, glue])
    before = await conn.fetchval("SELECT now()")
    async with workshop(url, Hands({"glue": fails_once}), pipeline) as app:
        scope = app.scope(actor="me", tenant="local")
        run = await start(scope, "one", pipeline="resting", text="wood")
        await until(lambda: completed(conn))
        found = await row(scope, run)
    assert failed == [1, 2]
    stages = {each.name: each for each in found.stages}
    assert {each.state for each in stages.values()} == {StageState.DONE}
    assert before <= stages["cut"].started_at <= stages["cut"].finished_at
    assert stages["cut"].finished_at + timedelta(seconds=WAIT) <= stages["rest"].finished_at
    assert stages["rest"].finished_at <= stages["glue"].started_at <= stages["glue"].finished_at
    assert stages["glue"].finished_at <= await conn.fetchval("SELECT now()")


async def completed(conn: Any) -> bool:
    return bool(await conn.fetchval("SELECT bool_and(state = 'completed') FROM pipeline_runs"))


async def test_a_lost_run_that_was_started_by_a_clock_ahead_is_repaired(
    url: str, conn: Any, hours_off: float
) -> None:
    async with workshop(url, Hands(), run_jobs=False) as app:
        run: Run = await start(app.scope(actor="me", tenant="local"), "one", pipeline="craft")
        assert run.state is RunState.PENDING
        await conn.execute("DELETE FROM oban_jobs")
        await parts(app).repair(older_than=60)
        # The repair in the background may have been the one that found it.
        assert (
            await conn.fetchval("SELECT count(*) FROM oban_jobs WHERE args ->> 'run_id' = $1", str(run.id))
            == 1
        )


async def test_crons_are_inserted_by_the_clock_of_the_database(url: str, hours_off: float) -> None:
    asked = asyncio.Event()

    class JustBefore:
        """A connection whose server says that a minute is about to begin, and then that it has begun."""

        def __init__(self, inner: Any) -> None:
            self.inner = inner
            self.times = iter(["11:59:30", "11:59:59.9", "12:00:00.1"])

        async def fetch(self, query: str, /, *args: object) -> Any:
            if query != "SELECT now()":
                return await self.inner.fetch(query, *args)
            said = next(self.times, None)
            if said is None:
                asked.set()
                said = "12:00:00.2"
            return await self.inner.fetch(f"SELECT timestamptz '2026-03-02 {said} UTC'")

    connection = await asyncpg.connect(url)
    crons = [Cron("tidy", "* * * * *", NewJob("tidy"))]
    task = asyncio.create_task(Clock(JustBefore(connection), crons, wake=lambda _: None).run())
    async with asyncio.timeout(30):
        await asked.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [each.meta["cron_at"] for each in await list_jobs(connection)] == ["2026-03-02T12:00:00+00:00"]
    await connection.close()
