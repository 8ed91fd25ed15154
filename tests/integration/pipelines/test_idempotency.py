"""Who asks twice with one idempotency key has one run, whoever asks first, and whatever becomes of it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tests.integration.pipelines.helpers import application, ended, ingest, waits_for_a_lock
from tests.integration.pipelines.shapes import Doing, Shapes, me, shaped
from tests.integration.pipelines.workshop import Hands, craft, workshop

from sorbus import Scope, outcome_of
from sorbus.errors.inputs import InvalidAction, InvalidInput
from sorbus.errors.pipelines import IdempotencyKeyReused, NoSuchDefinition
from sorbus.pipelines import Content, Definition, Pipeline, Run, RunState, stage

STAGES = [{"name": "cut", "action": "Workshop.cut"}]


async def counted(conn: Any) -> tuple[int, int, int]:
    """The runs, their jobs and their stages."""
    row = await conn.fetchrow(
        "SELECT (SELECT count(*) FROM pipeline_runs), (SELECT count(*) FROM oban_jobs),"
        " (SELECT count(*) FROM stage_runs)"
    )
    return tuple(row)


async def keyed(scope: Scope, content: Content, key: str | None = "order-1", **inputs: Any) -> Run:
    """A run of the craft with a key."""
    return await Run.start(
        scope, **{"content_id": content.id, "pipeline": "craft", "idempotency_key": key, **inputs}
    )


async def test_the_same_key_answers_with_the_same_run_also_when_it_is_over(url: str, conn: Any) -> None:
    hands = Hands()
    async with workshop(url, hands) as app:
        scope = app.scope(actor="me", tenant="local")
        content = await ingest(scope, "one", text="wood")
        first = await keyed(scope, content)
        await ended(scope, [first.id])
        again = await keyed(scope, content)
        found = (await ended(scope, [first.id]))[first.id]
    assert (outcome_of(first), outcome_of(again)) == ("inserted", "updated")
    assert (again.id, again.state, found.state) == (first.id, RunState.COMPLETED, RunState.COMPLETED)
    assert [each.stage for each in hands.seen] == ["cut", "glue", "paint"]
    assert (await counted(conn))[:2] == (1, 1)


async def test_another_input_is_another_wish(url: str) -> None:
    part = Pipeline("part", input=str, stages=[stage(Shapes.shout)])
    async with shaped(url, Doing(), part) as app:
        content = await ingest(me(app), "one")
        first = await keyed(me(app), content, pipeline="part", input="a")
        again = await keyed(me(app), content, pipeline="part", input="a")
        assert first.id == again.id
        with pytest.raises(IdempotencyKeyReused):
            await keyed(me(app), content, pipeline="part", input="b")


async def test_runs_without_a_key_are_as_many_as_were_asked_for(url: str, conn: Any) -> None:
    async with workshop(url, Hands(), run_jobs=False) as app:
        scope = app.scope(actor="me", tenant="local")
        content = await ingest(scope, "one")
        made = [await keyed(scope, content, None) for _ in range(2)]
    assert made[0].id != made[1].id
    assert [outcome_of(each) for each in made] == ["inserted", "inserted"]
    assert await counted(conn) == (2, 2, 6)


@pytest.mark.parametrize("other", ["content", "pipeline", "model", "reuse"])
async def test_the_same_key_with_other_inputs_is_refused_and_names_the_run(
    url: str, conn: Any, other: str
) -> None:
    async with workshop(url, Hands(), craft(), craft(name="cabinet"), run_jobs=False) as app:
        scope = app.scope(actor="me", tenant="local")
        content = await ingest(scope, "one")
        first = await keyed(scope, content)
        inputs: dict[str, Any] = {
            "content": {"content_id": (await ingest(scope, "two")).id},
            "pipeline": {"pipeline": "cabinet"},
            "model": {"model": "scripted:other"},
            "reuse": {"reuse": True},
        }[other]
        for _ in range(2):
            with pytest.raises(IdempotencyKeyReused) as caught:
                await keyed(scope, content, **inputs)
        same = await keyed(scope, content)
    assert caught.value.run_id == first.id
    assert str(first.id) in caught.value.message
    assert caught.value.path == ("input", "idempotency_key")
    assert same.id == first.id
    assert await counted(conn) == (1, 1, 3)


async def test_the_same_run_is_meant_after_a_deploy_with_a_new_version(url: str, conn: Any) -> None:
    async with workshop(url, Hands(), run_jobs=False) as app:
        scope = app.scope(actor="me", tenant="local")
        content = await ingest(scope, "one")
        first = await keyed(scope, content)
    async with workshop(url, Hands(), craft(), craft(version=2), run_jobs=False) as app:
        again = await keyed(app.scope(actor="me", tenant="local"), content)
    assert (again.id, again.version) == (first.id, 1)


async def test_tenants_have_keys_of_their_own(url: str, conn: Any) -> None:
    async with workshop(url, Hands(), run_jobs=False) as app:
        scopes = [app.scope(actor="me", tenant=name) for name in ("one", "two")]
        made = [await keyed(scope, await ingest(scope, "mail")) for scope in scopes]
        for scope, run in zip(scopes, made, strict=True):
            assert [each.id for each in await Run.query(scope).all()] == [run.id]
    assert await counted(conn) == (2, 2, 6)


async def test_a_refused_start_leaves_the_key_free(url: str, conn: Any) -> None:
    async with workshop(url, Hands(), run_jobs=False) as app:
        scope = app.scope(actor="me", tenant="local")
        foreign = await ingest(app.scope(actor="me", tenant="other"), "theirs")
        with pytest.raises(InvalidAction):
            await keyed(scope, foreign)
        content = await ingest(scope, "one")
        assert outcome_of(await keyed(scope, content)) == "inserted"
    assert await counted(conn) == (1, 1, 3)


async def test_a_repeated_request_has_its_answer_also_when_what_it_names_is_gone(url: str, conn: Any) -> None:
    async with workshop(url, Hands()) as app:
        scope = app.scope(actor="me", tenant="local")
        content = await ingest(scope, "one", text="wood")
        made = await Definition.define(scope, name="mine", stages=STAGES)
        given = {"content_id": content.id, "definition_id": made.id, "idempotency_key": "from"}
        run = await Run.start_from(scope, **given)
        await ended(scope, [run.id])
        forked = {"forked_from": run.id, "fork_stage": "cut", "idempotency_key": "fork"}
        fork = await Run.fork(scope, **forked)
        await ended(scope, [fork.id])
        await made.retire(scope)
        assert (await Run.start_from(scope, **given)).id == run.id
        await conn.execute("DELETE FROM pipeline_runs WHERE id = $1", run.id)
        assert (await Run.fork(scope, **forked)).id == fork.id
        with pytest.raises(IdempotencyKeyReused):
            await Run.fork(scope, **{**forked, "fork_stage": "glue"})
        with pytest.raises(NoSuchDefinition):
            await Run.start_from(scope, **given)


@pytest.mark.parametrize("key", ["", "  "])
async def test_an_empty_key_is_refused(url: str, conn: Any, key: str) -> None:
    async with workshop(url, Hands(), run_jobs=False) as app:
        scope = app.scope(actor="me", tenant="local")
        content = await ingest(scope, "one")
        with pytest.raises(InvalidInput) as caught:
            await keyed(scope, content, key)
    assert caught.value.path == ("input", "idempotency_key")
    assert await counted(conn) == (0, 0, 0)


async def test_a_key_that_is_too_long_is_refused(url: str, conn: Any) -> None:
    async with workshop(url, Hands(), run_jobs=False) as app:
        scope = app.scope(actor="me", tenant="local")
        content = await ingest(scope, "one")
        with pytest.raises(InvalidAction) as caught:
            await keyed(scope, content, "k" * 201)
    assert caught.value.errors[0].path == ("input", "idempotency_key")
    assert await counted(conn) == (0, 0, 0)


async def test_of_many_processes_that_ask_at_once_one_starts_the_run(url: str, conn: Any) -> None:
    async with workshop(url, Hands(), run_jobs=False) as one, workshop(url, Hands(), run_jobs=False) as two:
        scopes = [app.scope(actor="me", tenant="local") for app in (one, two)]
        content = await ingest(scopes[0], "one")
        made = await asyncio.gather(*(keyed(scopes[number % 2], content) for number in range(16)))
    assert len({each.id for each in made}) == 1
    assert sorted(str(outcome_of(each)) for each in made) == ["inserted", *["updated"] * 15]
    assert await counted(conn) == (1, 1, 3)


@pytest.mark.parametrize("kept", [True, False])
async def test_who_comes_second_waits_for_the_first_and_takes_over_where_that_is_rolled_back(
    url: str, conn: Any, kept: bool
) -> None:
    async with workshop(url, Hands(), run_jobs=False) as one, workshop(url, Hands(), run_jobs=False) as two:
        scope, other = (app.scope(actor="me", tenant="local") for app in (one, two))
        content = await ingest(scope, "one")
        async with AsyncExitStack() as stack:
            if not kept:
                stack.enter_context(pytest.raises(LookupError))
            await stack.enter_async_context(one.transaction())
            first = await keyed(scope, content)
            second = asyncio.create_task(keyed(other, content))
            await waits_for_a_lock(conn)
            assert not second.done()
            if not kept:
                raise LookupError
        found = await second
    assert (found.id == first.id) is kept
    assert outcome_of(found) == ("updated" if kept else "inserted")
    assert await counted(conn) == (1, 1, 3)


async def test_many_starts_at_once_have_keys_too(url: str, conn: Any) -> None:
    async with workshop(url, Hands(), run_jobs=False) as app:
        scope = app.scope(actor="me", tenant="local")
        content = await ingest(scope, "one")
        first = await keyed(scope, content, "b")
        rows = [
            {"content_id": content.id, "pipeline": "craft", "idempotency_key": key}
            for key in ("a", "b", None, "c", "a", None)
        ]
        result = await Run.start.bulk(scope, rows, returning=True)
        assert result.records is not None
        ids = [each.id for each in result.records]
        wrong = {
            "content_id": content.id,
            "pipeline": "craft",
            "model": "scripted:other",
            "idempotency_key": "c",
        }
        left = await Run.start.bulk(scope, [wrong, {**wrong, "idempotency_key": "d"}], on_error="continue")
        with pytest.raises(IdempotencyKeyReused):
            await Run.start.bulk(scope, [{**wrong, "idempotency_key": "e"}, wrong])
    assert (result.count, len(set(ids))) == (6, 5)
    assert (ids[1], ids[0]) == (first.id, ids[4])
    assert (left.count, [(each.index, type(each.error)) for each in left.errors]) == (
        1,
        [(0, IdempotencyKeyReused)],
    )
    assert await counted(conn) == (6, 6, 18)


async def test_definitions_forks_and_replays_have_keys_too(url: str, conn: Any) -> None:
    async with workshop(url, Hands()) as app:
        scope = app.scope(actor="me", tenant="local")
        content = await ingest(scope, "one", text="wood")
        made = await Definition.define(scope, name="mine", stages=STAGES)
        given = {"content_id": content.id, "definition_id": made.id, "idempotency_key": "from"}
        run = await Run.start_from(scope, **given, reuse=True)
        assert (await Run.start_from(scope, **given, reuse=True)).id == run.id
        with pytest.raises(IdempotencyKeyReused):
            await Run.start_from(scope, **given)
        await ended(scope, [run.id])
        forked = {"forked_from": run.id, "fork_stage": "cut", "idempotency_key": "fork"}
        fork = await Run.fork(scope, **forked)
        assert (await Run.fork(scope, **forked)).id == fork.id
        replayed = {"replay_of": run.id, "idempotency_key": "replay"}
        replay = await Run.replay(scope, **replayed)
        assert (await Run.replay(scope, **replayed)).id == replay.id
        with pytest.raises(IdempotencyKeyReused):
            await keyed(scope, content, "replay")
        await ended(scope, [fork.id, replay.id])
    assert (await counted(conn))[:2] == (3, 3)


async def test_an_application_without_the_key_in_its_table_gets_it(url: str, conn: Any) -> None:
    async with application(url, run_jobs=False) as app:
        scope = app.scope(actor="me", tenant="local")
        run = await Run.start(scope, content_id=(await ingest(scope, "one")).id, pipeline="email_analysis")
    await conn.execute(
        "ALTER TABLE pipeline_runs DROP COLUMN idempotency_key, DROP COLUMN asked, DROP COLUMN asked_again,"
        " DROP COLUMN reuse, DROP COLUMN replay_of"
    )
    await conn.execute("ALTER TABLE stage_runs DROP COLUMN fingerprint, DROP COLUMN reused_from")
    await conn.execute("ALTER TABLE stage_items DROP COLUMN fingerprint, DROP COLUMN reused_from")
    await conn.execute("DELETE FROM sorbus_pushed_schema")
    async with application(url, auto_migrate=True) as app:
        scope = app.scope(actor="me", tenant="local")
        found = (await ended(scope, [run.id]))[run.id]
    assert (found.state, found.reuse, found.idempotency_key) == (RunState.COMPLETED, None, None)
