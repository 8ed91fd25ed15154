"""Runs whose job or definition got lost, and definitions as rows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.integration.pipelines.helpers import JOBS, application, ended, error_of, row, start, until
from tests.integration.pipelines.workshop import Hands, Piece, Workshop, craft, workshop

from sorbus import Sorbus
from sorbus.errors.pipelines import UnknownPipelineVersion
from sorbus.jobs import NewJob, insert_job
from sorbus.pipelines import (
    Definition,
    Pipeline,
    Pipelines,
    RunState,
    StageContext,
    StageState,
    component,
    stage,
)


def parts(app: Sorbus) -> Pipelines:
    """The component."""
    found: Pipelines = app.service(Pipelines)
    return found


async def test_a_run_of_a_version_that_is_gone_fails_with_a_typed_error(url: str, conn: Any) -> None:
    async with workshop(url, Hands(), craft(version=1), run_jobs=False) as app:
        run = await start(app.scope(actor="me", tenant="local"), "one", pipeline="craft")
    hands = Hands()
    async with workshop(url, hands, craft(version=2)) as app:
        scope = app.scope(actor="me", tenant="local")
        found = (await ended(scope, [run.id]))[run.id]
        error = error_of(found)
        assert (found.state, error["code"]) == (RunState.FAILED, "unknown-pipeline-version")
        assert "version 1" in error["message"]
        assert "craft 2" in error["message"]
        assert hands.seen == []
        # the hint can be followed: nothing but the old version again makes a retry work
        with pytest.raises(UnknownPipelineVersion):
            await found.retry(scope)
        assert (await row(scope, run)).state is RunState.FAILED
    async with workshop(url, hands, craft(version=1), craft(version=2)) as app:
        scope = app.scope(actor="me", tenant="local")
        await (await row(scope, run)).retry(scope)
        assert (await ended(scope, [run.id]))[run.id].state is RunState.COMPLETED
    assert [job["state"] for job in await conn.fetch(JOBS)] == ["cancelled", "completed"]


async def test_a_run_whose_job_is_gone_gets_a_new_one(url: str, conn: Any) -> None:
    async with workshop(url, Hands(), run_jobs=False) as app:
        scope = app.scope(actor="me", tenant="acme")
        run = await start(scope, "one", pipeline="craft", text="wood")
        assert await parts(app).repair(older_than=0) == 0
        await conn.execute("DELETE FROM oban_jobs")
        assert await parts(app).repair(older_than=3600) == 0
        assert await parts(app).repair(older_than=0) == 1
        assert await parts(app).repair(older_than=0) == 0
    async with workshop(url, Hands()) as app:
        found = (await ended(app.scope(actor="me", tenant="acme"), [run.id]))[run.id]
    assert found.state is RunState.COMPLETED
    job = (await conn.fetch(JOBS))[0]
    assert (job["state"], '"acme"' in job["meta"]) == ("completed", True)


async def test_a_repaired_run_keeps_what_was_done(url: str, conn: Any) -> None:
    stop = asyncio.Event()

    async def hold(context: StageContext, text: str) -> Piece:
        stop.set()
        await asyncio.sleep(60)
        return Piece(text)

    hands = Hands({"glue": hold})
    async with workshop(url, hands) as app:
        run = await start(app.scope(actor="me", tenant="local"), "one", pipeline="craft", text="wood")
        await stop.wait()
    await conn.execute("DELETE FROM oban_jobs")
    hands.behave.clear()
    async with workshop(url, hands) as app:
        assert await parts(app).repair(older_than=0) == 1
        found = (await ended(app.scope(actor="me", tenant="local"), [run.id]))[run.id]
    assert found.state is RunState.COMPLETED
    assert [each.stage for each in hands.seen] == ["cut", "glue", "glue", "paint"]


async def test_two_nodes_that_repair_at_the_same_moment_make_one_job(url: str, conn: Any) -> None:
    async with (
        workshop(url, Hands(), run_jobs=False) as first,
        workshop(url, Hands(), run_jobs=False) as second,
    ):
        scope = first.scope(actor="me", tenant="local")
        for number in range(20):
            await start(scope, f"m{number}", pipeline="craft")
        await conn.execute("DELETE FROM oban_jobs")
        await asyncio.gather(*(parts(app).repair(older_than=0) for app in (first, second) for _ in range(2)))
    jobs = await conn.fetch(JOBS)
    assert (len(jobs), len({job["run"] for job in jobs})) == (20, 20)


async def test_repair_happens_by_itself(url: str, conn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(component, "_REPAIR_EVERY", 0.1)
    monkeypatch.setattr(Pipelines.repair, "__kwdefaults__", {"older_than": 0.0})
    async with workshop(url, Hands(), run_jobs=False) as app:
        run = await start(app.scope(actor="me", tenant="local"), "one", pipeline="craft")
        await conn.execute("DELETE FROM oban_jobs")
        await until(lambda: conn.fetchval("SELECT count(*) = 1 FROM oban_jobs"))
        assert (await conn.fetch(JOBS))[0]["run"] == str(run.id)


async def test_a_run_whose_process_died_every_time_fails(url: str, conn: Any) -> None:
    async with workshop(url, Hands(), run_jobs=False) as app:
        scope = app.scope(actor="me", tenant="local")
        run = await start(scope, "one", pipeline="craft")
        # as the rescuer leaves it after the last claim that the job has
        await conn.execute(
            "UPDATE oban_jobs SET state = 'discarded', attempt = max_attempts, discarded_at = timezone('UTC', now())"
        )
        assert await parts(app).repair(older_than=0) == 1
        found = await row(scope, run)
        assert (found.state, error_of(found)["code"]) == (RunState.FAILED, "run-keeps-dying")
        assert found.finished_at is not None
        assert await parts(app).repair(older_than=0) == 0
        # a person may try it again all the same
        await found.retry(scope)
    async with workshop(url, Hands()) as app:
        scope = app.scope(actor="me", tenant="local")
        assert (await ended(scope, [run.id]))[run.id].state is RunState.COMPLETED


async def test_a_lost_run_of_a_version_that_is_gone_fails(url: str, conn: Any) -> None:
    async with workshop(url, Hands(), craft(version=1), run_jobs=False) as app:
        run = await start(app.scope(actor="me", tenant="local"), "one", pipeline="craft")
    await conn.execute("DELETE FROM oban_jobs")
    async with workshop(url, Hands(), craft(version=2), run_jobs=False) as app:
        assert await parts(app).repair(older_than=0) == 1
        found = await row(app.scope(actor="me", tenant="local"), run)
    assert (found.state, error_of(found)["code"]) == (RunState.FAILED, "unknown-pipeline-version")


async def test_a_job_for_a_run_that_does_not_exist_does_no_harm(url: str, conn: Any) -> None:
    ref = await insert_job(
        conn,
        NewJob("pipelines.advance", {"run_id": "01a1fd14-57f2-73b0-92d7-4af9a5de893f"}, queue="pipelines"),
    )
    async with workshop(url, Hands()):
        await until(lambda: conn.fetchval("SELECT state = 'completed' FROM oban_jobs WHERE id = $1", ref.id))


async def test_a_second_job_of_a_finished_run_repeats_nothing(url: str, conn: Any) -> None:
    hands = Hands()
    async with workshop(url, hands) as app:
        scope = app.scope(actor="me", tenant="local")
        run = await start(scope, "one", pipeline="craft")
        await ended(scope, [run.id])
        await insert_job(conn, NewJob("pipelines.advance", {"run_id": str(run.id)}, queue="pipelines"))
        await until(lambda: conn.fetchval("SELECT count(*) = 2 FROM oban_jobs WHERE state = 'completed'"))
        after = await row(scope, run)
    assert (after.state, after.finished_at is not None, len(hands.seen)) == (RunState.COMPLETED, True, 3)
    assert await conn.fetchval("SELECT count(*) FROM journal") == 4


async def test_two_jobs_of_one_run_commit_each_stage_once(url: str, conn: Any) -> None:
    came: set[tuple[Any, str]] = set()

    async def slow(context: StageContext, text: str) -> Piece:
        second = (context.run_id, context.stage) in came
        came.add((context.run_id, context.stage))
        # the second to come finds the checkpoint of the first committed
        await asyncio.sleep(0.8 if second else 0.4)
        return Piece(f"{text}, {context.stage}")

    hands = Hands({"cut": slow, "glue": slow, "paint": slow})
    async with workshop(url, hands) as app:
        scope = app.scope(actor="me", tenant="local")
        async with app.transaction():
            runs = [await start(scope, f"m{number}", pipeline="craft", text="wood") for number in range(5)]
        for run in runs:
            await insert_job(conn, NewJob("pipelines.advance", {"run_id": str(run.id)}, queue="pipelines"))
        found = await ended(scope, [run.id for run in runs])
        await until(lambda: conn.fetchval("SELECT bool_and(state = 'completed') FROM oban_jobs"))
    assert {run.state for run in found.values()} == {RunState.COMPLETED}
    assert all([each.state for each in run.stages] == [StageState.DONE] * 3 for run in found.values())
    times = "SELECT max(n) FROM (SELECT count(*) AS n FROM journal GROUP BY run_id, event) AS t"
    assert (await conn.fetchval(times), await conn.fetchval("SELECT count(*) FROM journal")) == (1, 20)


# definitions


async def test_the_definitions_are_rows_with_stages_and_edges(url: str) -> None:
    async with application(url, run_jobs=False) as app:
        found = await Definition.query(app.scope(actor="me")).order_by(Definition.name).all()
    assert [(each.name, each.version) for each in found] == [
        ("document_extraction", 1),
        ("email_analysis", 1),
    ]
    mail = found[1]
    assert [each["name"] for each in mail.stages] == ["extract", "classify", "summarize"]
    assert mail.stages[0] == {"name": "extract", "action": "EmailAnalysis.extract", "attempts": 3}
    assert mail.edges == [["extract", "classify"], ["classify", "summarize"]]
    assert mail.description


async def test_a_definition_is_brought_up_to_date_and_each_version_is_a_row(url: str) -> None:
    async with workshop(url, Hands(), craft(version=1, attempts=2), run_jobs=False) as app:
        before = await Definition.query(app.scope(actor="me")).all()
    changed = Pipeline("craft", version=1, description="changed", stages=[stage(Workshop.cut, attempts=9)])
    async with workshop(url, Hands(), changed, craft(version=2), run_jobs=False) as app:
        after = await Definition.query(app.scope(actor="me")).order_by(Definition.version).all()
    assert [(each.version, each.description, len(each.stages)) for each in after] == [
        (1, "changed", 1),
        (2, "", 3),
    ]
    assert after[0].id == before[0].id
    assert after[0].edges == []
