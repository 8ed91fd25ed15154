"""Runs inside runs as data: of pipelines in code, and of other definitions of the same tenant."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from tests.integration.pipelines.helpers import error_of, ingest
from tests.integration.pipelines.shapes import (
    Doing,
    Gate,
    Shapes,
    Word,
    committed_twice,
    data,
    me,
    over,
    shaped,
)

from sorbus import Scope, Sorbus
from sorbus.errors.pipelines import InvalidDefinition
from sorbus.pipelines import Definition, Pipeline, Run, RunState, stage

STEP = {"name": "step", "action": "Shapes.step"}
SPLIT = {"name": "split", "action": "Shapes.split"}
PART = Pipeline("part", input=str, stages=[stage(Shapes.shout)])
NEWER = Pipeline(
    "part", input=str, version=2, stages=[stage(Shapes.shout), stage(Shapes.shout, name="again")]
)


def offering(url: str, doing: Doing, *pipelines: Pipeline) -> Sorbus:
    """An application whose users compose pipelines of these ones and of two actions."""
    return shaped(url, doing, *(pipelines or (PART,)), blocks=[Shapes.step, Shapes.split])


async def defined(scope: Scope, *stages: Any, name: str = "mine") -> Definition:
    """A definition."""
    return await Definition.define(scope, name=name, stages=list(stages))


async def done(scope: Scope, made: Definition, *, text: str = "a b") -> Run:
    """A run of a definition to its end."""
    content = await ingest(scope, f"{made.name} {made.version}", text=text)
    run = await Run.start_from(scope, content_id=content.id, definition_id=made.id)
    return await over(scope, run)


async def inner_of(scope: Scope, run: Run) -> list[Run]:
    """The runs inside a run."""
    return await Run.query(scope).where(Run.parent_id == run.id).order_by(Run.parent_index).all()


async def test_a_stage_is_a_run_of_a_pipeline_in_code_for_each_item(url: str, conn: Any) -> None:
    nested = {"name": "parts", "nested": {"pipeline": "part", "over": "split.parts", "limit": 2}}
    async with offering(url, Doing()) as app:
        scope = me(app)
        made = await defined(scope, SPLIT, nested, {**STEP, "after": ["parts"]})
        assert made.stages[1]["nested"] == {**nested["nested"], "version": 1}  # type: ignore[dict-item]
        assert made.edges == [["split", "parts"], ["parts", "step"]]
        run = await done(scope, made, text="a b c")
        assert data(run)["parts"] == ["A", "B", "C"]
        assert [each.input for each in await inner_of(scope, run)] == ["a", "b", "c"]
    assert await committed_twice(conn) == []


async def test_a_definition_keeps_the_version_of_what_is_in_it(url: str) -> None:
    nested = {"name": "parts", "nested": {"pipeline": "part", "over": "split.parts"}}
    async with offering(url, Doing()) as app:
        older = await defined(me(app), SPLIT, nested)
    async with offering(url, Doing(), PART, NEWER) as app:
        newer = await defined(me(app), SPLIT, nested)
        chosen = await defined(me(app), SPLIT, {**nested, "nested": {**nested["nested"], "version": 1}})  # type: ignore[dict-item]
        runs = [await done(me(app), made) for made in (older, newer, chosen)]
        versions = [[each.version for each in await inner_of(me(app), run)] for run in runs]
    assert versions == [[1, 1], [2, 2], [1, 1]]


async def test_definitions_are_made_of_definitions(url: str, conn: Any) -> None:
    async with offering(url, Doing()) as app:
        scope = me(app)
        small = await defined(scope, STEP, name="small")
        middle = await defined(
            scope, {"name": "small", "nested": {"definition": str(small.id)}}, name="middle"
        )
        await defined(scope, SPLIT, name="small")
        large = await defined(
            scope, SPLIT, {"name": "middle", "nested": {"definition": str(middle.id)}, "after": ["split"]}
        )
    # Another process reads all three from their rows.
    async with offering(url, Doing()) as app:
        scope = me(app)
        run = await done(scope, large)
        assert data(run)["middle"] == {"text": "step"}
        (inner,) = await inner_of(scope, run)
        (innermost,) = await inner_of(scope, inner)
        assert (inner.definition_id, innermost.definition_id) == (middle.id, small.id)
        assert (innermost.pipeline, innermost.version, innermost.payer_id) == ("small", 1, run.id)
    assert await committed_twice(conn) == []


async def test_what_is_in_it_may_be_retired_while_it_runs_but_not_be_composed_anew(url: str) -> None:
    gate = Gate(Word("held"))
    async with offering(url, Doing({"step": gate})) as app:
        scope = me(app)
        small = await defined(scope, STEP, name="small")
        nested = {"name": "small", "nested": {"definition": str(small.id)}}
        large = await defined(scope, nested)
        content = await ingest(scope, "one")
        run = await Run.start_from(scope, content_id=content.id, definition_id=large.id)
        await gate.came.wait()
        await small.retire(scope)
        gate.opened.set()
        assert (await over(scope, run)).state is RunState.COMPLETED
        with pytest.raises(InvalidDefinition, match="is retired"):
            await defined(scope, nested)


WRONG: list[tuple[dict[str, Any], tuple[Any, ...], str]] = [
    ({"pipeline": "prat"}, (0, "nested", "pipeline"), "Did you mean `part`?"),
    ({"pipeline": "part", "version": 9}, (0, "nested", "version"), "Versions: 1"),
    ({"pipeline": "part", "definition": str(uuid4())}, (0, "nested"), "a `pipeline` or a `definition`"),
    ({}, (0, "nested"), "a `pipeline` or a `definition`"),
    ({"definition": str(uuid4())}, (0, "nested", "definition"), "there is no definition"),
    ({"definition": "part"}, (0, "nested", "definition"), "UUID"),
    ({"pipeline": "part", "limit": 0}, (0, "nested", "limit"), "greater than or equal to 1"),
    ({"pipeline": "part"}, (0,), "nothing"),
    ({"pipeline": "part", "given": "nowhere.text"}, (0,), "nowhere"),
    ({"pipeline": "part", "colour": "red"}, (0, "nested", "colour"), "Extra inputs"),
]


async def test_what_cannot_be_nested_is_refused_at_its_place(url: str) -> None:
    async with offering(url, Doing()) as app:
        for nested, where, said in WRONG:
            with pytest.raises(InvalidDefinition) as refused:
                await defined(me(app), {"name": "parts", "nested": nested})
            assert refused.value.path[-len(where) :] == where
            assert said in f"{refused.value.message} {refused.value.hint}"


async def test_the_definitions_of_other_tenants_cannot_be_nested(url: str) -> None:
    async with offering(url, Doing()) as app:
        theirs = await defined(app.scope(actor="they", tenant="other"), STEP, name="theirs")
        own = await defined(app.scope(actor="they", tenant="other"), STEP, name="mine")
        # They have been read by this process.
        await done(app.scope(actor="they", tenant="other"), theirs)
        for each in (theirs, own):
            with pytest.raises(InvalidDefinition, match="there is no definition"):
                await defined(me(app), {"name": "theirs", "nested": {"definition": str(each.id)}})


async def test_definitions_cannot_grow_beyond_what_can_be_run(url: str) -> None:
    async with offering(url, Doing()) as app:
        scope = me(app)
        inner = await defined(
            scope, *({**STEP, "name": f"s{number}"} for number in range(100)), name="level 0"
        )

        async def level(number: int, width: int) -> Definition:
            stages = ({"name": f"n{each}", "nested": {"definition": str(inner.id)}} for each in range(width))
            return await defined(scope, *stages, name=f"level {number}")

        inner = await level(1, 10)
        with pytest.raises(InvalidDefinition, match="2000 are allowed"):
            await level(2, 10)
        for number in range(2, 8):
            inner = await level(number, 1)
        with pytest.raises(InvalidDefinition, match="more than 8 levels"):
            await level(8, 1)


async def test_an_inner_pipeline_that_a_deploy_took_away_fails_the_run(url: str) -> None:
    nested = {"name": "parts", "nested": {"pipeline": "part", "over": "split.parts"}}
    async with offering(url, Doing()) as app:
        made = await defined(me(app), SPLIT, nested)
    other = Pipeline("other", stages=[stage(Shapes.step)])
    async with offering(url, Doing(), other) as app:
        content = await ingest(me(app), "one")
        try:
            run = await Run.start_from(me(app), content_id=content.id, definition_id=made.id)
        except InvalidDefinition as error:
            assert "part" in error.message
        else:
            assert error_of(await over(me(app), run))["code"] == "invalid-definition"
