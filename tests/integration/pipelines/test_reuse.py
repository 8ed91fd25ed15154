"""A run that asks for it takes the outputs of earlier runs where nothing that they depend on has changed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from tests.integration.pipelines.helpers import application, ended, row
from tests.integration.pipelines.shapes import (
    Doing,
    committed_twice,
    data,
    items_of,
    me,
    no_job_left,
    over,
    raising,
    stage_of,
    states,
)
from tests.integration.pipelines.thrift import (
    THRIFT,
    Thrift,
    done,
    each,
    grow,
    join,
    mail,
    read,
    thrift,
    thrifty,
)

from sorbus import Domain, Policies, Resource, Scope, Sorbus, action, actor_present, authorize_if, policy
from sorbus.errors.base import Invalid
from sorbus.errors.inputs import NotFound
from sorbus.errors.pipelines import BadStageOption
from sorbus.pipelines import (
    Content,
    Pipeline,
    Rate,
    Run,
    RunState,
    StageContext,
    StageState,
    limit,
    nested,
    pause,
    stage,
)
from sorbus.pipelines.running.sql import sql

ALL = ["read", "each", "each", "each", "join"]


def sources(run: Run) -> dict[str, UUID | None]:
    """Where the outputs of a run's stages are from."""
    return {each.name: each.reused_from for each in run.stages}


async def fingerprints(conn: Any) -> int:
    """How many stages and items have one."""
    found: int = await conn.fetchval(
        "SELECT (SELECT count(fingerprint) FROM stage_runs) + (SELECT count(fingerprint) FROM stage_items)"
    )
    return found


async def test_an_unchanged_run_is_done_without_any_work(url: str, conn: Any) -> None:
    doing = Doing()
    async with thrifty(url, doing, thrift(stage(Thrift.ask))) as app:
        scope = me(app)
        content = await mail(scope)
        first = await done(scope, content)
        assert sorted(doing.stages) == sorted([*ALL, "ask"])
        second = await done(scope, content)
        third = await done(scope, content)
        items = [await items_of(scope, run) for run in (first, second)]
        totals = [
            await Run.get(scope, run.id, load=[Run.stages_reused, Run.items_reused, Run.tokens_in])
            for run in (first, second)
        ]
    assert len(doing.seen) == 6
    assert data(first) == data(second) == data(third)
    paid = {name: stage_of(first, name).id for name in ("read", "join", "ask")}
    # Of a map the items are reused, each for itself; and who has paid is named, whoever has reused it since.
    assert sources(second) == sources(third) == {**paid, "each": None}
    assert [each.reused_from for each in items[1]] == [each.id for each in items[0]]
    assert [(each.stages_reused, each.items_reused) for each in totals] == [(0, 0), (3, 3)]
    assert totals[0].tokens_in
    assert not totals[1].tokens_in
    assert await committed_twice(conn) == []


async def test_what_did_not_ask_for_it_reuses_nothing_and_leaves_nothing(url: str, conn: Any) -> None:
    doing = Doing()
    async with thrifty(url, doing) as app:
        scope = me(app)
        content = await mail(scope)
        await done(scope, content, reuse=None)
        assert await fingerprints(conn) == 0
        await done(scope, content, reuse=True)
        assert await fingerprints(conn) == 5
        await done(scope, content, reuse=None)
    assert len(doing.seen) == 15


async def test_a_pipeline_may_leave_fingerprints_for_others(url: str, conn: Any) -> None:
    doing = Doing()
    async with thrifty(url, doing, thrift(fingerprints=True)) as app:
        scope = me(app)
        content = await mail(scope)
        first = await done(scope, content, reuse=None)
        await done(scope, content, reuse=None)
        assert len(doing.seen) == 10
        second = await done(scope, content)
    assert len(doing.seen) == 10
    assert data(second) == data(first)


async def test_of_a_list_only_the_new_items_are_done(url: str) -> None:
    doing = Doing()
    async with thrifty(url, doing) as app:
        scope = me(app)
        await done(scope, await mail(scope))
        changed = await mail(scope, text="x c a b")
        doing.given.clear()
        second = await done(scope, changed)
        items = await items_of(scope, second)
    assert doing.given == ["x c a b", "x", ["X", "C", "A", "B"]]
    assert [each.reused_from is None for each in items] == [True, False, False, False]
    assert data(second)["join"] == {"text": "X C A B"}


async def test_a_long_list_is_taken_over_whatever_its_bound(url: str) -> None:
    text = " ".join(f"w{number}" for number in range(200))
    doing = Doing()
    async with thrifty(url, doing) as app:
        scope = me(app)
        first = await done(scope, await mail(scope, text=text))
        doing.seen.clear()
        second = await done(scope, await mail(scope, text=f"{text} more"))
    assert doing.stages == ["read", "each", "join"]
    assert data(second)["each"] == [*data(first)["each"], "MORE"]


@pytest.mark.parametrize("what", ["text", "title", "metadata"])
async def test_changed_content_is_read_again(url: str, what: str) -> None:
    doing = Doing()
    async with thrifty(url, doing) as app:
        scope = me(app)
        given: dict[str, Any] = {
            "source_type": "text", "external_id": "1", "text": "a b", "title": "t", "metadata": {"k": [1]}
        }  # fmt: skip
        content = await Content.ingest(scope, **given)
        await done(scope, content)
        doing.seen.clear()
        await Content.ingest(
            scope, **{**given, what: {"text": "b a", "title": "u", "metadata": {"k": [2]}}[what]}
        )
        await done(scope, content)
    # What is behind it comes to the same again, unless the list is another one.
    assert doing.stages == ["read"] + (["join"] if what == "text" else [])


async def test_the_same_text_in_other_content_is_read_for_itself(url: str) -> None:
    doing = Doing()
    async with thrifty(url, doing) as app:
        scope = me(app)
        await done(scope, await mail(scope))
        doing.seen.clear()
        await done(scope, await mail(scope, "two"))
    assert doing.stages == ["read"]


async def test_another_model_pays_again(url: str) -> None:
    doing = Doing()
    async with thrifty(url, doing) as app:
        scope = me(app)
        content = await mail(scope)
        await done(scope, content)
        await done(scope, content, model="scripted:other")
        assert len(doing.seen) == 10
        await done(scope, content, model="scripted:other")
        # The usual model by its name is the usual model.
        await done(scope, content, model="scripted:any")
    assert len(doing.seen) == 10


async def test_a_raised_version_pays_again_and_what_follows_does_where_the_output_changed(url: str) -> None:
    doing = Doing()
    async with thrifty(url, doing) as app:
        content = await mail(me(app))
        await done(me(app), content)
    second = Pipeline.graph("thrift", stages=[read, replace(each, version=2), join], version=2)
    async with thrifty(url, doing, second) as app:
        doing.seen.clear()
        await done(me(app), content)
        assert doing.stages == ["each", "each", "each"]
    doing.behave["each"] = lambda context, given: asyncio.sleep(0, given * 2)
    third = Pipeline.graph("thrift", stages=[read, replace(each, version=3), join], version=3)
    async with thrifty(url, doing, third) as app:
        doing.seen.clear()
        found = await done(me(app), content)
    assert doing.stages == ["each", "each", "each", "join"]
    assert data(found)["join"] == {"text": "aa bb cc"}


async def test_rounds_are_reused_up_to_the_first_that_differs(url: str) -> None:
    doing = Doing()
    async with thrifty(url, doing, thrift(grow)) as app:
        scope = me(app)
        content = await mail(scope)
        first = await done(scope, content)
        second = await done(scope, content)
    assert doing.times("grow") == 3
    assert data(first)["grow"] == data(second)["grow"] == "A!!!"
    longer = replace(grow, work=replace(grow.work, until=lambda grow: grow.contains("!!!!!")))
    async with thrifty(url, doing, thrift(longer, version=2)) as app:
        third = await done(me(app), content)
        rounds = await items_of(me(app), third)
    assert doing.times("grow") == 5
    assert data(third)["grow"] == "A!!!!!"
    assert [each.reused_from is None for each in rounds if each.stage == "grow"] == [False] * 3 + [True] * 2


async def test_what_works_outside_or_waits_is_done_each_time(url: str, conn: Any) -> None:
    doing = Doing()
    pipeline = thrift(
        stage(Thrift.send),
        stage(Thrift.store),
        stage(Thrift.nothing),
        stage(Thrift.ask, reuse=False),
        stage(Thrift.join, name="bound", undo=Thrift.take_back),
        pause("rest", seconds=0.01, after=join),
    )
    async with thrifty(url, doing, pipeline) as app:
        scope = me(app)
        content = await mail(scope)
        await done(scope, content)
        doing.seen.clear()
        second = await done(scope, content)
    assert sorted(doing.stages) == ["ask", "bound", "nothing", "send", "store"]
    assert str(second.id) in data(second)["send"]
    assert {name for name, source in sources(second).items() if source is not None} == {"read", "join"}


async def test_an_author_may_say_that_a_key_or_a_transaction_does_not_matter(url: str) -> None:
    doing = Doing()
    pipeline = thrift(stage(Thrift.send, reuse=True), stage(Thrift.store, reuse=True))
    async with thrifty(url, doing, pipeline) as app:
        scope = me(app)
        content = await mail(scope)
        first = await done(scope, content)
        second = await done(scope, content)
    assert len(doing.seen) == 7
    assert data(second)["send"] == data(first)["send"]


@pytest.mark.parametrize(
    "options", [{"reuse": True, "undo": Thrift.take_back}, {"version": 0}], ids=["undo", "version"]
)
def test_what_cannot_be_is_refused_when_it_is_declared(options: dict[str, Any]) -> None:
    with pytest.raises(BadStageOption):
        stage(Thrift.join, **options)


async def test_a_stage_that_raised_is_tried_again_by_the_next_run(url: str, conn: Any) -> None:
    doing = Doing({"join": raising(Invalid("no"), times=1)})
    async with thrifty(url, doing) as app:
        scope = me(app)
        content = await mail(scope)
        first = await done(scope, content)
        assert first.state is RunState.FAILED
        doing.seen.clear()
        doing.behave.clear()
        second = await done(scope, content)
        assert doing.stages == ["join"]
        await first.retry(scope)
        await ended(scope, [first.id])
        again = await over(scope, first)
    # The retry of a run that has asked for it reuses as well.
    assert doing.stages == ["join"]
    assert data(again) == data(second)
    assert stage_of(again, "join").reused_from == stage_of(second, "join").id


async def test_an_item_that_raised_is_the_only_one_that_is_done_again(url: str) -> None:
    async def spoilt(context: StageContext, given: str) -> str:
        if given == "b":
            raise Invalid("no")
        return given.upper()

    doing = Doing({"each": spoilt})
    async with thrifty(url, doing) as app:
        scope = me(app)
        content = await mail(scope)
        assert (await done(scope, content)).state is RunState.FAILED
        doing.behave.clear()
        doing.given.clear()
        second = await done(scope, content)
    assert doing.given == ["b", ["A", "B", "C"]]
    assert data(second)["join"] == {"text": "A B C"}


async def test_what_a_failure_started_is_reused_on_the_same_failure(url: str) -> None:
    doing = Doing({"join": raising(Invalid("no"))})
    pipeline = thrift(stage(Thrift.caught, on_failure=join))
    async with thrifty(url, doing, pipeline) as app:
        scope = me(app)
        content = await mail(scope)
        first = await done(scope, content)
        second = await done(scope, content)
    assert (doing.times("join"), doing.times("caught")) == (2, 1)
    assert data(first)["caught"] == data(second)["caught"] == "invalid"
    assert states(second)["join"] is StageState.FAILED


async def test_tenants_share_nothing(url: str) -> None:
    doing = Doing()
    async with thrifty(url, doing) as app:
        scopes = [app.scope(actor="me", tenant=name) for name in ("local", "other")]
        contents = [await mail(scope) for scope in scopes]
        runs = [await done(scope, content) for scope, content in zip(scopes, contents, strict=True)]
        assert len(doing.seen) == 10
        await done(scopes[1], contents[1])
        with pytest.raises(NotFound):
            await Run.replay(scopes[1], replay_of=runs[0].id)
    assert len(doing.seen) == 10


async def test_a_fingerprint_that_another_tenant_has_is_not_looked_at(url: str, conn: Any) -> None:
    doing = Doing()
    async with thrifty(url, doing) as app:
        scope = me(app)
        content = await mail(scope)
        await done(scope, content)
        theirs = app.scope(actor="me", tenant="other")
        await done(theirs, await mail(theirs))
        # As if they had our fingerprints, and we had none.
        for table, place in (("stage_runs", "name"), ("stage_items", "index")):
            await conn.execute(
                f"UPDATE {table} AS t SET fingerprint = o.fingerprint FROM {table} AS o"
                f" WHERE t.tenant = 'other' AND o.tenant = 'local' AND t.{place} = o.{place}"
            )
            await conn.execute(f"UPDATE {table} SET fingerprint = NULL WHERE tenant = 'local'")
        await done(scope, content)
    assert len(doing.seen) == 15


async def test_erased_outputs_and_runs_are_not_reused(url: str, conn: Any) -> None:
    doing = Doing()
    async with thrifty(url, doing) as app:
        scope = me(app)
        content = await mail(scope)
        first = await done(scope, content)
        await conn.execute("UPDATE stage_runs SET output = NULL WHERE name = 'read'")
        await conn.execute("UPDATE stage_items SET output = NULL WHERE index = 1")
        doing.seen.clear()
        doing.given.clear()
        second = await done(scope, content)
        assert doing.given == ["a b c", "b"]
        await conn.execute("DELETE FROM pipeline_runs")
        third = await done(scope, content)
    assert doing.stages == ["read", "each", *ALL]
    assert data(third) == data(second) == data(first)


async def test_what_is_reused_counts_for_no_limit_and_a_paused_run_takes_nothing(url: str, conn: Any) -> None:
    doing = Doing()
    few = limit("few", rate=Rate(6, 3600.0))
    async with thrifty(url, doing, limits=[few]) as app:
        scope = me(app)
        content = await mail(scope)
        first = await done(scope, content)
        assert len(doing.seen) == 5
        for _ in range(3):
            assert data(await done(scope, content)) == data(first)
    async with thrifty(url, doing, limits=[few], run_jobs=False) as app:
        run = await Run.start(me(app), content_id=content.id, pipeline="thrift", reuse=True)
        paused = await run.pause(me(app))
    async with thrifty(url, doing, limits=[few]) as app:
        await no_job_left(conn)
        assert set(states(await row(me(app), run)).values()) == {StageState.READY, StageState.WAITING}
        await paused.resume(me(app))
        assert data(await over(me(app), run)) == data(first)
    assert len(doing.seen) == 5


async def test_they_are_looked_for_by_indexes_in_which_only_they_stand(url: str, conn: Any) -> None:
    await conn.execute("SET enable_seqscan = off")  # as the connections of the pipelines have it
    wanted = '[{"tenant": "local", "fingerprint": "x"}]'
    plan = "\n".join(
        each[0] for each in await conn.fetch(f"EXPLAIN {sql('kept_outputs').replace('$1', f"'{wanted}'")}")
    )
    for table in ("stage_runs", "stage_items"):
        found = await conn.fetchrow(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = $1 "
            " AND indexdef LIKE '%(tenant, fingerprint, id)%'",
            table,
        )
        assert found["indexdef"].endswith("WHERE (NOT (fingerprint IS NULL))"), found["indexdef"]
        assert f"using {found['indexname']} on {table}" in plan, plan
    assert "Seq Scan" not in plan


class Inputs(Resource):
    """A stage that takes what the run was started with."""

    @action.generic
    @classmethod
    async def loud(cls, scope: Scope, input: str) -> str:
        """In capitals."""
        found: str = await scope.get(Doing).work(scope, input, input.upper())
        return found

    policies = Policies(policy("generic", authorize_if(actor_present())))


LOUD = Pipeline("loud", input=str, stages=[stage(Inputs.loud)])
OUTER = Pipeline("outer", stages=[stage(Thrift.read), nested(LOUD, over=lambda read: read.parts)])


def with_inputs(url: str, doing: Doing, *pipelines: Pipeline) -> Sorbus:
    """An application with pipelines that take inputs."""
    return application(
        url,
        domains=[THRIFT, Domain("inputs", resources=[Inputs])],
        pipelines=pipelines,
        services={Doing: doing},
    )


async def test_another_input_is_done_anew_and_the_same_one_is_not(url: str) -> None:
    doing = Doing()
    async with with_inputs(url, doing, LOUD) as app:
        content = await mail(me(app))
        for word in ("a", "b", "a"):
            run = await Run.start(me(app), content_id=content.id, pipeline="loud", input=word, reuse=True)
            assert data(await over(me(app), run)) == {"loud": word.upper()}
        assert doing.stages == ["loud", "loud"]


async def test_a_run_that_reuses_has_inner_runs_that_do(url: str) -> None:
    doing = Doing()
    async with with_inputs(url, doing, OUTER, LOUD) as app:
        for name, text in (("one", "a b"), ("two", "b c")):
            content = await mail(me(app), name, text)
            run = await Run.start(me(app), content_id=content.id, pipeline="outer", reuse=True)
            assert data(await over(me(app), run))["loud"] == text.upper().split()
        assert sorted(doing.stages) == ["loud", "loud", "loud", "read", "read"]
