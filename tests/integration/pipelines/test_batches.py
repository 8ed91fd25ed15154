"""Stages that work on many items at once: of many runs and of their maps, each with a checkpoint of its own."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from tests.integration.pipelines.batches import Called, Calls, Many, batched, mapped, poisoned, whole
from tests.integration.pipelines.helpers import ended, error_of, ingest, start, until
from tests.integration.pipelines.shapes import committed_twice, data, items_of, me, no_job_left, over, reaches

from sorbus import Sorbus
from sorbus.errors.llm import ModelUnavailable
from sorbus.errors.pipelines import InvalidDefinition
from sorbus.pipelines import Batch, Definition, Pipeline, Run, RunState, StageState, limit, stage

WORDS = " ".join(f"w{place}" for place in range(32))


async def started(app: Sorbus, count: int, *, pipeline: str = "whole", tenant: str = "local") -> list[Run]:
    """Runs over texts of their own, whose jobs are there at one moment."""
    scope = app.scope(actor="me", tenant=tenant)
    contents = [await ingest(scope, f"{pipeline} {place}", text=f"t{place}") for place in range(count)]
    return list(
        await asyncio.gather(*(Run.start(scope, content_id=each.id, pipeline=pipeline) for each in contents))
    )


async def left(conn: Any, run: Run) -> None:
    """Wait until the job of a cancelled run has come to its end, and so has left whatever it waited in."""
    state = "SELECT state::text FROM oban_jobs WHERE args ->> 'run_id' = $1"

    async def at_its_end() -> bool:
        return await conn.fetchval(state, str(run.id)) == "cancelled"

    await until(at_its_end)


async def test_items_of_many_runs_share_calls_and_each_is_committed_for_itself(url: str, conn: Any) -> None:
    calls = Calls()
    async with batched(url, calls, whole(Batch(8, within=0.5))) as app:
        runs = await started(app, 16)
        found = await ended(me(app), [each.id for each in runs])
    assert sorted(str(data(each)["shout"]) for each in found.values()) == sorted(f"T{n}" for n in range(16))
    assert len(calls.made) <= 4
    assert max(calls.sizes) == 8
    assert sum(calls.sizes) == 16
    keys = [each.idempotency_key for call in calls.made for each in call.contexts]
    assert sorted(keys) == sorted(f"{each.id}:shout" for each in runs)
    assert await committed_twice(conn) == []


async def test_the_items_of_one_map_share_calls_and_keep_their_order(url: str, conn: Any) -> None:
    calls = Calls()
    async with batched(url, calls, mapped(Batch(16, within=0.2))) as app:
        run = await over(me(app), await start(me(app), "one", pipeline="mapped", text=WORDS))
        items = await items_of(me(app), run)
    assert data(run)["each"] == WORDS.upper().split()
    assert calls.sizes == [16, 16]
    assert [each.state for each in items] == [StageState.DONE] * 32
    assert await conn.fetchval("SELECT count(*) FROM stage_items") == 32


async def test_an_item_alone_waits_for_no_longer_than_it_was_said(url: str) -> None:
    calls = Calls()
    moments: list[float] = []

    async def behave(called: Called) -> None:
        moments.append(time.monotonic())

    calls.behave = behave
    async with batched(url, calls, whole(Batch(100, within=0.2))) as app:
        await over(me(app), await start(me(app), "warm", pipeline="whole"))
        content = await ingest(me(app), "one", text="t")
        began = time.monotonic()
        run = await over(me(app), await Run.start(me(app), content_id=content.id, pipeline="whole"))
    assert data(run) == {"shout": "T"}
    assert 0.2 <= moments[1] - began < 0.5


@pytest.mark.parametrize("attempts", [1, 3])
async def test_a_poison_item_fails_alone_and_only_its_attempts_are_counted(
    url: str, conn: Any, attempts: int
) -> None:
    calls = Calls(behave=poisoned("w5"))
    pipeline = mapped(Batch(16, within=0.1), attempts=attempts, keep_going=True)
    async with batched(url, calls, pipeline) as app:
        run = await over(me(app), await start(me(app), "one", pipeline="mapped", text=WORDS))
        items = await items_of(me(app), run)
    expected = [None if each == "w5" else each.upper() for each in WORDS.split()]
    assert data(run)["each"] == expected
    assert {each.index: each.attempt for each in items if each.attempt} == {5: attempts}
    alone = [each for each in calls.made if each.texts == ["w5"]]
    assert len(alone) == attempts
    assert [each.contexts[0].attempt for each in alone] == list(range(1, attempts + 1))
    # Once its fault is known it is kept apart: 16, 8, 4, 2 with it, and alone since.
    assert sum("w5" in each.texts for each in calls.made) == 4 + attempts
    assert await committed_twice(conn) == []


async def test_what_has_failed_alone_goes_alone_until_it_succeeds(url: str) -> None:
    fail = poisoned("w1")

    async def behave(called: Called) -> None:
        await asyncio.sleep(0.03)
        await fail(called)

    calls = Calls(behave=behave)
    pipeline = mapped(Batch(4, within=0.05), attempts=4, keep_going=True, limit=8)
    async with batched(url, calls, pipeline) as app:
        text = " ".join(f"w{place}" for place in range(120))
        run = await over(me(app), await start(me(app), "one", pipeline="mapped", text=text))
    assert data(run)["each"].count(None) == 1  # type: ignore[union-attr]
    with_it = [place for place, each in enumerate(calls.made) if "w1" in each.texts]
    assert [calls.sizes[place] for place in with_it] == [4, 2, 1, 1, 1, 1]
    assert with_it[3] < len(calls.made) - 8, "its attempts must fall among the others to prove anything"


async def test_a_poison_run_fails_and_the_runs_beside_it_complete(url: str) -> None:
    calls = Calls(behave=poisoned("t3"))
    async with batched(url, calls, whole(Batch(8, within=0.3), attempts=2)) as app:
        found = await ended(me(app), [each.id for each in await started(app, 8)])
    failed = [each for each in found.values() if each.state is RunState.FAILED]
    assert len(failed) == 1
    assert (error_of(failed[0])["attempt"], "poison" in error_of(failed[0])["message"]) == (2, True)
    assert sum(each.state is RunState.COMPLETED for each in found.values()) == 7


async def test_too_few_answers_are_an_error_of_the_items_that_get_none_alone(url: str) -> None:
    async def behave(called: Called) -> list[str]:
        return [each.upper() for each in called.texts if each != "w1"]

    calls = Calls(behave=behave)
    async with batched(url, calls, mapped(Batch(4, within=0.1))) as app:
        run = await over(me(app), await start(me(app), "one", pipeline="mapped", text="w0 w1 w2 w3"))
        items = await items_of(me(app), run)
    error = error_of(run)
    assert (run.state, error["code"], error["item"]) == (RunState.FAILED, "batch-answers-wrong", 1)
    assert "got 1 items and returned 0 answers" in error["message"]
    assert [each.state.value for each in items] == ["done", "failed", "done", "done"]


async def test_an_outage_counts_for_all_and_no_item_fails_for_good_by_the_call_of_others(url: str) -> None:
    """The poison looks like an outage; its neighbours are made alone at their last attempt, and do not."""

    async def behave(called: Called) -> None:
        if "w1" in called.texts:
            raise ModelUnavailable("gpt", reason="connection refused")

    calls = Calls(behave=behave)
    async with batched(url, calls, mapped(Batch(4, within=0.1), attempts=2, keep_going=True)) as app:
        run = await over(me(app), await start(me(app), "one", pipeline="mapped", text="w0 w1 w2 w3"))
        items = await items_of(me(app), run)
    assert data(run)["each"] == ["W0", None, "W2", "W3"]
    assert [each.attempt for each in items] == [1, 2, 1, 1]
    assert calls.sizes == [4, 4, 1, 1, 1, 1]


async def test_a_call_that_takes_too_long_is_made_for_each_item_alone(url: str) -> None:
    async def behave(called: Called) -> None:
        if "w1" in called.texts:
            await asyncio.Event().wait()

    calls = Calls(behave=behave)
    pipeline = mapped(Batch(4, within=0.05), timeout=0.4, attempts=1, keep_going=True)
    async with batched(url, calls, pipeline) as app:
        run = await over(me(app), await start(me(app), "one", pipeline="mapped", text="w0 w1 w2 w3"))
        items = await items_of(me(app), run)
    assert data(run)["each"] == ["W0", None, "W2", "W3"]
    assert calls.sizes == [4, 1, 1, 1, 1]
    error: Any = items[1].error
    assert error["code"] == "stage-timed-out"


async def test_tenants_and_models_never_share_a_call(url: str) -> None:
    calls = Calls()
    async with batched(url, calls, whole(Batch(20, within=0.4))) as app:
        mine = await started(app, 4)
        theirs = await started(app, 4, tenant="other")
        content = await ingest(me(app), "model", text="m")
        asked = [
            await Run.start(me(app), content_id=content.id, pipeline="whole", model="scripted:another")
            for _ in range(2)
        ]
        await ended(me(app), [each.id for each in (*mine, *asked)])
        await ended(app.scope(actor="me", tenant="other"), [each.id for each in theirs])
    assert {(each.tenant, each.model) for each in calls.made} == {
        ("local", "scripted:any"), ("local", "scripted:another"), ("other", "scripted:any"),
    }  # fmt: skip
    for each in calls.made:
        assert {context.tenant for context in each.contexts} == {each.tenant}


async def test_runs_with_budgets_of_their_own_share_no_call_with_others(url: str) -> None:
    calls = Calls()
    async with batched(url, calls, whole(Batch(20, within=0.5))) as app:
        content = await ingest(me(app), "one", text="m")
        plain = [await Run.start(me(app), content_id=content.id, pipeline="whole") for _ in range(3)]
        paying = await Run.start(me(app), content_id=content.id, pipeline="whole", budget_tokens=1000)
        await ended(me(app), [each.id for each in (*plain, paying)])
    together = [{context.run_id for context in each.contexts} for each in calls.made]
    assert {paying.id} in together


async def test_a_run_that_is_cancelled_leaves_its_batch_and_the_others_are_answered(
    url: str, conn: Any
) -> None:
    opened, came = asyncio.Event(), asyncio.Event()

    async def behave(called: Called) -> None:
        came.set()
        await opened.wait()

    calls = Calls(behave=behave)
    async with batched(url, calls, whole(Batch(3, within=5.0))) as app:
        runs = await started(app, 3)
        await came.wait()
        await (await Run.get(me(app), runs[1].id)).cancel(me(app))
        await left(conn, runs[1])
        opened.set()
        found = [await over(me(app), each) for each in runs]
    assert [each.state.value for each in found] == ["completed", "cancelled", "completed"]
    assert calls.sizes == [3]


async def test_a_call_for_which_nobody_waits_any_more_is_ended(url: str) -> None:
    came, over_ = asyncio.Event(), asyncio.Event()

    async def behave(called: Called) -> None:
        came.set()
        try:
            await asyncio.Event().wait()
        finally:
            over_.set()

    calls = Calls(behave=behave)
    async with batched(url, calls, whole(Batch(2, within=0.1))) as app:
        run = (await started(app, 1))[0]
        await came.wait()
        await (await Run.get(me(app), run.id)).cancel(me(app))
        async with asyncio.timeout(10):
            await over_.wait()


async def test_a_run_that_is_cancelled_while_its_item_waits_is_in_no_call(url: str, conn: Any) -> None:
    calls = Calls()
    async with batched(url, calls, whole(Batch(2, within=30.0))) as app:
        first, second, third = [
            await start(me(app), name, pipeline="whole", text=name) for name in ("a", "b", "c")
        ]
        await over(me(app), first)
        await over(me(app), second)
        await reaches(me(app), third, RunState.RUNNING)
        await (await Run.get(me(app), third.id)).cancel(me(app))
        assert (await over(me(app), third)).state is RunState.CANCELLED
        await left(conn, third)
        pair = await started(app, 2)
        await ended(me(app), [each.id for each in pair])
    assert calls.sizes == [2, 2]
    assert third.id not in {each.run_id for call in calls.made for each in call.contexts}


async def test_a_run_that_is_paused_keeps_what_is_under_way_and_starts_nothing_else(
    url: str, conn: Any
) -> None:
    opened, came = asyncio.Event(), asyncio.Event()

    async def behave(called: Called) -> None:
        came.set()
        await opened.wait()

    calls = Calls(behave=behave)
    pipeline = Pipeline(
        "two",
        stages=[
            stage(Many.shout, batch=Batch(4, within=0.05)),
            stage(Many.shout, name="again", batch=Batch(4, within=0.05)),
        ],
    )
    async with batched(url, calls, pipeline) as app:
        run = await start(me(app), "one", pipeline="two", text="t")
        await came.wait()
        await (await Run.get(me(app), run.id)).pause(me(app))
        opened.set()
        await no_job_left(conn)
        assert len(calls.made) == 1
        await (await Run.get(me(app), run.id)).resume(me(app))
        assert data(await over(me(app), run)) == {"shout": "T", "again": "T"}
    assert len(calls.made) == 2


async def test_no_more_calls_are_under_way_than_allowed_and_items_gather_meanwhile(url: str) -> None:
    async def behave(called: Called) -> None:
        await asyncio.sleep(0.1)

    calls = Calls(behave=behave)
    async with batched(url, calls, mapped(Batch(4, within=0.0, at_once=2))) as app:
        run = await over(me(app), await start(me(app), "one", pipeline="mapped", text=WORDS))
    assert data(run)["each"] == WORDS.upper().split()
    assert calls.most == 2
    assert calls.sizes == [4] * 8


async def test_a_long_list_does_not_keep_other_runs_and_tenants_from_their_turn(url: str) -> None:
    async def behave(called: Called) -> None:
        await asyncio.sleep(0.05)

    calls = Calls(behave=behave)
    batch = Batch(4, within=0.0, at_once=1)
    wide = Pipeline("mapped", stages=mapped(batch, limit=200).stages, side_by_side=200)
    async with batched(url, calls, wide, mapped(batch, "short")) as app:
        other = app.scope(actor="me", tenant="other")
        long = await start(me(app), "long", pipeline="mapped", text=" ".join(f"l{n}" for n in range(120)))
        await until(lambda: len(calls.made) > 2)
        short = await start(me(app), "short", pipeline="short", text="s0")
        theirs = await start(other, "theirs", pipeline="short", text="o0")
        await over(me(app), short)
        await over(other, theirs)
        assert (await Run.get(me(app), long.id)).state is RunState.RUNNING
        assert len(calls.made) < 25
        await over(me(app), long)
    # The short list went along with the long one; the other tenant had calls of its own.
    assert any("s0" in each.texts and len(each.texts) > 1 for each in calls.made)


async def test_a_limit_counts_the_items_of_a_batch(url: str) -> None:
    async def behave(called: Called) -> None:
        await asyncio.sleep(0.05)

    calls = Calls(behave=behave)
    six = limit("six", at_once=6, on=Many.each)
    async with batched(url, calls, mapped(Batch(4, within=0.1)), limits=[six]) as app:
        run = await over(me(app), await start(me(app), "one", pipeline="mapped", text=WORDS))
    assert data(run)["each"] == WORDS.upper().split()
    assert max(calls.sizes) <= 4
    assert sum(calls.sizes) == 32


async def test_outputs_that_are_kept_are_in_no_batch(url: str) -> None:
    calls = Calls()
    async with batched(url, calls, mapped(Batch(8, within=0.1))) as app:
        one = await ingest(me(app), "one", text="w0 w1 w2")
        two = await ingest(me(app), "two", text="w1 w9 w2")
        await over(me(app), await Run.start(me(app), content_id=one.id, pipeline="mapped", reuse=True))
        run = await over(me(app), await Run.start(me(app), content_id=two.id, pipeline="mapped", reuse=True))
    assert data(run)["each"] == ["W1", "W9", "W2"]
    assert [each.texts for each in calls.made] == [["w0", "w1", "w2"], ["w9"]]


async def test_users_compose_pipelines_with_batches(url: str) -> None:
    calls = Calls()
    async with batched(url, calls, mapped(Batch(8, within=0.1))) as app:
        stages: list[dict[str, Any]] = [
            {"name": "words", "action": "Many.split"},
            {
                "name": "loud", "action": "Many.each", "for_each": {"over": "words"},
                "batch": {"size": 3, "within": 0.1},
            },
        ]  # fmt: skip
        made = await Definition.define(me(app), name="mine", stages=stages)
        content = await ingest(me(app), "one", text="a b c d e f g")
        run = await over(me(app), await Run.start_from(me(app), content_id=content.id, definition_id=made.id))
        assert data(run)["loud"] == list("ABCDEFG")
        assert calls.sizes == [3, 3, 1]
        stages[1]["batch"] = {"size": 0}
        with pytest.raises(InvalidDefinition) as caught:
            await Definition.define(me(app), name="mine", stages=stages)
        assert caught.value.path == ("input", "stages", 1, "batch", "size")
        stages[1] = {"name": "loud", "action": "Many.split", "batch": {"size": 3}}
        with pytest.raises(
            InvalidDefinition, match=r"(?s)takes `content` as StageContent.*loud    <-- here"
        ) as caught:
            await Definition.define(me(app), name="mine", stages=stages)
        assert caught.value.path == ("input", "stages", 1)
