"""A run is done once more from one of its stages on, with other words or another model, and compared."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.pipelines.helpers import application, ended, ingest, row, start
from tests.integration.pipelines.shapes import Doing, Shapes, data, me, over, shaped
from tests.integration.pipelines.workshop import Hands, Piece, workshop

from sorbus.errors.inputs import InvalidInput, NotFound
from sorbus.errors.pipelines import BadFork
from sorbus.pipelines import Pipeline, Run, RunState, StageContext, stage


async def done(app: Any, **inputs: Any) -> Run:
    """One run of the craft to its end."""
    scope = app.scope(actor="me", tenant="local")
    run = await start(scope, "one", pipeline="craft", text="wood", **inputs)
    return (await ended(scope, [run.id]))[run.id]


async def test_a_fork_keeps_what_is_before_its_stage_and_runs_the_rest_anew(url: str, conn: Any) -> None:
    hands = Hands()
    async with workshop(url, hands) as app:
        scope = app.scope(actor="me", tenant="local")
        first = await done(app)
        fork = await Run.fork(scope, forked_from=first.id, fork_stage="glue")
        found = (await ended(scope, [fork.id]))[fork.id]
        again = await row(scope, first.id)
    assert (found.state, found.forked_from, found.fork_stage) == (RunState.COMPLETED, first.id, "glue")
    assert [each.stage for each in hands.seen] == ["cut", "glue", "paint", "glue", "paint"]
    assert found.result is not None
    assert first.result is not None
    assert found.result.data == first.result.data
    assert (again.state, again.finished_at) == (first.state, first.finished_at)


async def test_a_fork_may_put_an_earlier_output_in_other_words(url: str) -> None:
    hands = Hands()
    async with workshop(url, hands) as app:
        scope = app.scope(actor="me", tenant="local")
        first = await done(app)
        fork = await Run.fork(
            scope, forked_from=first.id, fork_stage="paint", fork_outputs={"glue": {"text": "brass"}}
        )
        found = (await ended(scope, [fork.id]))[fork.id]
        sides = await Run.compare(scope, left=first.id, right=fork.id)
    assert found.result is not None
    assert found.result.data["paint"] == {"text": "brass, paint"}
    assert [(each.stage, each.same) for each in sides] == [("cut", True), ("glue", False), ("paint", False)]
    assert sides[1].right == {"state": "done", "output": {"text": "brass"}}


async def test_a_fork_may_have_another_input_for_what_it_does_anew(url: str) -> None:
    doing = Doing()
    twice = Pipeline("twice", input=str, stages=[stage(Shapes.shout), stage(Shapes.shout, name="again")])
    async with shaped(url, doing, twice) as app:
        content = await ingest(me(app), "one")
        first = await Run.start(me(app), content_id=content.id, pipeline="twice", input="a")
        await over(me(app), first)
        fork = await Run.fork(me(app), forked_from=first.id, fork_stage="again", input="b")
        same = await Run.fork(me(app), forked_from=first.id, fork_stage="again")
        assert data(await over(me(app), fork)) == {"shout": "A", "again": "B"}
        assert data(await over(me(app), same)) == {"shout": "A", "again": "A"}
        with pytest.raises(InvalidInput):
            await Run.fork(me(app), forked_from=first.id, fork_stage="again", input=["b"])


async def test_a_failed_run_is_forked_where_it_failed(url: str) -> None:
    async def broken(context: StageContext, text: str) -> Piece:
        raise RuntimeError("broken")

    hands = Hands({"paint": broken})
    async with workshop(url, hands) as app:
        scope = app.scope(actor="me", tenant="local")
        first = await done(app)
        hands.behave.clear()
        fork = await Run.fork(
            scope, forked_from=first.id, fork_stage="paint", fork_outputs={"glue": {"text": "tin"}}
        )
        found = (await ended(scope, [fork.id]))[fork.id]
        unchanged = await row(scope, first.id)
    assert (found.state, unchanged.state) == (RunState.COMPLETED, RunState.FAILED)


async def test_what_cannot_be_forked_is_refused_and_nothing_is_written(url: str, conn: Any) -> None:
    async with workshop(url, Hands()) as app:
        scope = app.scope(actor="me", tenant="local")
        first = await done(app)
        with pytest.raises(BadFork) as caught:
            await Run.fork(scope, forked_from=first.id, fork_stage="glu")
        assert caught.value.path == ("input", "fork_stage")
        assert "Did you mean `glue`?" in str(caught.value)
        with pytest.raises(BadFork, match="`paint` is no stage before it"):
            await Run.fork(
                scope, forked_from=first.id, fork_stage="glue", fork_outputs={"paint": {"text": "x"}}
            )
        with pytest.raises(InvalidInput) as wrong:
            await Run.fork(scope, forked_from=first.id, fork_stage="glue", fork_outputs={"cut": {"text": 1}})
        assert wrong.value.path == ("input", "fork_outputs", "cut", "text")
        with pytest.raises(NotFound):
            await Run.fork(app.scope(actor="me", tenant="other"), forked_from=first.id, fork_stage="glue")
    assert await conn.fetchval("SELECT count(*) FROM pipeline_runs") == 1
    assert await conn.fetchval("SELECT count(*) FROM oban_jobs") == 1


async def test_a_run_and_a_fork_may_use_another_model(url: str) -> None:
    async with application(url) as app:
        scope = app.scope(actor="me", tenant="local")
        run = await start(scope, "one")
        first = (await ended(scope, [run.id]))[run.id]
        fork = await Run.fork(scope, forked_from=first.id, fork_stage="summarize", model="scripted:other")
        found = (await ended(scope, [fork.id]))[fork.id]
    assert {call.model for call in first.llm_calls} == {"any"}
    asked = {(call.stage, call.kind, call.model) for call in found.llm_calls}
    # Embeddings have a model of their own.
    assert {each for each in asked if each[1] != "embed"} == {("summarize", "text", "other")}
