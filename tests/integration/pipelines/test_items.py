"""Stages for each item of a list, and stages that are repeated: every item and every round is a checkpoint."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.integration.pipelines.helpers import error_of, start, until
from tests.integration.pipelines.shapes import (
    SOON,
    Doing,
    Gate,
    Shapes,
    Split,
    committed_twice,
    data,
    giving,
    items_of,
    me,
    no_job_left,
    over,
    reaches,
    shaped,
    stage_of,
)

from sorbus.errors.base import Invalid
from sorbus.jobs import Backoff
from sorbus.pipelines import (
    Pipeline,
    Run,
    RunState,
    StageContext,
    StageState,
    approval,
    for_each,
    repeat,
    stage,
)

DONE, FAILED = StageState.DONE, StageState.FAILED


def mapped(**options: Any) -> Pipeline:
    """A list and a stage for each item of it."""
    each = for_each(
        Shapes.each, over=lambda split: split.parts, **{"attempts": 2, "backoff": SOON, **options}
    )
    return Pipeline("shape", stages=[stage(Shapes.split), each])


async def run_once(url: str, doing: Doing, pipeline: Pipeline, *, text: str = "a b c d e f") -> Run:
    """One run to its end."""
    async with shaped(url, doing, pipeline) as app:
        run = await start(me(app), "one", pipeline="shape", text=text)
        return await over(me(app), run)


def poisoned(item: str, *, times: int = 1000) -> Any:
    """A behaviour that fails at one item, at first or always."""
    left = [times]

    async def behave(context: StageContext, given: str) -> str:
        if given == item:
            left[0] -= 1
            if left[0] >= 0:
                raise Invalid("poison")
        return given.upper()

    return behave


async def test_outputs_are_in_the_order_of_the_items_whichever_ends_first(url: str, conn: Any) -> None:
    ended: list[str] = []

    async def behave(context: StageContext, given: str) -> str:
        assert context.item is not None
        await asyncio.sleep(0.05 * (6 - context.item))
        ended.append(given)
        return given.upper()

    run = await run_once(url, Doing({"each": behave}), mapped())
    assert data(run)["each"] == ["A", "B", "C", "D", "E", "F"]
    assert ended == ["f", "e", "d", "c", "b", "a"]
    assert await committed_twice(conn) == []


@pytest.mark.parametrize(("limit", "side_by_side", "most"), [(2, 8, 2), (8, 3, 3), (1, 8, 1)])
async def test_no_more_items_are_in_hand_than_allowed(
    url: str, limit: int, side_by_side: int, most: int
) -> None:
    gate, doing = Gate("x"), Doing()
    doing.behave["each"] = gate
    declared = mapped(limit=limit)
    pipeline = Pipeline("shape", stages=declared.stages, side_by_side=side_by_side)
    async with shaped(url, doing, pipeline) as app:
        run = await start(me(app), "one", pipeline="shape", text="a b c d e f")
        await until(lambda: gate.inside == most)
        gate.opened.set()
        assert data(await over(me(app), run))["each"] == ["x"] * 6
    assert gate.most == most


async def test_an_empty_list_gives_an_empty_list(url: str) -> None:
    doing = Doing({"split": giving(Split([]))})
    run = await run_once(url, doing, mapped())
    assert (data(run)["each"], doing.items("each")) == ([], [])


async def test_where_there_is_no_list_the_stage_fails(url: str) -> None:
    doing = Doing({"split": giving(Split(None))})
    run = await run_once(url, doing, mapped())
    error = error_of(run)
    assert (run.state, error["code"], error["stage"]) == (RunState.FAILED, "no-such-items", "each")
    assert "split.parts" in error["message"]
    assert doing.items("each") == []


async def test_a_poison_item_fails_the_stage_with_its_index_and_a_retry_repeats_only_that_item(
    url: str, conn: Any
) -> None:
    doing = Doing({"each": poisoned("c", times=1)})
    async with shaped(url, doing, mapped(limit=1)) as app:
        run = await start(me(app), "one", pipeline="shape", text="a b c d e f")
        failed = await over(me(app), run)
        error = error_of(failed)
        assert (failed.state, error["stage"], error["item"]) == (RunState.FAILED, "each", 2)
        assert error["message"] == "poison"
        assert [each.state for each in await items_of(me(app), run)] == [DONE, DONE, FAILED]
        await no_job_left(conn)
        await failed.retry(me(app))
        found = await over(me(app), run)
    assert data(found)["each"] == ["A", "B", "C", "D", "E", "F"]
    assert doing.items("each") == [0, 1, 2, 2, 3, 4, 5]
    assert await committed_twice(conn) == []


async def test_items_in_hand_when_another_one_fails_are_kept(url: str) -> None:
    gate = asyncio.Event()

    async def behave(context: StageContext, given: str) -> str:
        if given == "a" and not gate.is_set():
            gate.set()
            raise Invalid("poison")
        await gate.wait()
        await asyncio.sleep(0.2)
        return given.upper()

    doing = Doing({"each": behave})
    async with shaped(url, doing, mapped(limit=3)) as app:
        run = await start(me(app), "one", pipeline="shape", text="a b c d e f")
        failed = await over(me(app), run)
        assert (failed.state, error_of(failed)["item"]) == (RunState.FAILED, 0)
        assert sorted(doing.items("each"), key=str) == [0, 1, 2]
        await failed.retry(me(app))
        assert data(await over(me(app), run))["each"] == ["A", "B", "C", "D", "E", "F"]
    assert sorted(doing.items("each"), key=str) == [0, 0, 1, 2, 3, 4, 5]


async def test_a_stage_that_keeps_going_gives_none_for_an_item_that_failed(url: str) -> None:
    doing = Doing({"each": poisoned("c")})
    async with shaped(url, doing, mapped(keep_going=True)) as app:
        run = await start(me(app), "one", pipeline="shape", text="a b c d")
        assert data(await over(me(app), run))["each"] == ["A", "B", None, "D"]
        failed = (await items_of(me(app), run))[2]
        assert (failed.state, failed.error["message"]) == (FAILED, "poison")  # type: ignore[index,call-overload]


async def test_what_is_known_of_a_failed_item_outlives_a_later_wait(url: str) -> None:
    declared = mapped(keep_going=True)
    pipeline = Pipeline("shape", stages=[*declared.stages, approval("approve")])
    async with shaped(url, Doing({"each": poisoned("a")}), pipeline) as app:
        run = await start(me(app), "one", pipeline="shape", text="a b")
        await reaches(me(app), run, RunState.WAITING)
        await Run.give(me(app), run_id=run.id, stage="approve", value={"approved": True})
        assert data(await over(me(app), run))["each"] == [None, "B"]
        failed = (await items_of(me(app), run))[0]
        assert (failed.state, failed.error is not None) == (FAILED, True)


async def test_each_item_has_its_own_attempts_and_back_off(url: str) -> None:
    moments: dict[int, list[float]] = {}

    async def behave(context: StageContext, given: str) -> str:
        assert context.item is not None
        mine = moments.setdefault(context.item, [])
        mine.append(asyncio.get_running_loop().time())
        assert context.attempt == len(mine)
        if context.item % 2 and len(mine) < 3:
            raise OSError("not yet")
        return given.upper()

    doing = Doing({"each": behave})
    async with shaped(url, doing, mapped(attempts=3, backoff=Backoff(base=0.3, jitter=0.0))) as app:
        run = await start(me(app), "one", pipeline="shape", text="a b c d")
        assert data(await over(me(app), run))["each"] == ["A", "B", "C", "D"]
        assert [each.attempt for each in await items_of(me(app), run)] == [0, 2, 0, 2]
    assert {index: len(times) for index, times in moments.items()} == {0: 1, 1: 3, 2: 1, 3: 3}
    assert all(times[1] - times[0] >= 0.28 for times in moments.values() if len(times) > 1)


async def test_items_that_are_committed_are_not_repeated_after_a_restart(url: str, conn: Any) -> None:
    gate, doing = Gate("x"), Doing()

    async def behave(context: StageContext, given: str) -> str:
        return str(await gate(context, given)) if given == "d" else given.upper()

    doing.behave["each"] = behave
    async with shaped(url, doing, mapped(limit=1)) as app:
        run = await start(me(app), "one", pipeline="shape", text="a b c d e")
        await gate.came.wait()
    gate.opened.set()
    async with shaped(url, doing, mapped(limit=1)) as app:
        assert data(await over(me(app), run))["each"] == ["A", "B", "C", "x", "E"]
    assert doing.items("each") == [0, 1, 2, 3, 3, 4]
    assert await committed_twice(conn) == []


# rounds


def rounds(**options: Any) -> Pipeline:
    """A stage that is repeated until it has counted to three."""
    given: dict[str, Any] = {"at_most": 5, "attempts": 2, "backoff": SOON, **options}
    return Pipeline("shape", stages=[repeat(Shapes.count, until=lambda count: count >= 3, **given)])


async def test_a_stage_is_repeated_on_its_own_output_until_the_condition_holds(url: str) -> None:
    doing = Doing()
    async with shaped(url, doing, rounds()) as app:
        run = await start(me(app), "one", pipeline="shape")
        assert data(await over(me(app), run)) == {"count": 3}
        assert [each.output for each in await items_of(me(app), run)] == [1, 2, 3]
    assert (doing.given, doing.items("count")) == ([None, 1, 2], [0, 1, 2])


async def test_rounds_that_are_committed_are_not_repeated_after_a_restart(url: str) -> None:
    gate, doing = Gate(3), Doing()

    async def behave(context: StageContext, given: int | None) -> Any:
        return await gate(context, given) if context.item == 2 else (given or 0) + 1

    doing.behave["count"] = behave
    async with shaped(url, doing, rounds()) as app:
        run = await start(me(app), "one", pipeline="shape")
        await gate.came.wait()
        assert [each.output for each in await items_of(me(app), run)] == [1, 2]
    gate.opened.set()
    async with shaped(url, doing, rounds()) as app:
        assert data(await over(me(app), run)) == {"count": 3}
    assert (doing.given, doing.items("count")) == ([None, 1, 2, 2], [0, 1, 2, 2])


async def test_a_round_that_fails_for_a_moment_is_tried_again_by_itself(url: str) -> None:
    doing = Doing()

    async def behave(context: StageContext, given: int | None) -> int:
        if context.item == 1 and context.attempt == 1:
            raise OSError("not yet")
        return (given or 0) + 1

    doing.behave["count"] = behave
    run = await run_once(url, doing, rounds())
    assert (data(run), doing.given) == ({"count": 3}, [None, 1, 1, 2])


async def test_a_round_that_fails_for_good_fails_the_run_and_a_retry_repeats_only_that_round(
    url: str,
) -> None:
    doing, broken = Doing(), [True]

    async def behave(context: StageContext, given: int | None) -> int:
        if context.item == 1 and broken:
            broken.clear()
            raise Invalid("broken")
        return (given or 0) + 1

    doing.behave["count"] = behave
    async with shaped(url, doing, rounds()) as app:
        run = await start(me(app), "one", pipeline="shape")
        failed = await over(me(app), run)
        assert (failed.state, error_of(failed)["item"]) == (RunState.FAILED, 1)
        await failed.retry(me(app))
        assert data(await over(me(app), run)) == {"count": 3}
    assert doing.items("count") == [0, 1, 1, 2]


async def test_when_the_rounds_are_used_up_the_stage_fails(url: str) -> None:
    doing = Doing()
    run = await run_once(url, doing, rounds(at_most=2))
    assert (run.state, error_of(run)["code"]) == (RunState.FAILED, "rounds-used-up")
    assert "2 rounds" in error_of(run)["message"]
    assert doing.items("count") == [0, 1]


async def test_when_the_rounds_are_used_up_the_last_one_may_do(url: str) -> None:
    assert data(await run_once(url, Doing(), rounds(at_most=2, keep_last=True))) == {"count": 2}


# what outputs are


async def test_outputs_that_are_lists_of_lists_are_kept_as_they_are(url: str) -> None:
    doing = Doing()
    lines = for_each(Shapes.line, over=lambda table: table)
    pipeline = Pipeline("shape", stages=[stage(Shapes.table), lines, approval("approve")])
    async with shaped(url, doing, pipeline) as app:
        run = await start(me(app), "one", pipeline="shape")
        waiting = await reaches(me(app), run, RunState.WAITING)
        # Read back from the rows, too: the run is taken in hand anew.
        await Run.give(me(app), run_id=run.id, stage="approve", value={"approved": True})
        found = data(await over(me(app), run))
    assert stage_of(waiting, "table").output == [[1, 2], [], [3]]
    assert (found["table"], found["line"]) == ([[1, 2], [], [3]], [[2, 4], [], [6]])


@pytest.mark.parametrize("table", [[], [[]], [[1], [2, 3]], [[1, 2], [3, 4]]])
async def test_a_list_of_any_shape_comes_through(url: str, table: list[list[int]]) -> None:
    run = await run_once(
        url, Doing({"table": giving(table)}), Pipeline("shape", stages=[stage(Shapes.table)])
    )
    assert data(run) == {"table": table}
