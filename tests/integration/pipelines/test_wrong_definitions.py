"""Pipelines as data that make no pipeline: users are told where they are wrong, and nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.integration.pipelines.composing import EACH, SPLIT, STEP, defined, offering, renamed, versions
from tests.integration.pipelines.shapes import Doing, me

from sorbus.errors.base import Invalid, SorbusError
from sorbus.errors.inputs import InvalidAction
from sorbus.errors.pipelines import InvalidDefinition
from sorbus.pipelines import Definition


@pytest.mark.parametrize("name", ["", "n" * 201, "nul\0"], ids=["empty", "long", "nul"])
async def test_a_name_that_cannot_be_is_refused(url: str, name: str) -> None:
    async with offering(url, Doing()) as app:
        with pytest.raises(Invalid) as caught:
            await defined(me(app), STEP, name=name)
        errors = caught.value.errors if isinstance(caught.value, InvalidAction) else [caught.value]
        assert [each.path[:2] for each in errors] == [("input", "name")]
        assert await versions(me(app), "mine") == []


@dataclass(frozen=True)
class Wrong:
    """Stages that make no pipeline, where they are wrong, and what is said."""

    stages: list[dict[str, Any]]
    at: tuple[str | int, ...]
    says: str
    name: str = field(default="mine")


DEEP: dict[str, Any] = {"step.text": {"eq": 1}}
for _ in range(10):
    DEEP = {"not": DEEP}

WRONG = {
    "none": Wrong([], (), "has no stages"),
    "too many": Wrong(
        [renamed(f"s{number}") for number in range(201)], (), "it has 201 stages; 200 are allowed"
    ),
    "no name": Wrong([{"action": "Shapes.step"}], (0, "name"), "Field required"),
    "a name that is none": Wrong([STEP, renamed("")], (1, "name"), "at least 1 character"),
    "a name with a dot": Wrong([STEP, renamed("a.b")], (1,), "without a dot"),
    "a reserved name": Wrong([STEP, renamed("content")], (1,), "taken by the content itself"),
    "a name twice": Wrong([STEP, STEP], (1,), "two stages named `step`"),
    "an unknown block": Wrong(
        [STEP, {"name": "x", "action": "Shapes.stop"}], (1, "action"), "no action `Shapes.stop`"
    ),
    "a block that is not offered": Wrong(
        [{"name": "x", "action": "Shapes.line"}], (0, "action"), "It may use"
    ),
    "an unknown undo": Wrong([renamed("x", undo="Shapes.redo")], (0, "undo"), "no action `Shapes.redo`"),
    "a key that is none": Wrong(
        [STEP, renamed("x", retries=3)], (1, "retries"), "Extra inputs are not permitted"
    ),
    "neither action nor wait": Wrong(
        [{"name": "x"}], (0,), "a stage has an `action`, a `pause`, an `approval` or a `nested` run"
    ),
    "action and pause": Wrong(
        [renamed("x", pause=1)], (0,), "a stage has an `action`, a `pause`, an `approval` or a `nested` run"
    ),
    "map and loop": Wrong(
        [SPLIT, {**EACH, "repeat": {"until": {"each": {"eq": 1}}, "at_most": 2}}],
        (1,),
        "a stage has one of `for_each`",
    ),
    "a cycle": Wrong(
        [renamed("a", after=["b"]), renamed("b", after=["a"])], (0,), "wait for each other: a -> b -> a"
    ),
    "itself": Wrong([STEP, renamed("a", after=["a"])], (1,), "waits for `a`, which is no other stage"),
    "an unknown stage": Wrong([STEP, renamed("a", after=["stop"])], (1,), "waits for `stop`"),
    "an unknown failure": Wrong([STEP, renamed("a", on_failure=["stop"])], (1,), "waits for `stop`"),
    "a type that does not fit": Wrong(
        [{"name": "approve", "action": "Shapes.step"}, {"name": "ship", "action": "Shapes.ship"}],
        (1,),
        "takes `approve` as Approval; the stage `approve` gives Word",
    ),
    "an output that there is not": Wrong(
        [{"name": "ship", "action": "Shapes.ship"}], (0,), "takes `approve`, which no"
    ),
    "a parameter that there is not": Wrong(
        [STEP, renamed("x", takes={"word": "step"})], (1,), "`word` in its `takes`"
    ),
    "a list that there is not": Wrong(
        [STEP, {**EACH, "for_each": {"over": "split.parts"}}], (1,), "it names `split`"
    ),
    "a list that is none": Wrong([STEP, {**EACH, "for_each": {"over": "step.text"}}], (1,), "as a list"),
    "items that do not fit": Wrong(
        [{"name": "table", "action": "Shapes.table"}, {**EACH, "for_each": {"over": "table"}}],
        (1,),
        "takes `item` as str",
    ),
    "a map without a bound": Wrong(
        [SPLIT, {**EACH, "for_each": {"over": "split.parts", "limit": 0}}],
        (1, "for_each", "limit"),
        "greater than or equal to 1",
    ),
    "a map of nothing that takes items": Wrong(
        [SPLIT, renamed("x", for_each={"over": "split.parts"})], (1,), "must take `item`"
    ),
    "a field that there is not": Wrong(
        [STEP, renamed("x", when={"step.txt": {"eq": "a"}})], (1,), "no `txt` in the output `step`"
    ),
    "an operator that there is not": Wrong(
        [STEP, renamed("x", when={"step.text": {"is": "a"}})], (1,), "is compared by `is`"
    ),
    "a condition on nothing": Wrong(
        [STEP, renamed("x", when={})], (1,), "it is no map with at least one member"
    ),
    "a condition on an unknown stage": Wrong(
        [STEP, renamed("x", when={"stop.text": {"eq": "a"}})], (1,), "it names `stop`"
    ),
    "a condition that is too deep": Wrong(
        [STEP, renamed("x", when=DEEP)],
        (1,),
        "levels deep",
    ),
    "a loop without an end": Wrong(
        [{"name": "count", "action": "Shapes.count", "repeat": {"until": {"count": {"eq": 1}}}}],
        (0, "repeat", "at_most"),
        "Field required",
    ),
    "a join that cannot be": Wrong([STEP, renamed("x", after=["step"], join=2)], (1,), "can never start"),
    "a join that is none": Wrong([STEP, renamed("x", join="most")], (1, "join"), "Input should be"),
    "a negative delay": Wrong([renamed("x", delay=-1)], (0, "delay"), "greater than or equal to 0"),
    "an endless delay": Wrong([renamed("x", delay=float("inf"))], (0, "delay"), "finite"),
    "a delay of centuries": Wrong([renamed("x", delay=1e12)], (0,), "has delay="),
    "a pause of centuries": Wrong([STEP, {"name": "x", "pause": 1e12}], (1,), "has seconds="),
    "an approval of centuries": Wrong(
        [STEP, {"name": "x", "approval": {"within": 1e12}}], (1,), "has within="
    ),
    "a pause of nothing": Wrong([STEP, {"name": "x", "pause": 0}], (1, "pause"), "greater than 0"),
    "a version of nothing": Wrong(
        [STEP, renamed("x", version=0)], (1, "version"), "greater than or equal to 1"
    ),
    "reuse of what can be undone": Wrong(
        [STEP, renamed("x", undo="Shapes.undo", reuse=True)], (1,), "reuse=True"
    ),
    "a condition, in a pipeline with dots": Wrong(
        [STEP, renamed("x", when={"stop.text": {"eq": "a"}})], (1,), "it names `stop`", name="my.own.pipe"
    ),
    "a stage of the pipeline's name": Wrong(
        [renamed("mine"), renamed("x", after=["stop"])], (1,), "waits for `stop`"
    ),
}


async def test_stages_that_make_no_pipeline_are_refused_at_their_place(url: str, conn: Any) -> None:
    found: dict[str, Any] = {}
    async with offering(url, Doing()) as app:
        scope = me(app)
        for label, wrong in WRONG.items():
            try:
                await Definition.define(scope, name=wrong.name, stages=wrong.stages)
            except SorbusError as error:
                found[label] = (type(error), error.path, wrong.says in error.message or error.message)
            except Exception as error:
                found[label] = error
    wanted = {
        label: (InvalidDefinition, ("input", "stages", *wrong.at), True) for label, wrong in WRONG.items()
    }
    assert {label: each for label, each in found.items() if each != wanted[label]} == {}
    assert sorted(found) == sorted(wanted)
    assert await conn.fetchval("SELECT count(*) FROM definitions WHERE owner <> ''") == 0
