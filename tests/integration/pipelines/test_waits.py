"""Runs that wait: for a time, and for somebody's word. No word is lost, and nothing is kept busy meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.integration.pipelines.helpers import JOBS, row, start, until
from tests.integration.pipelines.shapes import (
    SOON,
    YES,
    Doing,
    Gate,
    Shapes,
    asking,
    data,
    give,
    giving,
    me,
    no_job_left,
    over,
    reaches,
    shaped,
    stage_is,
    stage_of,
    states,
    unfinished_jobs,
)

from sorbus.errors.base import SorbusError
from sorbus.errors.inputs import InvalidInput
from sorbus.errors.pipelines import NothingAwaited
from sorbus.pipelines import Pipeline, RunState, StageState, approval, pause, signal, stage

# approval


async def test_a_run_waits_for_an_approval_without_a_job_and_goes_on_with_it(url: str, conn: Any) -> None:
    doing = Doing()
    async with shaped(url, doing, asking()) as app:
        run = await start(me(app), "one", pipeline="asking")
        waiting = await reaches(me(app), run, RunState.WAITING)
        assert states(waiting) == {
            "first": StageState.DONE,
            "approve": StageState.READY,
            "ship": StageState.WAITING,
        }
        assert (waiting.wake_at, waiting.finished_at) == (None, None)
        assert await unfinished_jobs(conn) == []
        await give(me(app), run)
        found = await over(me(app), run)
        assert data(found)["approve"] == YES
        assert data(found)["ship"] == {"text": "shipped for Ann"}
        assert stage_of(found, "approve").given_at is not None
        await no_job_left(conn)
    assert doing.stages == ["first", "ship"]
    assert [each["state"] for each in await conn.fetch(JOBS)] == ["completed", "completed"]


async def test_a_run_that_waits_for_somebody_is_not_taken_for_lost(url: str, conn: Any) -> None:
    from sorbus.pipelines import Pipelines

    async with shaped(url, Doing(), asking()) as app:
        run = await start(me(app), "one", pipeline="asking")
        await reaches(me(app), run, RunState.WAITING)
        assert await app.service(Pipelines).repair(older_than=0) == 0
        assert await unfinished_jobs(conn) == []


async def test_a_value_may_be_a_list_of_lists_a_text_or_nothing(url: str) -> None:
    kinds: dict[str, tuple[Any, Any]] = {
        "rows": (list[list[int]], [[1], [], [2, 3]]),
        "words": (list[str], ["a", '"b"']),
        "text": (str, "plain"),
        "nothing": (int | None, None),
    }
    pipeline = Pipeline.graph("kinds", stages=[signal(name, kind) for name, (kind, _) in kinds.items()])
    async with shaped(url, Doing(), pipeline) as app:
        run = await start(me(app), "one", pipeline="kinds")
        await reaches(me(app), run, RunState.WAITING)
        for name, (_, value) in kinds.items():
            await give(me(app), run, value, to=name)
        assert data(await over(me(app), run)) == {name: value for name, (_, value) in kinds.items()}


# early and twice


async def test_a_value_given_before_the_run_begins_is_kept_and_the_run_never_sleeps(
    url: str, conn: Any
) -> None:
    async with shaped(url, Doing(), asking(), run_jobs=False) as app:
        run = await start(me(app), "one", pipeline="asking")
        await give(me(app), run)
    async with shaped(url, Doing(), asking()) as app:
        assert data(await over(me(app), run))["approve"] == YES
    # One job from beginning to end: it never gave its lease back.
    assert [(each["state"], each["attempt"]) for each in await conn.fetch(JOBS)] == [("completed", 1)]


async def test_a_value_given_while_the_stage_before_works_is_kept_and_repeats_nothing(
    url: str, conn: Any
) -> None:
    gate, doing = Gate(), Doing()
    doing.behave["first"] = gate
    async with shaped(url, doing, asking()) as app:
        run = await start(me(app), "one", pipeline="asking")
        await gate.came.wait()
        await give(me(app), run)
        gate.opened.set()
        assert data(await over(me(app), run))["approve"] == YES
    assert [(each["state"], each["attempt"]) for each in await conn.fetch(JOBS)] == [("completed", 1)]
    assert doing.stages == ["first", "ship"]


# what is refused


async def test_a_value_of_another_type_is_refused_with_its_place(url: str) -> None:
    async with shaped(url, Doing(), asking()) as app:
        run = await start(me(app), "one", pipeline="asking")
        await reaches(me(app), run, RunState.WAITING)
        with pytest.raises(InvalidInput) as caught:
            await give(me(app), run, {"approved": "perhaps"})
        assert caught.value.path == ("input", "value", "approved")
        assert "boolean" in str(caught.value)
        found = await row(me(app), run)
        assert (found.state, found.signals) == (RunState.WAITING, 0)
        assert stage_of(found, "approve").given_at is None


@pytest.mark.parametrize(("to", "near"), [("aprove", True), ("first", False)])
async def test_a_stage_that_takes_no_value_is_refused_with_those_that_do(
    url: str, to: str, near: bool
) -> None:
    async with shaped(url, Doing(), asking()) as app:
        run = await start(me(app), "one", pipeline="asking")
        await reaches(me(app), run, RunState.WAITING)
        with pytest.raises(NothingAwaited) as caught:
            await give(me(app), run, to=to)
        assert "It still waits for: approve." in caught.value.message
        assert ("Did you mean `approve`?" in str(caught.value)) is near
        assert (await row(me(app), run)).signals == 0


async def test_a_run_that_has_ended_takes_no_value(url: str, conn: Any) -> None:
    async with shaped(url, Doing(), asking()) as app:
        run = await start(me(app), "one", pipeline="asking")
        await (await reaches(me(app), run, RunState.WAITING)).cancel(me(app))
        with pytest.raises(NothingAwaited, match="It waits for nothing"):
            await give(me(app), run)
        assert stage_of(await row(me(app), run), "approve").given_at is None
        assert await unfinished_jobs(conn) == []


async def test_another_tenants_run_takes_no_value(url: str) -> None:
    async with shaped(url, Doing(), asking()) as app:
        run = await start(me(app), "one", pipeline="asking")
        await reaches(me(app), run, RunState.WAITING)
        with pytest.raises(SorbusError) as caught:
            await give(app.scope(actor="me", tenant="other"), run)
        assert type(caught.value).__name__ == "NotFound"
        assert (await row(me(app), run)).state is RunState.WAITING


# beside other work


async def test_a_value_given_during_a_long_pause_of_another_branch_is_taken_at_once(
    url: str, conn: Any
) -> None:
    pipeline = Pipeline.graph(
        "long", stages=[approval("approve"), stage(Shapes.ship), pause("rest", seconds=3600)]
    )
    doing = Doing()
    async with shaped(url, doing, pipeline) as app:
        run = await start(me(app), "one", pipeline="long")
        await reaches(me(app), run, RunState.WAITING)
        await until(lambda: _is_scheduled(conn))
        await give(me(app), run)
        await stage_is(me(app), run, "ship", StageState.DONE)
        found = await reaches(me(app), run, RunState.WAITING)
        assert found.wake_at is not None
        assert await unfinished_jobs(conn) == ["scheduled"]
        assert len(await conn.fetch(JOBS)) == 1
        await found.cancel(me(app))
        await no_job_left(conn)


async def _is_scheduled(conn: Any) -> bool:
    return await unfinished_jobs(conn) == ["scheduled"]


# time


async def test_a_pause_sleeps_as_a_scheduled_job_and_survives_a_restart(url: str, conn: Any) -> None:
    pipeline = Pipeline(
        "resting",
        stages=[stage(Shapes.step, name="a"), pause("rest", seconds=1.5), stage(Shapes.step, name="b")],
    )
    doing = Doing()
    async with shaped(url, doing, pipeline) as app:
        run = await start(me(app), "one", pipeline="resting")
        found = await reaches(me(app), run, RunState.WAITING)
        assert found.wake_at is not None
        assert await unfinished_jobs(conn) == ["scheduled"]
        rest = stage_of(found, "rest")
        assert rest.wake_at is not None
        assert abs((rest.wake_at - found.wake_at).total_seconds()) < 0.5
    assert doing.stages == ["a"]
    async with shaped(url, doing, pipeline) as app:
        done = await over(me(app), run)
    assert (done.state, done.wake_at) == (RunState.COMPLETED, None)
    started = stage_of(done, "b").started_at
    assert started is not None
    assert started >= rest.wake_at
    assert doing.stages == ["a", "b"]
    # Sleeping is no failure of the job.
    assert [(each["state"], each["attempt"]) for each in await conn.fetch(JOBS)] == [("completed", 1)]


async def test_a_delay_is_waited_for_after_the_stage_may_start(url: str) -> None:
    pipeline = Pipeline(
        "slow", stages=[stage(Shapes.step, name="a"), stage(Shapes.step, name="b", delay=0.6)]
    )
    async with shaped(url, Doing(), pipeline) as app:
        run = await start(me(app), "one", pipeline="slow")
        await reaches(me(app), run, RunState.WAITING)
        found = await over(me(app), run)
    done, begun = stage_of(found, "a").finished_at, stage_of(found, "b").started_at
    assert done is not None
    assert begun is not None
    assert 0.55 <= (begun - done).total_seconds() < 3


async def test_a_delay_counts_once_and_not_for_each_attempt(url: str) -> None:
    pipeline = Pipeline("slow", stages=[stage(Shapes.step, name="a", delay=0.4, backoff=SOON, attempts=4)])
    doing, moments = Doing(), list[float]()

    async def behave(context: Any, given: Any) -> Any:
        moments.append(asyncio.get_running_loop().time())
        if context.attempt < 4:
            raise OSError("not yet")
        return await giving({"text": "a"})(context, given)

    doing.behave["a"] = behave
    async with shaped(url, doing, pipeline) as app:
        run = await start(me(app), "one", pipeline="slow")
        assert data(await over(me(app), run)) == {"a": {"text": "a"}}
    assert len(moments) == 4
    assert moments[1] - moments[0] < 0.4


# waiting with an end


def limited(within: float) -> Pipeline:
    """A signal with a limit, and a stage for the case that nobody gives it."""
    word = signal("word", str, within=within)
    return Pipeline.graph(
        "limited", stages=[word, stage(Shapes.caught, on_failure=word), stage(Shapes.step, after=word)]
    )


async def test_a_word_that_does_not_come_in_time_is_a_failure_that_a_stage_handles(url: str) -> None:
    async with shaped(url, Doing(), limited(0.5)) as app:
        run = await start(me(app), "one", pipeline="limited")
        waiting = await reaches(me(app), run, RunState.WAITING)
        assert waiting.wake_at is not None
        found = await over(me(app), run)
        assert data(found) == {"caught": {"text": "nothing-given"}}
        assert states(found)["word"] is StageState.FAILED
        assert states(found)["step"] is StageState.SKIPPED
        with pytest.raises(NothingAwaited):
            await give(me(app), run, "late", to="word")


async def test_a_word_that_comes_in_time_ends_the_wait_at_once(url: str, conn: Any) -> None:
    async with shaped(url, Doing(), limited(3600)) as app:
        run = await start(me(app), "one", pipeline="limited")
        await reaches(me(app), run, RunState.WAITING)
        await give(me(app), run, "now", to="word")
        found = await over(me(app), run)
        assert data(found) == {"word": "now", "step": {"text": "step"}}
        assert states(found)["caught"] is StageState.SKIPPED
        await no_job_left(conn)


async def test_a_word_that_nobody_handles_the_lack_of_fails_the_run_and_a_retry_waits_again(url: str) -> None:
    pipeline = Pipeline("strict", stages=[signal("word", str, within=0.3)])
    async with shaped(url, Doing(), pipeline) as app:
        run = await start(me(app), "one", pipeline="strict")
        failed = await over(me(app), run)
        assert failed.state is RunState.FAILED
        assert failed.error["code"] == "nothing-given"  # type: ignore[index,call-overload]
        await failed.retry(me(app))
        await reaches(me(app), run, RunState.WAITING)
        await give(me(app), run, "now", to="word")
        assert data(await over(me(app), run)) == {"word": "now"}


# cancelling


@pytest.mark.parametrize("pipeline", [asking("waits"), Pipeline("waits", stages=[pause("rest", seconds=60)])])
async def test_a_run_that_waits_is_cancelled_with_its_job(url: str, conn: Any, pipeline: Pipeline) -> None:
    async with shaped(url, Doing(), pipeline) as app:
        run = await start(me(app), "one", pipeline="waits")
        waiting = await reaches(me(app), run, RunState.WAITING)
        await waiting.cancel(me(app))
        assert await unfinished_jobs(conn) == []
        assert (await row(me(app), run)).state is RunState.CANCELLED


async def test_a_run_cancelled_while_it_waits_waits_again_after_a_retry(url: str) -> None:
    async with shaped(url, Doing(), asking()) as app:
        run = await start(me(app), "one", pipeline="asking")
        cancelled = await (await reaches(me(app), run, RunState.WAITING)).cancel(me(app))
        await cancelled.retry(me(app))
        await reaches(me(app), run, RunState.WAITING)
        await give(me(app), run)
        assert data(await over(me(app), run))["approve"] == YES
