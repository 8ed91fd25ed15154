"""Cancelling runs and retrying them, also while their stages are at work."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from tests.integration.pipelines.helpers import (
    JOBS,
    application,
    counts,
    ended,
    error_of,
    marked,
    row,
    start,
    until,
)
from tests.integration.pipelines.workshop import Hands, Piece, workshop

from sorbus.errors.base import Invalid
from sorbus.errors.inputs import WrongState
from sorbus.pipelines import RunState, StageContext, StageState


class Gate:
    """A behaviour that holds a stage until it is opened, and knows who came."""

    def __init__(self, *, waits: bool = True) -> None:
        self.opened = asyncio.Event()
        self.came = asyncio.Event()
        self.cancelled = 0
        if not waits:
            self.opened.set()

    async def __call__(self, context: StageContext, text: str) -> Piece:
        self.came.set()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return Piece(f"{text}, {context.stage}")


async def cancelled_jobs(conn: Any) -> bool:
    return await conn.fetchval("SELECT count(*) FROM oban_jobs WHERE state <> 'cancelled'") == 0


# cancel


async def test_a_pending_run_is_cancelled_with_its_job(url: str, conn: Any) -> None:
    async with application(url, run_jobs=False) as app:
        scope = app.scope(actor="me", tenant="local")
        run = await (await start(scope, "one")).cancel(scope)
    assert run.state is RunState.CANCELLED
    assert await cancelled_jobs(conn)
    hands = Hands()
    async with workshop(url, hands):
        await asyncio.sleep(0.5)
    assert (hands.seen, await counts(conn)) == ([], (1, 3, 1, 0))


async def test_a_running_run_is_cancelled_and_the_stage_in_hand_is_stopped(url: str, conn: Any) -> None:
    gate = Gate()
    async with workshop(url, Hands({"glue": gate})) as app:
        scope = app.scope(actor="me", tenant="local")
        run = await start(scope, "one", pipeline="craft", text="wood")
        await gate.came.wait()
        await marked(scope, run, "glue")
        await (await row(scope, run)).cancel(scope)
        await until(lambda: gate.cancelled)
        await until(lambda: cancelled_jobs(conn))
        found = await row(scope, run)
    assert (found.state, found.result) == (RunState.CANCELLED, None)
    # what is committed stays
    assert [each.state for each in found.stages] == [
        StageState.DONE,
        StageState.CANCELLED,
        StageState.WAITING,
    ]


async def test_the_result_of_a_stage_that_cannot_be_stopped_is_not_taken(url: str, conn: Any) -> None:
    came, go_on = asyncio.Event(), asyncio.Event()

    async def stubborn(context: StageContext, text: str) -> Piece:
        came.set()
        while not go_on.is_set():
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                continue
        return Piece(f"{text}, {context.stage}")

    hands = Hands({"paint": stubborn})
    async with workshop(url, hands) as app:
        scope = app.scope(actor="me", tenant="local")
        run = await start(scope, "one", pipeline="craft", text="wood")
        await came.wait()
        await marked(scope, run, "paint")
        await (await row(scope, run)).cancel(scope)
        go_on.set()
        await until(lambda: cancelled_or_done(conn))
        found = await row(scope, run)
        assert (found.state, found.result) == (RunState.CANCELLED, None)
        assert [each.state for each in found.stages] == [
            StageState.DONE,
            StageState.DONE,
            StageState.CANCELLED,
        ]
        # and a retry does it once more
        hands.behave.clear()
        await found.retry(scope)
        again = (await ended(scope, [run.id]))[run.id]
    assert again.state is RunState.COMPLETED
    assert [each.stage for each in hands.seen] == ["cut", "glue", "paint", "paint"]


async def cancelled_or_done(conn: Any) -> bool:
    unfinished = "SELECT count(*) FROM oban_jobs WHERE state NOT IN ('cancelled', 'completed')"
    return await conn.fetchval(unfinished) == 0


async def test_a_cancelled_stages_model_call_belongs_to_its_tenant(url: str) -> None:
    from tests.integration.pipelines.helpers import scripted

    from sorbus.testing.scripted import ScriptedProvider

    provider = ScriptedProvider(delay=30)
    async with application(url, models=scripted(provider)) as app:
        scope = app.scope(actor="me", tenant="acme")
        run = await start(scope, "one")
        await until(lambda: provider.requests)
        await (await row(scope, run)).cancel(scope)

        async def recorded() -> bool:
            return bool((await row(scope, run)).llm_calls)

        await until(recorded)
        found = await row(scope, run)
    assert [(call.status, call.stage, call.tenant) for call in found.llm_calls] == [
        ("cancelled", "extract", "acme")
    ]


async def test_only_one_of_two_cancels_at_the_same_moment_succeeds(url: str, conn: Any) -> None:
    async with application(url, run_jobs=False) as app:
        scope = app.scope(actor="me", tenant="local")
        run = await start(scope, "one")
        answers = await asyncio.gather(*(run.cancel(scope) for _ in range(2)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in answers) == ["Run", "WrongState"]
    assert await cancelled_jobs(conn)


async def test_a_run_that_is_over_cannot_be_cancelled(url: str) -> None:
    async with workshop(url, Hands({"glue": Gate(waits=False)})) as app:
        scope = app.scope(actor="me", tenant="local")
        run = await start(scope, "one", pipeline="craft")
        found = (await ended(scope, [run.id]))[run.id]
        with pytest.raises(WrongState) as caught:
            await found.cancel(scope)
        with pytest.raises(WrongState):
            await found.retry(scope)
        after = await row(scope, run)
    assert "completed" in str(caught.value)
    assert (after.state, after.result is not None) == (RunState.COMPLETED, True)


async def test_a_cancel_that_commits_during_the_last_checkpoint_wins_and_loses_nothing(
    url: str, conn: Any
) -> None:
    gate = Gate()
    hands = Hands({"paint": gate})
    async with workshop(url, hands) as app:
        scope = app.scope(actor="me", tenant="local")
        run = await start(scope, "one", pipeline="craft", text="wood")
        await gate.came.wait()
        await marked(scope, run, "paint")
        second = await asyncpg.connect(url)
        async with second.transaction():
            await second.execute("UPDATE pipeline_runs SET state = 'cancelled' WHERE id = $1", run.id)
            gate.opened.set()
            # the checkpoint has begun, has seen the run as running, and waits for its row
            await until(lambda: conn.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))
        await second.close()
        await until(lambda: cancelled_or_done(conn))
        found = await row(scope, run)
        assert (found.state, found.result) == (RunState.CANCELLED, None)
        assert [each.state for each in found.stages][-1] is StageState.RUNNING
        await found.retry(scope)
        assert (await ended(scope, [run.id]))[run.id].state is RunState.COMPLETED
    assert await conn.fetchval("SELECT count(*) FROM journal WHERE event = 'stage paint'") == 1


# retry


async def test_a_retry_goes_on_at_the_failed_stage(url: str, conn: Any) -> None:
    async def broken(context: StageContext, text: str) -> Piece:
        raise Invalid("broken")

    hands = Hands({"glue": broken})
    async with workshop(url, hands) as app:
        scope = app.scope(actor="me", tenant="local")
        run = await start(scope, "one", pipeline="craft", text="wood")
        failed = (await ended(scope, [run.id]))[run.id]
        assert error_of(failed)["message"] == "broken"
        hands.behave.clear()
        again = await failed.retry(scope)
        assert (again.state, again.error, again.finished_at) == (RunState.PENDING, None, None)
        found = (await ended(scope, [run.id]))[run.id]
    assert (found.state, found.error) == (RunState.COMPLETED, None)
    assert [each.stage for each in hands.seen] == ["cut", "glue", "glue", "paint"]
    assert hands.attempts("glue") == [1, 1]
    assert found.result is not None
    assert found.result.data["paint"] == {"text": "wood, cut, glue, paint"}
    assert [job["state"] for job in await conn.fetch(JOBS)] == ["cancelled", "completed"]


async def test_two_retries_at_the_same_moment_make_one_job(url: str, conn: Any) -> None:
    async with application(url, run_jobs=False) as app:
        scope = app.scope(actor="me", tenant="local")
        run = await (await start(scope, "one")).cancel(scope)
        answers = await asyncio.gather(*(run.retry(scope) for _ in range(2)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in answers) == ["Run", "WrongState"]
    assert [job["state"] for job in await conn.fetch(JOBS)] == ["cancelled", "available"]


async def test_a_retry_while_the_old_lease_still_works_loses_nothing(url: str, conn: Any) -> None:
    """The stage in hand of a cancelled run cannot be stopped; meanwhile the run is retried."""
    gates = [asyncio.Event(), asyncio.Event()]
    came: list[int] = []

    async def stubborn(context: StageContext, text: str) -> Piece:
        number = len(came)
        came.append(number)
        while not gates[number].is_set():
            try:
                await gates[number].wait()
            except asyncio.CancelledError:
                continue
        return Piece(f"{text}, {context.stage}")

    hands = Hands({"cut": stubborn})
    async with workshop(url, hands) as app:
        scope = app.scope(actor="me", tenant="local")
        run = await start(scope, "one", pipeline="craft", text="wood")
        await until(lambda: len(came) == 1)
        await (await (await row(scope, run)).cancel(scope)).retry(scope)
        await until(lambda: len(came) == 2)
        # the old lease is still executing when it commits the stage that the new one works on, too
        gates[0].set()
        await until(lambda: conn.fetchval("SELECT count(*) FROM journal WHERE event = 'stage cut'"))
        await asyncio.sleep(0.3)
        gates[1].set()
        found = (await ended(scope, [run.id]))[run.id]
    assert found.state is RunState.COMPLETED
    events = await conn.fetch("SELECT event, count(*) AS times FROM journal GROUP BY event")
    assert {each["event"]: each["times"] for each in events} == {
        "stage cut": 1,
        "stage glue": 1,
        "stage paint": 1,
        "result": 1,
    }


async def test_a_stage_that_another_lease_committed_first_is_not_repeated_and_the_run_goes_on(
    url: str, conn: Any
) -> None:
    """As when a node that was taken for dead has had its checkpoint on the way."""
    gate = Gate()
    hands = Hands({"glue": gate})
    async with workshop(url, hands) as app:
        scope = app.scope(actor="me", tenant="local")
        run = await start(scope, "one", pipeline="craft", text="wood")
        await gate.came.wait()
        async with conn.transaction():
            await conn.execute(
                """UPDATE stage_runs SET state = 'done', output = '{"text": "theirs"}' WHERE name = 'glue'"""
            )
        gate.opened.set()
        found = (await ended(scope, [run.id]))[run.id]
    assert found.result is not None
    assert found.result.data["glue"] == {"text": "theirs"}
    assert found.result.data["paint"] == {"text": "theirs, paint"}
    assert [each.stage for each in hands.seen] == ["cut", "glue", "paint"]


async def test_a_failed_attempt_at_a_stage_that_another_lease_committed_first_does_no_harm(
    url: str, conn: Any
) -> None:
    gate = Gate()

    async def broken(context: StageContext, text: str) -> Piece:
        await gate(context, text)
        raise Invalid("broken")

    async with workshop(url, Hands({"glue": broken})) as app:
        scope = app.scope(actor="me", tenant="local")
        run = await start(scope, "one", pipeline="craft", text="wood")
        await gate.came.wait()
        async with conn.transaction():
            await conn.execute(
                """UPDATE stage_runs SET state = 'done', output = '{"text": "theirs"}' WHERE name = 'glue'"""
            )
        gate.opened.set()
        found = (await ended(scope, [run.id]))[run.id]
    assert (found.state, found.error) == (RunState.COMPLETED, None)


async def test_a_stage_whose_row_somebody_else_has_changed_is_an_error_and_no_endless_loop(
    url: str, conn: Any
) -> None:
    hands = Hands()

    async def meddle(context: StageContext, text: str) -> Piece:
        # The test's own connection may be asking at this moment.
        other = await asyncpg.connect(url)
        await other.execute("UPDATE stage_runs SET state = 'cancelled' WHERE name = 'glue'")
        await other.close()
        return Piece(text)

    hands.behave["glue"] = meddle
    async with workshop(url, hands) as app:
        scope = app.scope(actor="me", tenant="local")
        await start(scope, "one", pipeline="craft", text="wood")
        await until(lambda: conn.fetchval("SELECT count(*) FROM oban_jobs WHERE errors <> '[]'"))
        errors = await conn.fetchval("SELECT errors FROM oban_jobs")
    assert "checkpoint-refused" in errors
