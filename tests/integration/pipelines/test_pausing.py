"""Pausing and resuming: what is in hand ends and is kept, nothing else starts, and nothing is lost or repeated."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from tests.integration.pipelines.helpers import error_of, row, start, until
from tests.integration.pipelines.shapes import (
    SOON,
    YES,
    Doing,
    Gate,
    Shapes,
    Word,
    asking,
    committed_twice,
    data,
    give,
    me,
    no_job_left,
    over,
    raising,
    reaches,
    shaped,
    stage_is,
    stage_of,
    states,
    unfinished_jobs,
)

from sorbus.errors.base import Invalid
from sorbus.errors.inputs import WrongState
from sorbus.pipelines import Pipeline, Run, RunState, Stage, StageContext, StageState, approval, stage
from sorbus.pipelines import pause as pause_stage

DONE, FAILED, READY, WAITING = StageState.DONE, StageState.FAILED, StageState.READY, StageState.WAITING


def step(name: str, **options: Any) -> Stage:
    """A plain stage."""
    return stage(Shapes.step, name=name, **{"attempts": 2, "backoff": SOON, **options})


LINE = Pipeline("line", stages=[step("a"), step("b"), step("c")])


def fork() -> Pipeline:
    """Two stages side by side, and one after each."""
    a, b = step("a"), step("b")
    return Pipeline.graph("fork", stages=[a, b, step("c", after=a), step("d", after=b)])


async def paused(scope: Any, run: Run) -> Run:
    """Pause a run."""
    return await (await Run.get(scope, run.id)).pause(scope)


async def resumed(scope: Any, run: Run) -> Run:
    """Resume a run."""
    return await (await Run.get(scope, run.id)).resume(scope)


async def asleep(conn: Any) -> None:
    """Wait until the run's job is completed, and see that none comes."""
    await no_job_left(conn)
    await asyncio.sleep(0.3)
    assert await unfinished_jobs(conn) == []


async def test_the_stage_in_hand_ends_and_is_kept_and_nothing_else_starts(url: str, conn: Any) -> None:
    gate, doing = Gate(), Doing()
    doing.behave["a"] = gate
    async with shaped(url, doing, LINE) as app:
        run = await start(me(app), "one", pipeline="line")
        await gate.came.wait()
        assert (await paused(me(app), run)).state is RunState.PAUSED
        gate.opened.set()
        await stage_is(me(app), run, "a", DONE)
        await asleep(conn)
        found = await row(me(app), run)
        assert (found.state, found.finished_at) == (RunState.PAUSED, None)
        assert (doing.stages, states(found)["c"]) == (["a"], WAITING)


async def test_a_resumed_run_goes_on_where_it_was(url: str, conn: Any) -> None:
    gate, doing = Gate(), Doing()
    doing.behave["a"] = gate
    async with shaped(url, doing, LINE) as app:
        run = await start(me(app), "one", pipeline="line")
        await gate.came.wait()
        await paused(me(app), run)
        gate.opened.set()
        await stage_is(me(app), run, "a", DONE)
        await no_job_left(conn)
        await resumed(me(app), run)
        assert set(data(await over(me(app), run))) == {"a", "b", "c"}
    assert (doing.stages, await committed_twice(conn)) == (["a", "b", "c"], [])


async def test_both_stages_in_hand_end_and_nothing_after_them_starts(url: str, conn: Any) -> None:
    a, b, doing = Gate(), Gate(), Doing()
    doing.behave |= {"a": a, "b": b}
    async with shaped(url, doing, fork()) as app:
        run = await start(me(app), "one", pipeline="fork")
        await until(lambda: a.inside + b.inside == 2)
        await paused(me(app), run)
        a.opened.set()
        await stage_is(me(app), run, "a", DONE)
        b.opened.set()
        await stage_is(me(app), run, "b", DONE)
        await no_job_left(conn)
        assert sorted(doing.stages) == ["a", "b"]
        await resumed(me(app), run)
        assert set(data(await over(me(app), run))) == {"a", "b", "c", "d"}
    assert sorted(doing.stages) == ["a", "b", "c", "d"]


async def test_a_run_resumed_before_its_stage_in_hand_ends_repeats_nothing(url: str, conn: Any) -> None:
    gate, doing = Gate(), Doing()
    doing.behave["b"] = gate
    async with shaped(url, doing, LINE) as app:
        run = await start(me(app), "one", pipeline="line")
        await gate.came.wait()
        await paused(me(app), run)
        await resumed(me(app), run)
        assert await unfinished_jobs(conn) == ["executing"]
        gate.opened.set()
        await over(me(app), run)
        await no_job_left(conn)
    assert (doing.stages, await committed_twice(conn)) == (["a", "b", "c"], [])


async def test_a_run_resumed_after_its_conductor_saw_the_pause_repeats_nothing(url: str) -> None:
    a, b, doing = Gate(), Gate(), Doing()
    doing.behave |= {"a": a, "b": b}
    pipeline = Pipeline.graph("pair", stages=[step("a"), first := step("b"), step("c", after=first)])
    async with shaped(url, doing, pipeline) as app:
        run = await start(me(app), "one", pipeline="pair")
        await until(lambda: a.inside + b.inside == 2)
        await paused(me(app), run)
        a.opened.set()
        await stage_is(me(app), run, "a", DONE)
        await resumed(me(app), run)
        b.opened.set()
        assert set(data(await over(me(app), run))) == {"a", "b", "c"}
    assert sorted(doing.stages) == ["a", "b", "c"]


async def test_a_stage_in_hand_beside_an_approval_is_kept_by_a_pause(url: str, conn: Any) -> None:
    gate, doing = Gate(), Doing()
    doing.behave["a"] = gate
    pipeline = Pipeline.graph("beside", stages=[step("a"), approval("approve")])
    async with shaped(url, doing, pipeline) as app:
        run = await start(me(app), "one", pipeline="beside")
        await gate.came.wait()
        await paused(me(app), run)
        gate.opened.set()
        await no_job_left(conn)
        found = await row(me(app), run)
        assert (found.state, states(found)["a"]) == (RunState.PAUSED, DONE)
    assert doing.stages == ["a"]


async def test_a_failed_attempt_is_counted_when_the_run_is_paused_meanwhile(url: str, conn: Any) -> None:
    gate, doing = Gate(), Doing()

    async def behave(context: StageContext, given: Any) -> Any:
        await gate(context, given)
        raise OSError("broken")

    doing.behave["a"] = behave
    async with shaped(url, doing, LINE) as app:
        run = await start(me(app), "one", pipeline="line")
        await gate.came.wait()
        await paused(me(app), run)
        gate.opened.set()
        await no_job_left(conn)
        found = stage_of(await row(me(app), run), "a")
        assert (found.state, found.attempt) == (READY, 1)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("exactly", [False, True])
async def test_pauses_and_resumes_at_any_moment_lose_nothing(
    url: str, conn: Any, seed: int, exactly: bool
) -> None:
    chance = random.Random(seed)

    async def behave(context: StageContext, given: Any) -> Any:
        await asyncio.sleep(chance.uniform(0, 0.03))
        return Word(context.stage)

    doing = Doing(dict.fromkeys("abcd", behave))
    # As many callers at once as the pool has room for: what more of them come to is another test's matter.
    room = asyncio.Semaphore(5)
    async with shaped(url, doing, fork(), concurrency=20) as app:

        async def one(number: int) -> Run:
            run = await start(me(app), f"run {number}", pipeline="fork")
            for _ in range(3):
                for change in (paused, resumed):
                    await asyncio.sleep(chance.uniform(0, 0.08))
                    try:
                        async with room:
                            await change(me(app), run)
                    except WrongState:
                        # It ended with what was in hand.
                        assert (await Run.get(me(app), run.id)).state is RunState.COMPLETED
                        return run
            return run

        for run in await asyncio.gather(*(one(number) for number in range(50))):
            assert set(data(await over(me(app), run))) == {"a", "b", "c", "d"}
        await no_job_left(conn)
    assert await committed_twice(conn) == []
    if exactly:
        assert len(doing.seen) == 4 * 50


# pauses of runs that do nothing


async def test_a_run_paused_before_it_begins_starts_nothing_until_it_is_resumed(url: str, conn: Any) -> None:
    doing = Doing()
    async with shaped(url, doing, LINE, run_jobs=False) as app:
        run = await start(me(app), "one", pipeline="line")
        await paused(me(app), run)
    async with shaped(url, doing, LINE) as app:
        await asleep(conn)
        assert (doing.seen, (await row(me(app), run)).state) == ([], RunState.PAUSED)
        await resumed(me(app), run)
        assert set(data(await over(me(app), run))) == {"a", "b", "c"}


@pytest.mark.parametrize("early", [True, False], ids=["resumed-before-its-time", "resumed-after-it"])
async def test_a_run_that_sleeps_is_paused_and_sleeps_its_time(url: str, conn: Any, early: bool) -> None:
    pipeline = Pipeline("rest", stages=[pause_stage("rest", seconds=1), step("a")])
    doing = Doing()
    async with shaped(url, doing, pipeline) as app:
        run = await start(me(app), "one", pipeline="rest")
        rest = stage_of(await reaches(me(app), run, RunState.WAITING), "rest")
        await paused(me(app), run)
        if not early:
            await no_job_left(conn)
            assert (await row(me(app), run)).state is RunState.PAUSED
            assert doing.seen == []
        await resumed(me(app), run)
        found = await over(me(app), run)
    begun = stage_of(found, "a").started_at
    assert set(data(found)) == {"rest", "a"}
    assert begun is not None
    assert rest.wake_at is not None
    assert begun >= rest.wake_at
    assert doing.stages == ["a"]


async def test_a_run_that_waits_for_somebody_is_paused_and_resumed(url: str, conn: Any) -> None:
    async with shaped(url, Doing(), asking()) as app:
        run = await start(me(app), "one", pipeline="asking")
        await reaches(me(app), run, RunState.WAITING)
        await paused(me(app), run)
        await asleep(conn)
        await resumed(me(app), run)
        await reaches(me(app), run, RunState.WAITING)
        await no_job_left(conn)
        await give(me(app), run)
        assert data(await over(me(app), run))["approve"] == YES


async def test_a_value_given_to_a_paused_run_is_kept_until_it_is_resumed(url: str, conn: Any) -> None:
    doing = Doing()
    async with shaped(url, doing, asking()) as app:
        run = await start(me(app), "one", pipeline="asking")
        await reaches(me(app), run, RunState.WAITING)
        await paused(me(app), run)
        await give(me(app), run)
        await asleep(conn)
        found = await row(me(app), run)
        assert (found.state, states(found)["approve"]) == (RunState.PAUSED, READY)
        assert stage_of(found, "approve").given_at is not None
        await resumed(me(app), run)
        assert data(await over(me(app), run))["approve"] == YES
    assert doing.stages == ["first", "ship"]


async def test_a_restart_does_not_resume_a_paused_run(url: str, conn: Any) -> None:
    gate, doing = Gate(), Doing()
    doing.behave["b"] = gate
    async with shaped(url, doing, LINE) as app:
        run = await start(me(app), "one", pipeline="line")
        await gate.came.wait()
        await paused(me(app), run)
    gate.opened.set()
    async with shaped(url, doing, LINE) as app:
        await asleep(conn)
        found = await row(me(app), run)
        assert (found.state, states(found)["a"], doing.times("b")) == (RunState.PAUSED, DONE, 1)
        await resumed(me(app), run)
        assert set(data(await over(me(app), run))) == {"a", "b", "c"}
    assert doing.times("a") == 1


# what cannot be paused, and what else can be done


async def test_only_a_run_that_goes_on_can_be_paused_and_only_a_paused_one_resumed(url: str) -> None:
    async with shaped(url, Doing(), LINE, asking()) as app:
        run = await start(me(app), "one", pipeline="line")
        await over(me(app), run)
        with pytest.raises(WrongState, match="completed"):
            await paused(me(app), run)
        with pytest.raises(WrongState):
            await resumed(me(app), run)
        run = await start(me(app), "two", pipeline="asking")
        await reaches(me(app), run, RunState.WAITING)
        with pytest.raises(WrongState):
            await resumed(me(app), run)
        await paused(me(app), run)
        with pytest.raises(WrongState):
            await paused(me(app), run)


async def test_many_pauses_that_are_refused_at_once_do_not_wait_for_each_other(url: str) -> None:
    async with shaped(url, Doing(), LINE) as app:
        run = await over(me(app), await start(me(app), "one", pipeline="line"))
        async with asyncio.timeout(5):
            answers = await asyncio.gather(*(run.pause(me(app)) for _ in range(30)), return_exceptions=True)
    assert {type(each) for each in answers} == {WrongState}


async def test_two_resumes_at_once_make_one_job(url: str, conn: Any) -> None:
    async with shaped(url, Doing(), asking(), run_jobs=False) as app:
        run = await paused(me(app), await start(me(app), "one", pipeline="asking"))
        await conn.execute("UPDATE oban_jobs SET state = 'completed'")
        answers = await asyncio.gather(*(run.resume(me(app)) for _ in range(2)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in answers) == ["Run", "WrongState"]
    assert await unfinished_jobs(conn) == ["available"]


async def test_a_paused_run_is_cancelled_and_completes_after_a_retry(url: str, conn: Any) -> None:
    gate, doing = Gate(), Doing()
    doing.behave["b"] = gate
    async with shaped(url, doing, LINE) as app:
        run = await start(me(app), "one", pipeline="line")
        await gate.came.wait()
        await paused(me(app), run)
        cancelled = await (await row(me(app), run)).cancel(me(app))
        await until(lambda: gate.inside == 0)
        await no_job_left(conn)
        assert (await row(me(app), run)).state is RunState.CANCELLED
        gate.opened.set()
        await cancelled.retry(me(app))
        assert set(data(await over(me(app), run))) == {"a", "b", "c"}
    assert doing.times("a") == 1


async def test_a_resume_does_not_try_again_what_has_failed_for_good(url: str, conn: Any) -> None:
    gate, doing = Gate(), Doing()
    doing.behave |= {"a": raising(Invalid("broken")), "b": gate}
    async with shaped(url, doing, fork()) as app:
        run = await start(me(app), "one", pipeline="fork")
        await stage_is(me(app), run, "a", FAILED)
        await until(lambda: gate.inside)
        await paused(me(app), run)
        gate.opened.set()
        await no_job_left(conn)
        if (await row(me(app), run)).state is RunState.PAUSED:
            await resumed(me(app), run)
        found = await over(me(app), run)
    assert (found.state, error_of(found)["message"]) == (RunState.FAILED, "broken")
    assert (doing.times("a"), doing.times("b")) == (1, 1)


async def test_a_run_paused_while_it_is_undone_goes_on_undoing_when_resumed(url: str, conn: Any) -> None:
    gate, doing = Gate(), Doing()
    doing.behave |= {"c": raising(Invalid("broken")), "b.undo": gate}
    stages = [step("a", undo=Shapes.undo), step("b", undo=Shapes.undo), step("c")]
    async with shaped(url, doing, Pipeline("line", stages=stages)) as app:
        run = await start(me(app), "one", pipeline="line")
        await gate.came.wait()
        await paused(me(app), run)
        gate.opened.set()
        await no_job_left(conn)
        if (await row(me(app), run)).state is RunState.PAUSED:
            await resumed(me(app), run)
        assert (await over(me(app), run)).state is RunState.COMPENSATED
    assert doing.stages == ["a", "b", "c", "b.undo", "a.undo"]
