"""Words that come at the worst moment: none is lost, none counts twice, and no work is done again for them."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from tests.integration.pipelines.helpers import JOBS, ingest, start, until
from tests.integration.pipelines.shapes import (
    SOON,
    YES,
    Doing,
    Gate,
    Shapes,
    asking,
    data,
    give,
    me,
    no_job_left,
    over,
    reaches,
    shaped,
    unfinished_jobs,
)

from sorbus.errors.database import Deadlock
from sorbus.errors.pipelines import NothingAwaited
from sorbus.pipelines import Pipeline, Run, RunState, approval, signal, stage

HELD = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def branching() -> Pipeline:
    """An approval and what needs it, side by side with two stages one after the other."""
    first = stage(Shapes.step, name="first", backoff=SOON)
    second = stage(Shapes.step, name="second", after=first)
    return Pipeline.graph("branching", stages=[approval("approve"), stage(Shapes.ship), first, second])


async def given_and_held(
    app: Any, run: Run, value: Any, *, to: str, commit: asyncio.Event
) -> asyncio.Task[None]:
    """Give a value in a transaction that stays open until it may commit; returns when the value is written."""
    written = asyncio.Event()

    async def hold() -> None:
        async with app.transaction():
            await give(me(app), run, value, to=to)
            written.set()
            await commit.wait()

    task = asyncio.create_task(hold())
    await written.wait()
    return task


# at once


async def test_of_two_gives_at_once_one_counts_and_the_other_is_refused(url: str, conn: Any) -> None:
    async with shaped(url, Doing(), asking()) as app:
        runs = [await start(me(app), f"run {number}", pipeline="asking") for number in range(10)]
        for run in runs:
            await reaches(me(app), run, RunState.WAITING)
        for run in runs:
            values = [{**YES, "by": name} for name in ("Ann", "Bob")]
            answers = await asyncio.gather(
                *(give(me(app), run, value) for value in values), return_exceptions=True
            )
            assert sorted(type(each).__name__ for each in answers) == ["NoneType", "NothingAwaited"]
            winner = values[answers.index(None)]
            found = await over(me(app), run)
            assert data(found)["approve"] == winner
            assert found.signals == 1
    assert len(await conn.fetch(JOBS)) == 2 * len(runs)


async def test_values_for_two_stages_at_once_both_count(url: str) -> None:
    pipeline = Pipeline.graph("two", stages=[approval("left"), approval("right")])
    async with shaped(url, Doing(), pipeline) as app:
        for number in range(10):
            run = await start(me(app), f"run {number}", pipeline="two")
            await reaches(me(app), run, RunState.WAITING)
            await asyncio.gather(*(give(me(app), run, to=name) for name in ("left", "right")))
            found = await over(me(app), run)
            assert (data(found), found.signals) == ({"left": YES, "right": YES}, 2)


async def test_a_value_given_in_a_transaction_that_is_rolled_back_was_never_given(
    url: str, conn: Any
) -> None:
    async with shaped(url, Doing(), asking()) as app:
        run = await start(me(app), "one", pipeline="asking")
        await reaches(me(app), run, RunState.WAITING)
        with pytest.raises(RuntimeError, match="no"):
            async with app.transaction():
                await give(me(app), run)
                raise RuntimeError("no")
        assert await unfinished_jobs(conn) == []
        await give(me(app), run)
        assert data(await over(me(app), run))["approve"] == YES


# while a run is taken in hand or falls asleep


async def test_a_value_that_commits_while_the_run_is_taken_in_hand_is_not_lost(url: str, conn: Any) -> None:
    commit = asyncio.Event()
    async with shaped(url, Doing(), asking(), run_jobs=False) as quiet:
        run = await start(me(quiet), "one", pipeline="asking")
        task = await given_and_held(quiet, run, YES, to="approve", commit=commit)
        async with shaped(url, Doing(), asking()) as app:
            # The run's job has been claimed, and its conductor waits for the row of the run.
            await until(lambda: conn.fetchval(HELD))
            commit.set()
            await task
            assert data(await over(me(app), run, seconds=5))["approve"] == YES


async def test_a_value_that_commits_while_the_run_falls_asleep_is_not_lost(url: str, conn: Any) -> None:
    gate, commit = Gate(), asyncio.Event()
    async with shaped(url, Doing({"first": gate}), asking()) as app:
        run = await start(me(app), "one", pipeline="asking")
        await gate.came.wait()
        task = await given_and_held(app, run, YES, to="approve", commit=commit)
        gate.opened.set()
        await until(lambda: conn.fetchval(HELD))
        commit.set()
        await task
        assert data(await over(me(app), run, seconds=5))["approve"] == YES


@pytest.mark.parametrize("seed", [1, 2])
async def test_words_at_any_moment_while_runs_fall_asleep_are_not_lost(
    url: str, conn: Any, seed: int
) -> None:
    chance = random.Random(seed)
    async with shaped(url, Doing(), asking(), concurrency=20) as app:

        async def one(number: int) -> Run:
            run = await start(me(app), f"run {number}", pipeline="asking")
            await asyncio.sleep(chance.uniform(0, 0.25))
            await give(me(app), run)
            return run

        runs = await asyncio.gather(*(one(number) for number in range(100)))
        for run in runs:
            assert data(await over(me(app), run))["approve"] == YES
        await no_job_left(conn)
    assert await conn.fetch("SELECT run_id FROM journal GROUP BY run_id, event HAVING count(*) > 1") == []


async def test_values_for_many_runs_in_one_transaction_while_they_fall_asleep_are_not_lost(
    url: str, conn: Any
) -> None:
    chance = random.Random(3)
    async with shaped(url, Doing(), asking(), concurrency=20) as app:
        for number in range(6):
            contents = [await ingest(me(app), f"{number} {each}") for each in range(10)]
            runs = [await Run.start(me(app), content_id=each.id, pipeline="asking") for each in contents]
            chance.shuffle(runs)
            while not await given_to_all(app, runs, chance):
                pass
            for run in runs:
                assert data(await over(me(app), run))["approve"] == YES
        await no_job_left(conn)


async def given_to_all(app: Any, runs: list[Run], chance: random.Random) -> bool:
    """Give to all runs or to none; whether that was done, or is to be done once more."""
    try:
        async with app.transaction():
            for run in runs:
                await give(me(app), run)
                await asyncio.sleep(chance.uniform(0, 0.01))
    except Deadlock:
        return False
    return True


# beside other work


async def test_a_value_given_while_a_branch_works_is_seen_at_that_branchs_next_checkpoint(url: str) -> None:
    first, second, doing = Gate(), Gate(), Doing()
    doing.behave |= {"first": first, "second": second}
    async with shaped(url, doing, branching()) as app:
        run = await start(me(app), "one", pipeline="branching")
        await first.came.wait()
        await give(me(app), run)
        first.opened.set()
        await second.came.wait()
        # The second stage is still in hand: what was given does not wait for it.
        await until(lambda: doing.times("ship"), seconds=5)
        second.opened.set()
        await over(me(app), run)
    assert doing.times("first") == 1


async def test_a_value_given_while_the_last_branch_works_repeats_nothing_of_it(url: str) -> None:
    gate, doing = Gate(), Doing()
    doing.behave["second"] = gate
    async with shaped(url, doing, branching()) as app:
        run = await start(me(app), "one", pipeline="branching")
        await gate.came.wait()
        await give(me(app), run)
        gate.opened.set()
        assert data(await over(me(app), run))["approve"] == YES
    assert sorted(doing.stages) == ["first", "second", "ship"]


async def test_attempts_that_failed_before_a_value_came_are_counted(url: str) -> None:
    gate, doing = Gate(), Doing()

    async def behave(context: Any, given: Any) -> Any:
        await gate(context, given)
        raise OSError("broken")

    doing.behave["first"] = behave
    async with shaped(url, doing, branching()) as app:
        run = await start(me(app), "one", pipeline="branching")
        await gate.came.wait()
        await give(me(app), run)
        gate.opened.set()
        assert (await over(me(app), run)).state is RunState.FAILED
    assert [each.attempt for each in doing.seen if each.stage == "first"] == [1, 2, 3]


# at the end of the time for it


async def test_a_value_that_commits_while_its_time_runs_out_counts(url: str, conn: Any) -> None:
    gate, commit = Gate(), asyncio.Event()
    first = stage(Shapes.step, name="first")
    pipeline = Pipeline.graph("late", stages=[first, signal("word", str, within=0.5)])
    async with shaped(url, Doing({"first": gate}), pipeline) as app:
        run = await start(me(app), "one", pipeline="late")
        await gate.came.wait()
        task = await given_and_held(app, run, "now", to="word", commit=commit)
        # The time is over, and the checkpoint that says so waits for the row of the stage.
        await until(lambda: conn.fetchval(HELD))
        commit.set()
        await task
        gate.opened.set()
        assert data(await over(me(app), run))["word"] == "now"


async def test_words_at_the_very_end_of_the_wait_count_or_are_refused(url: str) -> None:
    chance = random.Random(5)
    pipeline = Pipeline("strict", stages=[signal("word", str, within=0.4)])
    async with shaped(url, Doing(), pipeline, concurrency=20) as app:

        async def one(number: int) -> tuple[Run, bool]:
            run = await start(me(app), f"run {number}", pipeline="strict")
            await reaches(me(app), run, RunState.WAITING, RunState.FAILED)
            await asyncio.sleep(chance.uniform(0.2, 0.6))
            try:
                await give(me(app), run, "now", to="word")
            except NothingAwaited:
                return run, False
            return run, True

        for run, taken in await asyncio.gather(*(one(number) for number in range(60))):
            found = await over(me(app), run)
            wanted = RunState.COMPLETED if taken else RunState.FAILED
            assert (found.state, taken) == (wanted, taken), found.error
