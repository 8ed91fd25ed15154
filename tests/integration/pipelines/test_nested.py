"""Pipelines inside pipelines: started once, waited for without a process, failing, stopped and retried together."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.pipelines.helpers import error_of, row, start, until
from tests.integration.pipelines.shapes import (
    SOON,
    Doing,
    Gate,
    Shapes,
    committed_twice,
    data,
    me,
    no_job_left,
    over,
    raising,
    reaches,
    shaped,
    stage_of,
)

from sorbus import Scope
from sorbus.errors.inputs import InvalidInput
from sorbus.pipelines import Pipeline, Pipelines, Run, RunState, StageState, nested, pause, stage

INNER = Pipeline("inner", stages=[stage(Shapes.step, name="deep", backoff=SOON, attempts=1)])
OUTER = Pipeline(
    "outer",
    stages=[
        stage(Shapes.step, name="before", backoff=SOON),
        nested(INNER),
        stage(Shapes.step, name="after", backoff=SOON),
    ],
)
PART = Pipeline("part", input=str, stages=[stage(Shapes.shout, backoff=SOON, attempts=1)])
WIDE = Pipeline(
    "wide", stages=[stage(Shapes.split), nested(PART, name="parts", over=lambda split: split.parts, limit=3)]
)
LENIENT = Pipeline(
    "lenient",
    stages=[
        stage(Shapes.split),
        nested(PART, name="parts", over=lambda split: split.parts, keep_going=True),
    ],
)


async def children(scope: Scope, run: Run) -> list[Run]:
    """The runs inside a run, in the order of their items."""
    return (await Run.query(scope).where(Run.id == run.id).load(Run.children).one()).children


async def inner_in(scope: Scope, run: Run, *states: RunState, count: int = 1) -> list[Run]:
    """Wait until so many runs inside a run are in some of states, and those."""

    async def there() -> bool:
        return len([each for each in await children(scope, run) if each.state in states]) >= count

    await until(there)
    return [each for each in await children(scope, run) if each.state in states]


async def test_a_stage_is_a_run_of_another_pipeline_and_gives_what_it_gives(url: str, conn: Any) -> None:
    async with shaped(url, Doing(), OUTER) as app:
        run = await over(me(app), await start(me(app), "one", pipeline="outer"))
        assert data(run)["inner"] == {"text": "deep"}
        (inner,) = await children(me(app), run)
        assert (inner.state, inner.parent_stage, inner.parent_index) == (RunState.COMPLETED, "inner", 0)
        assert inner.content_id == run.content_id
        await no_job_left(conn)
    assert await committed_twice(conn) == []


async def test_no_process_is_kept_busy_while_it_waits(url: str) -> None:
    gate = Gate()
    async with shaped(url, Doing({"deep": gate}), OUTER, concurrency=2) as app:
        run = await start(me(app), "one", pipeline="outer")
        await gate.came.wait()
        waiting = await reaches(me(app), run, RunState.WAITING)
        assert stage_of(waiting, "inner").state is StageState.RUNNING
        gate.opened.set()
        await over(me(app), run)


async def test_there_is_a_run_for_each_item_and_some_are_open_at_once(url: str, conn: Any) -> None:
    gate = Gate("X")
    async with shaped(url, Doing({"shout": gate}), WIDE) as app:
        run = await start(me(app), "one", pipeline="wide", text="a b c d e f g")
        await inner_in(me(app), run, RunState.RUNNING, count=3)
        assert len(await children(me(app), run)) == 3
        gate.opened.set()
        done = await over(me(app), run)
        assert data(done)["parts"] == ["X"] * 7
        found = await children(me(app), run)
        assert [each.input for each in found] == list("abcdefg")
        assert gate.most <= 3
    assert await committed_twice(conn) == []


async def test_items_keep_their_order_on_two_nodes(url: str) -> None:
    text = " ".join(f"w{number}" for number in range(25))
    async with shaped(url, Doing(), WIDE) as app, shaped(url, Doing(), WIDE):
        runs = [await start(me(app), f"{number}", pipeline="wide", text=text) for number in range(3)]
        for run in runs:
            assert data(await over(me(app), run, seconds=60))["parts"] == text.upper().split()


async def test_no_items_are_no_runs(url: str) -> None:
    async with shaped(url, Doing(), WIDE) as app:
        run = await over(me(app), await start(me(app), "one", pipeline="wide", text="  "))
        assert data(run)["parts"] == []


async def test_where_the_inner_run_fails_the_stage_fails_and_a_retry_goes_on_with_it(
    url: str, conn: Any
) -> None:
    doing = Doing({"deep": raising(LookupError("not here"), times=1)})
    async with shaped(url, doing, OUTER) as app:
        run = await over(me(app), await start(me(app), "one", pipeline="outer"))
        assert run.state is RunState.FAILED
        (inner,) = await children(me(app), run)
        error = error_of(run)
        assert error["code"] == "nested-run-failed"
        assert str(inner.id) in error["message"]
        assert "not here" in error["message"]
        await (await Run.get(me(app), run.id)).retry(me(app))
        done = await reaches(me(app), run, RunState.COMPLETED)
        assert data(done)["inner"] == {"text": "deep"}
        assert [each.id for each in await children(me(app), run)] == [inner.id]
        assert doing.times("before") == 1
        await no_job_left(conn)


async def test_a_list_may_go_on_without_the_runs_that_fail(url: str) -> None:
    async def shout(context: Any, given: Any) -> Any:
        if given == "b":
            raise LookupError("not b")
        return given.upper()

    async with shaped(url, Doing({"shout": shout}), LENIENT, WIDE) as app:
        run = await over(me(app), await start(me(app), "one", pipeline="lenient", text="a b c"))
        assert data(run)["parts"] == ["A", None, "C"]
        failing = await over(me(app), await start(me(app), "two", pipeline="wide", text="a b c"))
        assert failing.state is RunState.FAILED


@pytest.mark.parametrize("who", ["outer", "inner"])
async def test_cancelling_one_ends_both(url: str, conn: Any, who: str) -> None:
    gate = Gate()
    async with shaped(url, Doing({"deep": gate}), OUTER) as app:
        run = await start(me(app), "one", pipeline="outer")
        await gate.came.wait()
        (inner,) = await inner_in(me(app), run, RunState.RUNNING)
        await (await Run.get(me(app), run.id if who == "outer" else inner.id)).cancel(me(app))
        ended = await reaches(me(app), run, RunState.CANCELLED if who == "outer" else RunState.FAILED)
        assert (await row(me(app), inner)).state is RunState.CANCELLED
        if who == "inner":
            assert error_of(ended)["code"] == "nested-run-failed"
        await no_job_left(conn)


async def test_pausing_the_outer_run_pauses_the_inner_one_and_both_go_on(url: str) -> None:
    gate = Gate()
    async with shaped(url, Doing({"deep": gate}), OUTER) as app:
        run = await start(me(app), "one", pipeline="outer")
        await gate.came.wait()
        await reaches(me(app), run, RunState.WAITING)
        await (await Run.get(me(app), run.id)).pause(me(app))
        (inner,) = await children(me(app), run)
        assert inner.state is RunState.PAUSED
        gate.opened.set()
        await (await Run.get(me(app), run.id)).resume(me(app))
        assert (await over(me(app), run)).state is RunState.COMPLETED


async def test_when_the_outer_run_fails_what_is_open_inside_is_cancelled(url: str, conn: Any) -> None:
    gate = Gate()
    doing = Doing({"deep": gate, "bad": raising(LookupError("bad"))})
    both = Pipeline.graph("both", stages=[nested(INNER), stage(Shapes.step, name="bad", attempts=1)])
    async with shaped(url, doing, both) as app:
        run = await over(me(app), await start(me(app), "one", pipeline="both"))
        assert run.state is RunState.FAILED
        await inner_in(me(app), run, RunState.CANCELLED)
        await no_job_left(conn)


async def test_a_run_takes_an_input_of_the_declared_type(url: str) -> None:
    async with shaped(url, Doing(), PART, OUTER) as app:
        run = await start(me(app), "one", pipeline="outer")
        given = await Run.start(me(app), content_id=run.content_id, pipeline="part", input="abc")
        assert data(await over(me(app), given))["shout"] == "ABC"
        with pytest.raises(InvalidInput) as wrong:
            await Run.start(me(app), content_id=run.content_id, pipeline="part", input={"no": "text"})
        assert wrong.value.path == ("input", "input")
        with pytest.raises(InvalidInput, match="takes no input"):
            await Run.start(me(app), content_id=run.content_id, pipeline="outer", input="abc")
        await over(me(app), run)


async def test_three_deep_and_beside_other_stages(url: str, conn: Any) -> None:
    middle = Pipeline(
        "middle", stages=[nested(INNER), pause("rest", seconds=0.05), stage(Shapes.step, name="end")]
    )
    top = Pipeline.graph(
        "top",
        stages=[stage(Shapes.step, name="beside"), nested(middle, name="left"), nested(middle, name="right")],
    )
    async with shaped(url, Doing(), top) as app:
        run = await over(me(app), await start(me(app), "one", pipeline="top"))
        assert data(run) == {"beside": {"text": "beside"}, "left": {"text": "end"}, "right": {"text": "end"}}
        await no_job_left(conn)
    assert await committed_twice(conn) == []


async def test_a_word_that_was_lost_is_found(url: str, conn: Any) -> None:
    """The process of the inner run died after its last commit; and one of an outer run before it cancelled."""
    gate = Gate()
    async with shaped(url, Doing({"deep": gate}), OUTER) as app:
        runs = [await start(me(app), name, pipeline="outer") for name in ("one", "two")]
        for run in runs:
            await inner_in(me(app), run, RunState.RUNNING)
            await reaches(me(app), run, RunState.WAITING)
        (orphan,) = await children(me(app), runs[1])
        await conn.execute("UPDATE pipeline_runs SET state = 'failed' WHERE id = $1", runs[1].id)
        await app.system_scope().get(Pipelines).repair()
        assert (await row(me(app), orphan)).state is RunState.CANCELLED
        gate.opened.set()
        await over(me(app), runs[0])
