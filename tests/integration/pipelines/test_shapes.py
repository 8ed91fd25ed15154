"""The shapes of runs: side by side, branches, failures and what handles or undoes them, items and rounds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.integration.pipelines.helpers import error_of, marked, row, start, until
from tests.integration.pipelines.shapes import (
    SOON,
    Doing,
    Gate,
    Shapes,
    Word,
    committed_twice,
    data,
    giving,
    me,
    no_job_left,
    over,
    raising,
    shaped,
    stage_is,
    states,
)

from sorbus.errors.base import Invalid
from sorbus.pipelines import (
    Pipeline,
    Run,
    RunState,
    Stage,
    StageContext,
    StageFailure,
    StageState,
    stage,
)

DONE, FAILED, SKIPPED = StageState.DONE, StageState.FAILED, StageState.SKIPPED


def step(name: str, **options: Any) -> Stage:
    """A plain stage that is tried twice."""
    return stage(Shapes.step, name=name, **{"attempts": 2, "backoff": SOON, **options})


def graph(*stages: Stage, **options: Any) -> Pipeline:
    """A pipeline of some stages."""
    return Pipeline.graph("shape", stages=stages, **options)


async def run_once(url: str, doing: Doing, pipeline: Pipeline, *, text: str = "a b c") -> Run:
    """One run to its end."""
    async with shaped(url, doing, pipeline) as app:
        run = await start(me(app), "one", pipeline="shape", text=text)
        return await over(me(app), run)


# side by side


async def test_stages_that_do_not_wait_for_each_other_are_in_hand_at_once(url: str) -> None:
    gate, doing = Gate(), Doing()
    doing.behave |= {"a": gate, "b": gate}
    async with shaped(url, doing, graph(step("a"), step("b"), step("c", after=()))) as app:
        run = await start(me(app), "one", pipeline="shape")
        await until(lambda: gate.inside == 2)
        await stage_is(me(app), run, "a", StageState.RUNNING, StageState.READY)
        gate.opened.set()
        assert set(data(await over(me(app), run))) == {"a", "b", "c"}
    assert sorted(doing.stages) == ["a", "b", "c"]


async def test_one_at_a_time_where_no_more_may_be_in_hand(url: str) -> None:
    inside, most = 0, 0

    async def behave(context: StageContext, given: Any) -> Any:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.05)
        inside -= 1
        return Word(context.stage)

    names = ["a", "b", "c", "d"]
    doing = Doing(dict.fromkeys(names, behave))
    run = await run_once(url, doing, graph(*map(step, names), side_by_side=1))
    assert set(data(run)) == set(names)
    assert (most, doing.stages) == (1, names)


async def test_a_stage_starts_as_soon_as_its_own_sources_are_done(url: str) -> None:
    gate, doing = Gate(), Doing()
    doing.behave["slow"] = gate
    quick, slow = step("quick"), step("slow")
    pipeline = graph(quick, slow, step("next", after=quick), step("both", after=[quick, slow]))
    async with shaped(url, doing, pipeline) as app:
        run = await start(me(app), "one", pipeline="shape")
        await stage_is(me(app), run, "next", DONE)
        assert doing.times("both") == 0
        gate.opened.set()
        assert set(data(await over(me(app), run))) == {"quick", "slow", "next", "both"}


@pytest.mark.parametrize("words", ["one", "one two"])
async def test_a_branch_is_taken_only_where_its_condition_holds(url: str, words: str) -> None:
    split = stage(Shapes.table)
    doing = Doing({"word": giving(Word(words))})
    word = step("word")
    pipeline = graph(
        split,
        word,
        one := step("taken", when=lambda word: word.text == "one"),
        step("behind", after=one),
        step("join", after=[one, split], join="any"),
    )
    run = await run_once(url, doing, pipeline)
    holds = words == "one"
    assert run.state is RunState.COMPLETED
    assert states(run) == {
        "table": DONE,
        "word": DONE,
        "taken": DONE if holds else SKIPPED,
        "behind": DONE if holds else SKIPPED,
        "join": DONE,
    }
    assert ("taken" in data(run), doing.times("behind")) == (holds, int(holds))


# failures that are handled


async def test_what_starts_on_a_failure_gets_it_and_the_run_completes(url: str) -> None:
    doing = Doing({"a": raising(OSError("no ink"))})
    first = step("a")
    run = await run_once(
        url, doing, graph(first, stage(Shapes.caught, on_failure=first), step("b", after=first))
    )
    assert data(run) == {"caught": {"text": "unknown"}}
    assert states(run) == {"a": FAILED, "caught": DONE, "b": SKIPPED}
    failure = doing.given[-1]
    assert isinstance(failure, StageFailure)
    assert (failure.stage, failure.code, failure.attempt) == ("a", "unknown", 2)
    assert "no ink" in failure.message
    assert (run.error, doing.stages) == (None, ["a", "a", "caught"])


async def test_what_starts_on_a_failure_is_skipped_without_one(url: str) -> None:
    first = step("a")
    run = await run_once(url, Doing(), graph(first, stage(Shapes.caught, on_failure=first)))
    assert data(run) == {"a": {"text": "a"}}
    assert states(run)["caught"] is SKIPPED


async def test_the_failure_of_a_stage_that_may_fail_stops_nothing(url: str) -> None:
    first = step("a", may_fail=True)
    doing = Doing({"a": raising(Invalid("broken"))})
    run = await run_once(url, doing, graph(first, step("needs", after=first), step("free")))
    assert data(run) == {"free": {"text": "free"}}
    assert states(run) == {"a": FAILED, "needs": SKIPPED, "free": DONE}


async def test_a_failure_of_what_handles_a_failure_fails_the_run(url: str) -> None:
    first = step("a")
    doing = Doing({"a": raising(Invalid("first")), "caught": raising(Invalid("second"))})
    run = await run_once(url, doing, graph(first, stage(Shapes.caught, on_failure=first)))
    assert (run.state, error_of(run)["stage"]) == (RunState.FAILED, "caught")


# failures that nobody handles


async def test_a_final_failure_lets_what_is_in_hand_end_and_a_retry_repeats_only_what_failed(
    url: str, conn: Any
) -> None:
    gate, doing = Gate(), Doing()
    doing.behave |= {"slow": gate, "bad": raising(Invalid("broken"), times=1)}
    slow = step("slow")
    pipeline = graph(slow, step("after", after=slow), bad := step("bad"), step("end", after=[slow, bad]))
    async with shaped(url, doing, pipeline) as app:
        run = await start(me(app), "one", pipeline="shape")
        await stage_is(me(app), run, "bad", FAILED)
        assert (await row(me(app), run)).state is RunState.RUNNING
        gate.opened.set()
        failed = await over(me(app), run)
        assert (failed.state, error_of(failed)["stage"]) == (RunState.FAILED, "bad")
        assert states(failed) == {
            "slow": DONE,
            "after": StageState.WAITING,
            "bad": FAILED,
            "end": StageState.WAITING,
        }
        await no_job_left(conn)
        await failed.retry(me(app))
        found = await over(me(app), run)
    assert set(data(found)) == {"slow", "after", "bad", "end"}
    assert {name: doing.times(name) for name in states(found)} == {"slow": 1, "after": 1, "bad": 2, "end": 1}
    assert await committed_twice(conn) == []


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="plain"),
        pytest.param({"may_fail": True}, id="may-fail"),
    ],
)
async def test_a_run_cancelled_with_a_stage_in_hand_completes_after_a_retry(
    url: str, options: dict[str, Any]
) -> None:
    gate, doing = Gate(), Doing()
    doing.behave["b"] = gate
    async with shaped(url, doing, Pipeline("shape", stages=[step("a"), step("b", **options)])) as app:
        run = await start(me(app), "one", pipeline="shape")
        await gate.came.wait()
        await marked(me(app), run, "b")
        cancelled = await (await row(me(app), run)).cancel(me(app))
        assert states(await row(me(app), run))["b"] is StageState.CANCELLED
        await until(lambda: gate.inside == 0)
        gate.opened.set()
        await cancelled.retry(me(app))
        assert set(data(await over(me(app), run, seconds=5))) == {"a", "b"}


# undoing


def undoing(*, attempts: int = 2) -> Pipeline:
    """Three stages, of which the first two can be undone."""
    return Pipeline(
        "shape",
        stages=[step(name, undo=Shapes.undo, attempts=attempts) for name in ("a", "b")] + [step("c")],
    )


async def test_what_was_done_is_undone_in_reverse_when_the_run_fails(url: str, conn: Any) -> None:
    doing = Doing({"c": raising(Invalid("broken"))})
    run = await run_once(url, doing, undoing())
    assert doing.stages == ["a", "b", "c", "b.undo", "a.undo"]
    assert (run.state, error_of(run)["stage"], error_of(run)["message"]) == (
        RunState.COMPENSATED,
        "c",
        "broken",
    )
    assert states(run) == {"a": DONE, "b": DONE, "c": FAILED, "b.undo": DONE, "a.undo": DONE}
    assert (run.result, run.finished_at is not None) == (None, True)
    assert await committed_twice(conn) == []


async def test_only_what_was_done_is_undone(url: str) -> None:
    doing = Doing({"b": raising(Invalid("broken"))})
    run = await run_once(url, doing, undoing())
    assert (run.state, doing.stages) == (RunState.COMPENSATED, ["a", "b", "a.undo"])


async def test_an_undo_that_fails_for_a_moment_is_tried_again(url: str) -> None:
    doing = Doing({"c": raising(Invalid("broken")), "b.undo": raising(OSError("busy"), times=1)})
    run = await run_once(url, doing, undoing())
    assert run.state is RunState.COMPENSATED
    assert doing.stages == ["a", "b", "c", "b.undo", "b.undo", "a.undo"]


async def test_an_undo_that_fails_for_good_fails_the_run_and_a_retry_takes_up_the_undo_only(
    url: str, conn: Any
) -> None:
    doing = Doing({"c": raising(Invalid("broken")), "b.undo": raising(Invalid("stuck"), times=1)})
    async with shaped(url, doing, undoing()) as app:
        run = await start(me(app), "one", pipeline="shape")
        failed = await over(me(app), run)
        error = error_of(failed)
        assert (failed.state, error["stage"], error["message"]) == (RunState.FAILED, "b.undo", "stuck")
        assert (error["after"]["stage"], error["after"]["message"]) == ("c", "broken")
        await no_job_left(conn)
        before = list(doing.stages)
        await failed.retry(me(app))
        found = await over(me(app), run)
    assert (found.state, error_of(found)["stage"]) == (RunState.COMPENSATED, "c")
    again = doing.stages[len(before) :]
    assert again == [name for name in ("b.undo", "a.undo") if name == "b.undo" or name not in before]
    assert doing.times("a.undo") == 1
    assert await committed_twice(conn) == []


async def test_an_undo_survives_a_restart(url: str, conn: Any) -> None:
    gate, doing = Gate(), Doing()
    doing.behave |= {"c": raising(Invalid("broken")), "a.undo": gate}
    async with shaped(url, doing, undoing()) as app:
        run = await start(me(app), "one", pipeline="shape")
        await gate.came.wait()
        assert states(await row(me(app), run))["b.undo"] is DONE
    gate.opened.set()
    async with shaped(url, doing, undoing()) as app:
        found = await over(me(app), run)
    assert (found.state, doing.times("b.undo"), doing.times("c")) == (RunState.COMPENSATED, 1, 1)
    assert await committed_twice(conn) == []


async def test_a_run_cancelled_while_it_is_undone_goes_on_undoing_after_a_retry(url: str) -> None:
    gate, doing = Gate(), Doing()
    doing.behave |= {"c": raising(Invalid("broken")), "a.undo": gate}
    async with shaped(url, doing, undoing()) as app:
        run = await start(me(app), "one", pipeline="shape")
        await gate.came.wait()
        cancelled = await (await row(me(app), run)).cancel(me(app))
        await until(lambda: gate.inside == 0)
        gate.opened.set()
        await cancelled.retry(me(app))
        found = await over(me(app), run, seconds=5)
    assert found.state is RunState.COMPENSATED
    assert (doing.times("c"), doing.times("b.undo"), doing.times("a.undo")) == (1, 1, 2)
