"""Nodes with different versions of the code work side by side while a deploy lasts."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.pipelines.helpers import JOBS, ended, error_of, start, until
from tests.integration.pipelines.test_repair import parts
from tests.integration.pipelines.workshop import Hands, craft, workshop

from sorbus.jobs.leases import Lease
from sorbus.pipelines import RunState, component
from sorbus.pipelines.running import advance
from sorbus.pipelines.running.store import RunStore

SNOOZED = "SELECT count(*) FROM oban_jobs WHERE (meta ->> 'snoozed')::int >= 2"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advance, "_AGAIN_AFTER", 0.1)


@pytest.mark.parametrize(("theirs", "ours"), [(1, 2), (2, 1)], ids=["newer", "older"])
async def test_a_run_waits_for_a_node_that_knows_its_version(
    url: str, conn: Any, theirs: int, ours: int
) -> None:
    strange, known = Hands(), Hands()
    async with (
        workshop(url, strange, craft(version=theirs)),
        workshop(url, strange, craft(version=theirs)),
        workshop(url, known, craft(version=ours), run_jobs=False) as starter,
    ):
        scope = starter.scope(actor="me", tenant="local")
        runs = [(await start(scope, f"m{number}", pipeline="craft")).id for number in range(3)]
        await until(lambda: waits(conn, 3))
        async with workshop(url, known, craft(version=ours)):
            found = await ended(scope, runs)
    assert {run.state for run in found.values()} == {RunState.COMPLETED}
    assert (strange.seen, len(known.seen)) == ([], 9)
    # to be given back is nobody's failure
    assert [(job["state"], job["attempt"], job["errors"]) for job in await conn.fetch(JOBS)] == [
        ("completed", 1, "[]")
    ] * 3


async def waits(conn: Any, runs: int) -> bool:
    return bool(await conn.fetchval(SNOOZED) == runs)


async def test_a_run_that_no_node_knows_fails_in_the_end(
    url: str, conn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advance, "_DEPLOY_LOOKS", 3)
    async with workshop(url, Hands(), craft(version=1), run_jobs=False) as app:
        run = await start(app.scope(actor="me", tenant="local"), "one", pipeline="craft")
    async with (
        workshop(url, Hands(), craft(version=2)) as app,
        workshop(url, Hands(), craft(version=2)),
    ):
        found = (await ended(app.scope(actor="me", tenant="local"), [run.id]))[run.id]
    assert (found.state, error_of(found)["code"]) == (RunState.FAILED, "unknown-pipeline-version")


async def test_a_lost_run_of_another_version_is_left_to_the_nodes_that_know_it(
    url: str, conn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(component, "_DEPLOY_LOOKS", 2)
    async with workshop(url, Hands(), craft(version=1), run_jobs=False) as old:
        run = await start(old.scope(actor="me", tenant="local"), "one", pipeline="craft")
        await conn.execute("DELETE FROM oban_jobs")
        async with (
            workshop(url, Hands(), craft(version=2), run_jobs=False) as new,
            workshop(url, Hands(), craft(version=3)),
        ):
            states = []
            for _ in range(3):
                await parts(new).repair(older_than=0)
                states.append(await conn.fetchval("SELECT state FROM pipeline_runs WHERE id = $1", run.id))
    assert states == ["pending", "pending", "failed"]


async def test_who_has_lost_the_lease_fails_no_run(url: str, conn: Any) -> None:
    async with workshop(url, Hands(), run_jobs=False) as app:
        run = await start(app.scope(actor="me", tenant="local"), "one", pipeline="craft")
        claimed = await conn.fetchrow(
            "UPDATE oban_jobs SET state = 'executing', attempt = 1, attempted_at = timezone('UTC', now()), "
            "attempted_by = ARRAY['n'] RETURNING id, timezone('UTC', attempted_at) AS at"
        )
        lease = Lease(claimed["id"], 1, claimed["at"], "n")
        store = RunStore(app.database.pool)
        await conn.execute("UPDATE oban_jobs SET attempt = 2")
        assert not await store.fail_run(run.id, {"code": "odd"}, lease)
        assert await conn.fetchval("SELECT state FROM pipeline_runs") == "pending"
        await conn.execute("UPDATE oban_jobs SET attempt = 1")
        assert await store.fail_run(run.id, {"code": "odd"}, lease)
        assert await conn.fetchval("SELECT state FROM pipeline_runs") == "failed"
