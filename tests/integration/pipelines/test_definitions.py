"""Pipelines as data: users compose them, and change them while runs are under way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from tests.integration.pipelines.composing import (
    EACH,
    SPLIT,
    STEP,
    defined,
    offering,
    renamed,
    started,
    versions,
)
from tests.integration.pipelines.helpers import error_of, ingest, waits_for_a_lock
from tests.integration.pipelines.shapes import (
    YES,
    Doing,
    Gate,
    Shapes,
    Word,
    data,
    give,
    giving,
    me,
    over,
    raising,
    reaches,
    states,
)

from sorbus import Scope
from sorbus.apis.json_api import json_api
from sorbus.errors.authorization import ActionForbidden
from sorbus.errors.base import Invalid
from sorbus.errors.inputs import NotFound
from sorbus.errors.pipelines import InvalidDefinition, NoSuchDefinition, ReservedPipeline
from sorbus.http import http_app, serving
from sorbus.pipelines import Definition, Run, RunState, StageState


async def test_a_definition_is_kept_as_it_was_written_and_runs(url: str) -> None:
    async with offering(url, Doing()) as app:
        scope = me(app)
        stages = [SPLIT, EACH, renamed("last", after=["each"])]
        made = await Definition.define(scope, name="mine", stages=stages, description="Words in capitals.")
        found = await Definition.get(scope, made.id)
        run = await over(scope, await started(scope, made))
    assert (found.version, found.description, found.stages) == (1, "Words in capitals.", stages)
    assert sorted(found.edges) == [["each", "last"], ["split", "each"]]
    assert (run.pipeline, run.version, run.definition_id) == ("mine", 1, made.id)
    assert data(run) == {"split": {"parts": ["a", "b"]}, "each": ["A", "B"], "last": {"text": "last"}}


async def test_the_same_name_again_makes_the_next_version(url: str) -> None:
    async with offering(url, Doing()) as app:
        scope = me(app)
        made = [await defined(scope, renamed(name)) for name in ("one", "two", "three")]
        await defined(scope, STEP, name="another")
        assert [each.version for each in made] == [1, 2, 3]
        assert await versions(scope) == [3, 2, 1]
        assert await versions(scope, "another") == [1]
        older = await over(scope, await started(scope, made[0]))
        newer = await over(scope, await started(scope, made[2]))
    assert (list(data(older)), list(data(newer))) == (["one"], ["three"])


async def test_a_run_keeps_its_version_while_the_pipeline_is_edited_and_retired(url: str) -> None:
    gate = Gate(Word("held"))
    doing = Doing({"first": gate})
    async with offering(url, doing) as app:
        scope = me(app)
        old = await defined(scope, renamed("first"), renamed("second", after=["first"]))
        run = await started(scope, old)
        async with asyncio.timeout(20):
            await gate.came.wait()
        new = await defined(scope, renamed("other"))
        await old.retire(scope)
        later = await over(scope, await started(scope, new))
        gate.opened.set()
        kept = await over(scope, run)
    assert (kept.version, sorted(data(kept))) == (1, ["first", "second"])
    assert (later.version, list(data(later))) == (2, ["other"])


async def test_a_run_keeps_its_version_when_another_process_takes_it_over(url: str) -> None:
    async with offering(url, Doing()) as app:
        scope = me(app)
        old = await defined(scope, renamed("first"), {"name": "yes", "approval": {}, "after": ["first"]})
        run = await started(scope, old)
        await reaches(scope, run, RunState.WAITING)
        await defined(scope, renamed("other"))
    async with offering(url, Doing()) as app:
        await give(me(app), run, to="yes")
        found = await over(me(app), run)
    assert data(found) == {"first": {"text": "first"}, "yes": YES}


async def test_from_a_retired_one_nothing_starts(url: str, conn: Any) -> None:
    async with offering(url, Doing()) as app:
        scope = me(app)
        made = await defined(scope, STEP)
        retired = await made.retire(scope)
        assert retired.retired_at is not None
        with pytest.raises(NoSuchDefinition, match="it is retired") as caught:
            await started(scope, made)
        # Its number is not given again.
        assert (await defined(scope, STEP)).version == 2
    assert caught.value.path == ("input", "definition_id")
    assert await conn.fetchval("SELECT count(*) FROM pipeline_runs") == 0


async def test_a_definition_is_its_tenants(url: str, conn: Any) -> None:
    async with offering(url, Doing()) as app:
        mine, theirs = me(app), app.scope(actor="you", tenant="other")
        made = await defined(mine, STEP)
        assert (await defined(theirs, SPLIT)).version == 1
        assert [each.stages for each in await Definition.named(mine, name="mine").all()] == [[STEP]]
        assert [each.name for each in await Definition.query(theirs).order_by(Definition.name).all()] == [
            "mine",
            "own",
        ]
        with pytest.raises(NotFound):
            await Definition.get(theirs, made.id)
        with pytest.raises(NoSuchDefinition, match="has defined none with this id"):
            await started(theirs, made)
        with pytest.raises((ActionForbidden, NotFound)):
            await Definition.retire.by_key(made.id, theirs)
        assert (await Definition.get(mine, made.id)).retired_at is None
        with pytest.raises(ActionForbidden):
            await Definition.define(app.scope(tenant="local"), name="mine", stages=[STEP])
    assert await conn.fetchval("SELECT count(*) FROM definitions WHERE name = 'mine'") == 2


async def test_the_names_of_pipelines_in_code_are_taken(url: str) -> None:
    async with offering(url, Doing()) as app:
        scope = me(app)
        with pytest.raises(ReservedPipeline) as caught:
            await defined(scope, STEP, name="own")
        assert caught.value.path == ("input", "name")
        own = (await Definition.named(scope, name="own").all())[0]
        with pytest.raises(NoSuchDefinition):
            await started(scope, own)
        with pytest.raises((ActionForbidden, NotFound)):
            await own.retire(scope)


async def test_two_processes_that_define_one_name_at_once_make_two_versions(url: str) -> None:
    async with offering(url, Doing(), run_jobs=False) as one, offering(url, Doing(), run_jobs=False) as two:
        scopes = [me(one), me(two)]
        made = await asyncio.gather(
            *(defined(scopes[number % 2], renamed(f"s{number}")) for number in range(12))
        )
        assert sorted(each.version for each in made) == list(range(1, 13))
        assert await versions(scopes[0]) == list(range(12, 0, -1))
        for each in made:
            assert (await Definition.get(scopes[1], each.id)).stages == each.stages


async def test_a_transaction_that_is_rolled_back_gives_its_version_to_who_waits(url: str, conn: Any) -> None:
    async with offering(url, Doing(), run_jobs=False) as one, offering(url, Doing(), run_jobs=False) as two:
        waiting: asyncio.Task[Definition] | None = None
        with pytest.raises(LookupError):
            async with one.transaction():
                assert (await defined(me(one), renamed("a"))).version == 1
                assert (await defined(me(one), renamed("b"))).version == 2
                waiting = asyncio.create_task(defined(me(two), renamed("c")))
                await waits_for_a_lock(conn)
                assert not waiting.done()
                raise LookupError
        assert waiting is not None
        assert (await waiting).version == 1
        assert await versions(me(one)) == [1]


async def test_conditions_maps_loops_waits_failures_and_undoing_as_data(url: str) -> None:
    stages = [
        SPLIT,
        {**EACH, "for_each": {"over": "split.parts", "limit": 2, "keep_going": True}, "attempts": 1},
        {
            "name": "count",
            "action": "Shapes.count",
            "repeat": {"until": {"count": {"greater_than_or_equal": 3}}, "at_most": 5},
        },
        renamed("both", when={"and": [{"split.parts.0": {"eq": "a"}}, {"not": {"count": {"less_than": 3}}}]}),
        renamed("neither", when={"or": [{"split.parts.0": {"eq": "z"}}, {"count": {"greater_than": 7}}]}),
        renamed("broken", attempts=1, after=["both"]),
        {"name": "caught", "action": "Shapes.caught", "on_failure": ["broken"]},
        {"name": "rest", "pause": 0.05, "after": ["caught"]},
        {"name": "approve", "approval": {"within": 60}, "after": ["rest"]},
        {"name": "ship", "action": "Shapes.ship"},
        renamed("any", after=["neither", "ship"], join="any", delay=0.05),
    ]
    doing = Doing({"broken": raising(Invalid("no"))})
    async with offering(url, doing) as app:
        scope = me(app)
        made = await defined(scope, *stages)
        run = await started(scope, made, text="a b c")
        await reaches(scope, run, RunState.WAITING)
        await give(scope, run)
        found = await over(scope, run)
    assert data(found)["each"] == ["A", "B", "C"]
    assert data(found)["count"] == 3
    assert data(found)["ship"] == {"text": "shipped for Ann"}
    skipped = {name for name, state in states(found).items() if state is StageState.SKIPPED}
    failed = {name for name, state in states(found).items() if state is StageState.FAILED}
    assert (skipped, failed) == ({"neither"}, {"broken"})


async def test_what_was_done_is_undone_as_the_data_says(url: str) -> None:
    doing = Doing({"last": raising(Invalid("no"))})
    async with offering(url, doing) as app:
        scope = me(app)
        made = await defined(
            scope, renamed("first", undo="Shapes.undo"), renamed("last", after=["first"], attempts=1)
        )
        found = await over(scope, await started(scope, made))
    assert found.state is RunState.COMPENSATED
    assert doing.stages == ["first", "last", "first.undo"]


async def test_a_block_that_a_deploy_took_away_fails_the_run_until_it_is_back(url: str, conn: Any) -> None:
    async with offering(url, Doing()) as app:
        scope = me(app)
        made = await defined(
            scope, SPLIT, {"name": "yes", "approval": {}, "after": ["split"]}, renamed("last", after=["yes"])
        )
        run = await started(scope, made)
        await reaches(scope, run, RunState.WAITING)
    async with offering(url, Doing(), blocks=[Shapes.split]) as app:
        scope = me(app)
        with pytest.raises(InvalidDefinition, match=r"no action `Shapes\.step`"):
            await started(scope, made, name="two")
        assert await conn.fetchval("SELECT count(*) FROM pipeline_runs") == 1
        await conn.execute(
            "UPDATE oban_jobs SET state = 'available', completed_at = NULL, attempt = 0 WHERE args ->> 'run_id' = $1",
            str(run.id),
        )
        failed = await over(scope, run)
        assert error_of(failed)["code"] == "invalid-definition"
        assert "Shapes.step" in error_of(failed)["message"]
        assert states(failed)["split"] is StageState.DONE
        # What is still offered can be defined anew.
        assert (await defined(scope, SPLIT)).version == 2
    async with offering(url, Doing()) as app:
        scope = me(app)
        await failed.retry(scope)
        await give(scope, run, to="yes")
        found = await over(scope, run)
    assert data(found)["last"] == {"text": "last"}


async def test_a_process_reads_a_definition_that_another_one_has_made(url: str) -> None:
    async with (
        offering(url, Doing(), run_jobs=False) as one,
        offering(url, Doing({"step": giving(Word("two"))})),
    ):
        scope = me(one)
        run = await over(scope, await started(scope, await defined(scope, STEP)))
    assert data(run) == {"step": {"text": "two"}}


# over HTTP

TYPE = "application/vnd.api+json"


@dataclass
class Http:
    """A client of one tenant."""

    session: aiohttp.ClientSession
    url: str
    tenant: str = "local"

    async def ask(
        self, method: str, path: str, kind: str = "", key: str | None = None, **attributes: Any
    ) -> tuple[int, Any]:
        """A request, and what came back: the status and the document."""
        named = {} if key is None else {"id": key}
        body = {"data": {"type": kind, **named, "attributes": attributes}} if kind else None
        headers = {"content-type": TYPE, "x-tenant": self.tenant}
        async with self.session.request(method, self.url + path, json=body, headers=headers) as reply:
            return reply.status, await reply.json(content_type=None)


async def test_over_http_definitions_are_made_read_started_and_retired(url: str) -> None:
    async with offering(url, Doing()) as app:

        async def scope_from(request: Any) -> Scope:
            return app.scope(actor="me", tenant=request.headers["x-tenant"])

        asgi = http_app(app, interfaces=[json_api], scope_from=scope_from)
        async with serving(asgi) as base, aiohttp.ClientSession() as session:
            http, theirs = Http(session, f"{base}/api"), Http(session, f"{base}/api", "other")
            status, made = await http.ask(
                "POST",
                "/definitions",
                "definitions",
                name="mine",
                stages=[SPLIT, EACH],
                description="d",
            )
            assert (status, made["data"]["attributes"]["version"]) == (201, 1), made
            assert "owner" not in made["data"]["attributes"]
            status, wrong = await http.ask(
                "POST",
                "/definitions",
                "definitions",
                name="mine",
                stages=[SPLIT, {**EACH, "action": "Shapes.eahc"}],
            )
            (error,) = wrong["errors"]
            assert (status, error["code"]) == (422, "invalid-definition"), wrong
            assert error["source"]["pointer"] == "/data/attributes/stages/1/action"
            assert "Did you mean `Shapes.each`?" in str(error)
            status, taken = await http.ask("POST", "/definitions", "definitions", name="own", stages=[STEP])
            assert (status, taken["errors"][0]["code"]) == (422, "reserved-pipeline")

            key = made["data"]["id"]
            status, listed = await http.ask("GET", "/definitions/named?name=mine")
            assert (status, [each["id"] for each in listed["data"]]) == (200, [key])
            assert (await theirs.ask("GET", f"/definitions/{key}"))[0] == 404

            content = await ingest(me(app), "one", text="a b")
            given = {"content_id": str(content.id), "definition_id": key, "idempotency_key": "k"}
            status, run = await http.ask("POST", "/runs/start-from", "runs", **given)
            assert status == 201, run
            status, again = await http.ask("POST", "/runs/start-from", "runs", **given)
            assert (status, again["data"]["id"]) == (200, run["data"]["id"])
            status, other = await http.ask(
                "POST", "/runs/start-from", "runs", **given, model="scripted:other"
            )
            assert (status, other["errors"][0]["code"]) == (409, "idempotency-key-reused")
            assert run["data"]["id"] in str(other["errors"])
            assert other["errors"][0]["source"]["pointer"] == "/data/attributes/idempotency_key"
            found = await over(me(app), await Run.get(me(app), run["data"]["id"]))
            assert data(found)["each"] == ["A", "B"]
            status, refused = await http.ask("POST", "/runs/replay", "runs", replay_of=run["data"]["id"])
            assert (status, refused["errors"][0]["code"]) == (422, "nothing-to-reuse")

            assert (await theirs.ask("PATCH", f"/definitions/{key}", "definitions", key))[0] in {403, 404}
            status, retired = await http.ask("PATCH", f"/definitions/{key}", "definitions", key)
            assert status == 200, retired
            status, late = await http.ask(
                "POST", "/runs/start-from", "runs", content_id=str(content.id), definition_id=key
            )
            assert (status, late["errors"][0]["source"]["pointer"]) == (
                422,
                "/data/attributes/definition_id",
            ), late
