"""Random graphs in the hands of workers that die, freeze and lose their links, over a database that dies as well.

Everything is chosen by a seed, which is printed. `SORBUS_CHAOS=long` tries many more, `SORBUS_CHAOS_SEED=7` that one.
"""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.conftest import THROWAWAY
from tests.integration.pipelines.helpers import JOURNAL, application, rows, until
from tests.integration.pipelines.nodes import Field
from tests.integration.pipelines.random_graphs import CHANCE, random_pipeline
from tests.integration.pipelines.test_random_graphs import check, started

from sorbus.data_layers.postgres.embedded import start_embedded
from sorbus.pipelines import Run, RunState

LONG = os.environ.get("SORBUS_CHAOS") == "long"
GIVEN = os.environ.get("SORBUS_CHAOS_SEED")
SEEDS = [int(GIVEN)] if GIVEN else range(20) if LONG else [1]
ROUNDS = 4 if LONG else 1
GRAPHS = 30
ENOUGH = 15
RESUMED = 30.0
PACE = 0.4
# Crashes of the server must lose nothing that was committed; only a power cut is not tried.
DURABLE = {name: value for name, value in THROWAWAY.items() if name != "synchronous_commit"}
NOTE_ITEMS = """
CREATE FUNCTION note_item() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO journal (run_id, event, pid)
    VALUES (NEW.run_id, format('item %s %s', NEW.stage, NEW.index), pg_backend_pid());
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON stage_items
FOR EACH ROW WHEN (NEW.state = 'done') EXECUTE FUNCTION note_item();
"""
OPEN = "SELECT count(*) FROM pipeline_runs WHERE state IN ('pending', 'running', 'waiting')"
PROGRESS = "SELECT count(*) + (SELECT count(*) FROM pipeline_runs WHERE finished_at IS NOT NULL) FROM journal"
LEFT = "SELECT count(*) FROM oban_jobs WHERE state NOT IN ('completed', 'cancelled')"


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_is_lost_or_done_twice_whatever_happens(seed: int, server_folder: Path) -> None:
    graphs = range(10_000 + seed * GRAPHS, 10_000 + (seed + 1) * GRAPHS)
    server = await start_embedded(server_folder, settings=DURABLE)
    try:
        async with application(
            server.url, auto_migrate=True, run_jobs=False, domains=[CHANCE],
            pipelines=[random_pipeline(each) for each in graphs],
        ) as app:  # fmt: skip
            await harmed(app, server, graphs, random.Random(seed))
            found = await over(app)
            for run in found:
                check(int(run.pipeline.removeprefix("random-")), run)
            assert {run.state for run in found} == {RunState.COMPLETED, RunState.FAILED}
        conn = await asyncpg.connect(server.url)
        twice = await conn.fetch("SELECT run_id, event FROM journal GROUP BY 1, 2 HAVING count(*) > 1")
        assert twice == []
        await conn.close()
    finally:
        await server.stop()


async def harmed(app: Any, server: Any, graphs: range, chance: random.Random) -> None:
    """Start runs, harm whoever works on them, and wait for their ends."""
    conn = await asyncpg.connect(server.url)
    await conn.execute(JOURNAL)
    await conn.execute(NOTE_ITEMS)
    await conn.close()
    common = {
        "seeds": [graphs.start, graphs.stop],
        "pace": PACE,
        "lifetime": 900.0 if LONG else 300.0,
        # A node judges the others only when it beats evenly itself, which a busy machine makes hard.
        "job_options": {"beat_every": 0.7, "dead_after": 2.5},
    }
    plans = [common, {**common, "hours_off": 5.0}, {**common, "hours_off": 3.0, "jumps": True}]
    chance.shuffle(plans)
    told = {run.id for run in (await started(app, graphs)).values()}
    async with Field.of(server, server.url, plans[:2], chance) as field:
        for turn in range(ROUNDS):
            for place, harm in enumerate(field.everything()):
                if (turn, place) == (0, 4):  # two nodes until here, three from here on
                    await field.join(plans[2])
                if await field.asked(OPEN) < ENOUGH:  # there must be something to be harmed
                    told |= {run.id for run in (await started(app, graphs)).values()}
                await asyncio.sleep(chance.uniform(0.1, 0.5))
                before = await field.asked(PROGRESS)
                print("chaos:", harm.__name__, f"({before} done)")
                await harm()
                await until(lambda before=before: resumed(field, before), seconds=RESUMED)
        await until(lambda: none_open(field), seconds=90)
        # Who ends a run that has failed cancels its job a moment later; if it is killed between, another node does so.
        await until(lambda: none_left(field), seconds=RESUMED)
    known = {run.id for run in await rows(app.scope(actor="me", tenant="local"), list(told))}
    assert known == told, "runs are lost"


async def resumed(field: Field, before: int) -> bool:
    """Whether work goes on, or nothing is left to do."""
    return bool(await field.asked(PROGRESS) > before or await field.asked(OPEN) == 0)


async def none_open(field: Field) -> bool:
    for node in field.nodes:
        await node.ensure()
    return bool(await field.asked(OPEN) == 0)


async def none_left(field: Field) -> bool:
    return bool(await field.asked(LEFT) == 0)


async def over(app: Any) -> list[Run]:
    """Every run that there is: one whose start was not answered may be there as well."""
    scope = app.scope(actor="me", tenant="local")
    found = await Run.query(scope).all()
    return await rows(scope, [each.id for each in found])
