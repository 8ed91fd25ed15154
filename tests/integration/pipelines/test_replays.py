"""A replay pays for what is new since, and what was edited in a fork is not taken for what a stage gives."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.pipelines.shapes import Doing, data, me, over
from tests.integration.pipelines.thrift import Thrift, done, each, join, mail, read, thrift, thrifty

from sorbus.errors.pipelines import NothingToReuse
from sorbus.pipelines import Definition, Pipeline, Run, stage


async def test_a_run_that_is_replayed_by_a_new_version_pays_for_what_is_new(url: str, conn: Any) -> None:
    doing = Doing()
    async with thrifty(url, doing) as app:
        content = await mail(me(app))
        first = await done(me(app), content, model="scripted:other")
    new = Pipeline.graph("thrift", stages=[read, each, join, stage(Thrift.ask)], version=2)
    async with thrifty(url, doing, thrift(), new) as app:
        scope = me(app)
        doing.seen.clear()
        second = await over(scope, await Run.replay(scope, replay_of=first.id))
        calls = {each.model for each in second.llm_calls}
    assert doing.stages == ["ask"]
    assert (second.version, second.replay_of, second.reuse, second.model) == (
        2,
        first.id,
        True,
        "scripted:other",
    )
    assert calls == {"other"}


async def test_a_replay_of_a_definition_takes_its_latest_version(url: str) -> None:
    doing = Doing()
    stages: list[dict[str, Any]] = [
        {"name": "read", "action": "Thrift.read"},
        {"name": "each", "action": "Thrift.each", "for_each": {"over": "read.parts"}},
    ]
    async with thrifty(url, doing, thrift(stage(Thrift.send))) as app:
        scope = me(app)
        content = await mail(scope)
        made = await Definition.define(scope, name="mine", stages=stages)
        run = await over(
            scope, await Run.start_from(scope, content_id=content.id, definition_id=made.id, reuse=True)
        )
        last = await Definition.define(
            scope, name="mine", stages=[*stages, {"name": "join", "action": "Thrift.join"}]
        )
        doing.seen.clear()
        again = await over(scope, await Run.replay(scope, replay_of=run.id))
        assert doing.stages == ["join"]
        assert (again.version, again.definition_id) == (2, last.id)
        await last.retire(scope)
        back = await over(scope, await Run.replay(scope, replay_of=again.id))
        chosen = await over(scope, await Run.replay(scope, replay_of=run.id, definition_id=made.id))
        raised = await Definition.define(
            scope, name="mine", stages=[{**stages[0], "version": 2}, {**stages[1], "reuse": False}]
        )
        doing.seen.clear()
        await over(scope, await Run.replay(scope, replay_of=run.id))
    assert (back.version, chosen.version, raised.version) == (1, 1, 3)
    assert doing.stages == ["read", "each", "each", "each"]


async def test_a_run_that_has_left_nothing_cannot_be_replayed(url: str, conn: Any) -> None:
    async with thrifty(url, Doing()) as app:
        scope = me(app)
        run = await done(scope, await mail(scope), reuse=None)
        with pytest.raises(NothingToReuse) as caught:
            await Run.replay(scope, replay_of=run.id)
    assert caught.value.path == ("input", "replay_of")
    assert await conn.fetchval("SELECT count(*) FROM pipeline_runs") == 1


async def test_a_fork_and_its_edits_are_not_taken_for_what_the_stage_gives(url: str) -> None:
    doing = Doing()
    async with thrifty(url, doing) as app:
        scope = me(app)
        content = await mail(scope)
        first = await done(scope, content)
        fork = await Run.fork(
            scope, forked_from=first.id, fork_stage="join", fork_outputs={"each": ["x", "y", "z"]}
        )
        assert data(await over(scope, fork))["join"] == {"text": "x y z"}
        second = await done(scope, content)
    assert data(second) == data(first)
