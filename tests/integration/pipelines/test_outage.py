"""The database goes away while runs are under way, and comes back: they all complete, nothing is done twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from tests.conftest import THROWAWAY
from tests.integration.pipelines.helpers import JOBS, JOURNAL, answer, application, ended, start, until
from tests.integration.pipelines.workshop import Hands, Piece, workshop

from sorbus import Scope
from sorbus.data_layers.postgres.embedded import EmbeddedServer, start_embedded
from sorbus.pipelines import Run, RunState, StageContext
from sorbus.testing.model_server import ModelServer, Reply

# Everything of the application's but the beats may be cut off: a node without beats loses its jobs, which is right.
CUT = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


async def check_journal(conn: Any, runs: dict[UUID, Run], events: set[str]) -> None:
    """Every stage and every result was committed exactly once."""
    assert Counter(run.state for run in runs.values()) == {RunState.COMPLETED: len(runs)}
    entries = await conn.fetch("SELECT run_id, event FROM journal")
    assert Counter((each["run_id"], each["event"]) for each in entries) == {
        (run, event): 1 for run in runs for event in events
    }
    assert {job["state"] for job in await conn.fetch(JOBS)} == {"completed"}


async def test_runs_survive_all_their_connections_being_cut_again_and_again(url: str, conn: Any) -> None:
    async with (
        ModelServer(answer=answer, default=Reply(delay=0.15)) as server,
        application(url, models=server.model, concurrency=10) as app,
    ):
        scope = app.scope(actor="me", tenant="local")
        async with app.transaction():
            runs = [(await start(scope, f"m{number}")).id for number in range(40)]
        for _ in range(5):
            await asyncio.sleep(0.25)
            assert await conn.fetchval("SELECT count(*) FROM pipeline_runs WHERE state <> 'completed'") > 0
            assert await conn.fetchval(CUT) > 0
        found = await when_back(scope, runs)
    await check_journal(conn, found, {"stage extract", "stage classify", "stage summarize", "result"})
    calls = [call for run in found.values() for call in run.llm_calls if call.status == "ok"]
    answered = Counter((call.run_id, call.stage, call.request_hash) for call in calls)
    assert set(answered.values()) == {1}
    assert len(answered) == 3 * len(runs)
    # a cut connection is nobody's failure
    assert {(stage.attempt, stage.error) for run in found.values() for stage in run.stages} == {(0, None)}


async def when_back(scope: Scope, runs: list[UUID]) -> dict[UUID, Run]:
    """The runs when they have ended; the question itself may meet a cut connection."""
    from sorbus.errors.database import DatabaseUnavailable

    while True:
        try:
            return await ended(scope, runs, seconds=60)
        except DatabaseUnavailable:
            await asyncio.sleep(0.1)


async def test_runs_survive_a_server_that_stops_and_starts_again(server_folder: Path) -> None:
    server = await start_embedded(server_folder, settings=THROWAWAY)
    try:
        hands = Hands()
        gate = asyncio.Event()

        async def slow(context: StageContext, text: str) -> Piece:
            await gate.wait()
            return Piece(f"{text}, {context.stage}")

        hands.behave["glue"] = slow
        async with workshop(server.url, hands, auto_migrate=True, concurrency=10) as app:
            conn = await asyncpg.connect(server.url)
            await conn.execute(JOURNAL)
            scope = app.scope(actor="me", tenant="local")
            runs = [
                (await start(scope, f"m{number}", pipeline="craft", text="wood")).id for number in range(8)
            ]
            await until(lambda: len(hands.attempts("glue")) == 8)
            await conn.close()
            await server.stop()
            gate.set()
            await asyncio.sleep(3)
            server = await start_embedded(server_folder, settings=THROWAWAY)
            found = await when_back(scope, runs)
            conn = await asyncpg.connect(server.url)
            await until(lambda: all_completed(conn))
            await check_journal(conn, found, {"stage cut", "stage glue", "stage paint", "result"})
            await conn.close()
        # the stages that were done before were not repeated, those in hand at most once
        assert len(hands.attempts("cut")) == 8
        assert len(hands.attempts("glue")) <= 16
    finally:
        await stop(server)


async def all_completed(conn: Any) -> bool:
    return bool(await conn.fetchval("SELECT bool_and(state = 'completed') FROM oban_jobs"))


async def stop(server: EmbeddedServer) -> None:
    await server.stop()
