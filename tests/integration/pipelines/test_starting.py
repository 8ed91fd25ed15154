"""Starting runs: what is written together or not at all, their content, and who may see them."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from tests.integration.pipelines.helpers import JOBS, application, counts, ended, ingest, start
from tests.integration.pipelines.workshop import Hands, craft, workshop

from sorbus import Sorbus
from sorbus.errors.authorization import ActionForbidden, TenantRequired
from sorbus.errors.base import Invalid, SorbusError
from sorbus.errors.inputs import InvalidAction
from sorbus.errors.pipelines import NoSuchPipeline, PipelinesNotStarted
from sorbus.jobs import Jobs
from sorbus.pipelines import Content, Result, Run, RunState, StageRun
from sorbus.pipelines.sources import SourceType

# start


async def test_a_run_its_stages_and_its_job_are_written_together(url: str, conn: Any) -> None:
    async with application(url, run_jobs=False) as app:
        run = await start(app.scope(actor="me", tenant="acme"), "one")
    assert (run.state, run.version) == (RunState.PENDING, 1)
    assert await counts(conn) == (1, 3, 1, 0)
    stages = await conn.fetch(
        "SELECT name, position, state, tenant, attempt FROM stage_runs ORDER BY position"
    )
    assert [tuple(each.values()) for each in stages] == [
        ("extract", 0, "ready", "acme", 0),
        ("classify", 1, "waiting", "acme", 0),
        ("summarize", 2, "waiting", "acme", 0),
    ]
    job = (await conn.fetch(JOBS))[0]
    assert (job["state"], job["run"]) == ("available", str(run.id))


async def test_an_unknown_pipeline_is_refused_with_the_near_name_and_nothing_is_written(
    url: str, conn: Any
) -> None:
    async with application(url, run_jobs=False) as app:
        scope = app.scope(actor="me", tenant="local")
        content = await ingest(scope, "one")
        with pytest.raises(NoSuchPipeline) as caught:
            await Run.start(scope, content_id=content.id, pipeline="email_analisis")
    assert caught.value.path == ("input", "pipeline")
    assert "Did you mean `email_analysis`?" in str(caught.value)
    assert "document_extraction" in str(caught.value)
    assert await counts(conn) == (0, 0, 0, 0)


async def test_a_run_of_content_that_does_not_exist_is_refused_and_nothing_is_written(
    url: str, conn: Any
) -> None:
    async with application(url, run_jobs=False) as app:
        with pytest.raises(Invalid) as caught:
            await Run.start(
                app.scope(actor="me", tenant="local"), content_id=uuid4(), pipeline="email_analysis"
            )
    assert "content_id" in str(caught.value)
    assert await counts(conn) == (0, 0, 0, 0)


async def test_a_start_in_a_transaction_that_is_rolled_back_leaves_nothing(url: str, conn: Any) -> None:
    hands = Hands()
    async with workshop(url, hands) as app:
        scope = app.scope(actor="me", tenant="local")
        with pytest.raises(RuntimeError, match="no"):
            async with app.transaction():
                await start(scope, "one", pipeline="craft")
                raise RuntimeError("no")
        await asyncio.sleep(0.5)
    assert await counts(conn) == (0, 0, 0, 0)
    assert hands.seen == []


async def test_no_stage_runs_before_the_callers_transaction_commits(url: str) -> None:
    hands = Hands()
    async with workshop(url, hands) as app:
        scope = app.scope(actor="me", tenant="local")
        async with app.transaction():
            run = await start(scope, "one", pipeline="craft")
            await asyncio.sleep(0.5)
            assert hands.seen == []
        assert (await ended(scope, [run.id]))[run.id].state is RunState.COMPLETED


async def test_an_application_without_the_component_says_so(url: str, conn: Any) -> None:
    from sorbus.pipelines import PIPELINES

    async with Sorbus(domains=[PIPELINES], database_url=url, secret=b"k" * 32) as app:
        scope = app.scope(actor="me", tenant="local")
        content = await ingest(scope, "one")
        with pytest.raises(SorbusError) as caught:
            await Run.start(scope, content_id=content.id, pipeline="email_analysis")
    assert caught.value.code in {"pipelines-not-started", "no-such-service"}
    assert await counts(conn) == (0, 0, 0, 0)


# content


async def test_the_same_content_again_is_brought_up_to_date_and_keeps_its_id(url: str, conn: Any) -> None:
    async with application(url, run_jobs=False) as app:
        scope = app.scope(actor="me", tenant="local")
        first = await ingest(scope, "one", text="old")
        run = await Run.start(scope, content_id=first.id, pipeline="email_analysis")
        second = await ingest(scope, "one", text="new")
        other_kind = await ingest(scope, "one", text="new", source_type=SourceType.DOCUMENT)
        elsewhere = await ingest(app.scope(actor="me", tenant="other"), "one", text="new")
        found = await Content.query(scope).load(Content.runs).where(Content.id == first.id).one()
    assert (second.id, second.text, second.inserted_at) == (first.id, "new", first.inserted_at)
    assert len({first.id, other_kind.id, elsewhere.id}) == 3
    assert [each.id for each in found.runs] == [run.id]
    assert await conn.fetchval("SELECT count(*) FROM contents") == 3


async def test_content_taken_in_twice_at_the_same_moment_is_one(url: str, conn: Any) -> None:
    async with application(url, run_jobs=False) as app:
        scope = app.scope(actor="me", tenant="local")
        found = await asyncio.gather(*(ingest(scope, "one", text=f"text {number}") for number in range(10)))
    assert len({each.id for each in found}) == 1
    assert await conn.fetchval("SELECT count(*) FROM contents") == 1


# who sees what


async def test_another_tenant_sees_nothing_and_can_do_nothing(url: str) -> None:
    async with workshop(url, Hands()) as app:
        mine, others = app.scope(actor="me", tenant="mine"), app.scope(actor="me", tenant="others")
        run = await start(mine, "one", pipeline="craft")
        found = (await ended(mine, [run.id]))[run.id]
        for resource in (Content, Run, StageRun, Result):
            assert await resource.query(mine).count() > 0
            assert await resource.query(others).count() == 0
        with pytest.raises(SorbusError):
            await found.cancel(others)
        with pytest.raises(InvalidAction, match="no Content"):
            await Run.start(others, content_id=found.content_id, pipeline="craft")
        assert await Run.query(others).count() == 0


async def test_an_anonymous_caller_and_one_without_a_tenant_are_refused(url: str) -> None:
    async with application(url, run_jobs=False) as app:
        with pytest.raises(ActionForbidden):
            await ingest(app.scope(tenant="local"), "one")
        with pytest.raises(TenantRequired):
            await ingest(app.scope(actor="me"), "one")


async def test_a_closed_applications_components_refuse(url: str) -> None:
    with pytest.raises(PipelinesNotStarted):
        await _parts(application(url)).repair()


def _parts(app: Sorbus) -> Any:
    from sorbus.pipelines import Pipelines

    return next(each for each in app.components if isinstance(each, Pipelines))


async def test_a_version_stays_with_the_run_that_it_started_with(url: str) -> None:
    hands = Hands()
    async with workshop(url, hands, craft(version=1), run_jobs=False) as app:
        old = await start(app.scope(actor="me", tenant="local"), "old", pipeline="craft")
    async with workshop(url, hands, craft(version=1), craft(version=2)) as app:
        scope = app.scope(actor="me", tenant="local")
        new = await start(scope, "new", pipeline="craft")
        found = await ended(scope, [old.id, new.id])
        assert isinstance(app.service(Jobs), Jobs)
    assert {run.version: run.state for run in found.values()} == {
        1: RunState.COMPLETED,
        2: RunState.COMPLETED,
    }
