"""Stages that fail: tried again where it may help, the run failed with the error as data where it does not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.integration.pipelines.helpers import JOBS, ended, error_of, row, start, until
from tests.integration.pipelines.workshop import Hands, Piece, craft, workshop

from sorbus import Scope
from sorbus.errors.base import Invalid
from sorbus.errors.llm import ModelUnavailable
from sorbus.pipelines import EventKind, Pipelines, Run, RunEvent, RunState, StageContext, StageState
from sorbus.pipelines.running import attempts
from sorbus.testing.model_server import ModelServer, Reply


def raising(error: Exception, *, times: int = 1000) -> Any:
    """A behaviour that raises, at first or always."""
    left = [times]

    async def behave(context: StageContext, text: str) -> Piece:
        left[0] -= 1
        if left[0] >= 0:
            raise error
        return Piece(f"{text}, {context.stage}")

    return behave


def giving(answer: Any) -> Any:
    async def behave(context: StageContext, text: str) -> Any:
        del context, text
        return answer

    return behave


async def run_once(url: str, hands: Hands, *, seconds: float = 30.0, **options: Any) -> Run:
    """One run of the craft to its end."""
    async with workshop(url, hands, craft(**options)) as app:
        scope = app.scope(actor="me", tenant="local")
        run = await start(scope, "one", pipeline="craft", text="wood")
        return (await ended(scope, [run.id], seconds=seconds))[run.id]


def states(run: Run) -> list[tuple[StageState, int]]:
    """The state of each stage and how many attempts at it have failed."""
    return [(each.state, each.attempt) for each in run.stages]


async def the_job(conn: Any) -> Any:
    """The only job."""
    jobs = await conn.fetch(JOBS)
    assert len(jobs) == 1
    return jobs[0]


async def test_an_undisturbed_run_passes_each_output_on(url: str, conn: Any) -> None:
    hands = Hands()
    run = await run_once(url, hands)
    assert run.state is RunState.COMPLETED
    assert run.result is not None
    assert run.result.data == {
        "cut": {"text": "wood, cut"},
        "glue": {"text": "wood, cut, glue"},
        "paint": {"text": "wood, cut, glue, paint"},
    }
    assert [each.stage for each in hands.seen] == ["cut", "glue", "paint"]
    assert {each.idempotency_key for each in hands.seen} == {
        f"{run.id}:{name}" for name in ("cut", "glue", "paint")
    }
    assert (await the_job(conn))["attempt"] == 1


async def test_an_error_that_may_pass_is_tried_again_in_the_same_stage(url: str, conn: Any) -> None:
    hands = Hands({"glue": raising(OSError("the glue is dry"), times=2)})
    run = await run_once(url, hands, attempts=3)
    assert (run.state, run.error) == (RunState.COMPLETED, None)
    assert states(run) == [(StageState.DONE, 0), (StageState.DONE, 2), (StageState.DONE, 0)]
    assert [each.error for each in run.stages] == [None] * 3
    assert (hands.attempts("cut"), hands.attempts("glue")) == ([1], [1, 2, 3])
    job = await the_job(conn)
    # waiting for the next attempt is no failure of the job
    assert (job["state"], job["attempt"]) == ("completed", 1)


async def test_after_its_last_attempt_the_run_fails_with_the_error_as_data(url: str, conn: Any) -> None:
    hands = Hands({"glue": raising(ModelUnavailable("m", reason="refused"))})
    run = await run_once(url, hands, attempts=2)
    assert run.state is RunState.FAILED
    error = error_of(run)
    assert (error["code"], error["stage"], error["attempt"]) == ("model-unavailable", "glue", 2)
    assert error["hint"]
    assert states(run) == [(StageState.DONE, 0), (StageState.FAILED, 2), (StageState.WAITING, 0)]
    assert [each.error for each in run.stages] == [None, run.error, None]
    assert (run.result, hands.attempts("glue")) == (None, [1, 2])
    assert run.finished_at is not None
    await asyncio.sleep(0.5)
    job = await the_job(conn)
    assert (job["state"], len(hands.seen)) == ("cancelled", 3)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Invalid("no such wood"), "invalid"),
        (TypeError("a bug"), "unknown"),
        (AttributeError("a bug"), "unknown"),
        (NameError("a bug"), "unknown"),
    ],
)
async def test_an_error_that_cannot_pass_fails_the_run_at_once(
    url: str, conn: Any, error: Exception, code: str
) -> None:
    hands = Hands({"glue": raising(error)})
    run = await run_once(url, hands, attempts=5)
    assert (run.state, error_of(run)["code"], hands.attempts("glue")) == (RunState.FAILED, code, [1])
    assert str(error) in error_of(run)["message"]
    assert (await the_job(conn))["state"] == "cancelled"


async def test_a_stage_over_its_time_limit_is_stopped_and_tried_again(url: str) -> None:
    stopped: list[int] = []

    async def slow(context: StageContext, text: str) -> Piece:
        try:
            await asyncio.sleep(60 if context.attempt == 1 else 0)
        except asyncio.CancelledError:
            stopped.append(context.attempt)
            raise
        return Piece(text)

    run = await run_once(url, Hands({"glue": slow}), timeout=0.2)
    assert (run.state, stopped) == (RunState.COMPLETED, [1])
    assert states(run)[1] == (StageState.DONE, 1)


async def test_a_stage_that_is_always_over_its_time_limit_fails_the_run(url: str) -> None:
    async def slow(context: StageContext, text: str) -> Piece:
        await asyncio.sleep(60)
        return Piece(text)

    run = await run_once(url, Hands({"glue": slow}), timeout=0.2, attempts=2)
    assert (run.state, error_of(run)["code"]) == (RunState.FAILED, "stage-timed-out")
    assert "0.2 seconds" in error_of(run)["message"]


async def test_a_timeout_of_the_stages_own_is_not_taken_for_its_limit(url: str) -> None:
    run = await run_once(url, Hands({"glue": raising(TimeoutError("the glue pot"))}), timeout=30, attempts=1)
    assert error_of(run)["code"] == "unknown"
    assert "the glue pot" in error_of(run)["message"]


async def test_a_model_that_never_answers_meets_the_clients_time_limit(url: str, conn: Any) -> None:
    from tests.integration.pipelines.helpers import application

    from sorbus.llm.client import ModelClient
    from sorbus.llm.config import Retries

    async with ModelServer(default=Reply(never=True)) as server:

        def models(sink: Any) -> ModelClient:
            return ModelClient(server.model, sink=sink, timeout=0.2, retries=Retries(attempts=1))

        async with application(url, models=models) as app:
            scope = app.scope(actor="me", tenant="local")
            run = await start(scope, "one")
            found = (await ended(scope, [run.id]))[run.id]
    assert (found.state, error_of(found)["code"]) == (RunState.FAILED, "model-timeout")
    assert states(found)[0] == (StageState.FAILED, 3)
    # every call stands in the table, also those that failed
    assert [(call.status, call.error_code, call.stage) for call in found.llm_calls] == [
        ("failed", "model-timeout", "extract")
    ] * 3


async def test_an_answer_of_the_wrong_type_is_refused(url: str) -> None:
    hands = Hands({"glue": giving(42)})
    run = await run_once(url, hands, attempts=5)
    error = error_of(run)
    assert (run.state, error["code"], error["stage"]) == (RunState.FAILED, "invalid-answer", "glue")
    assert "Workshop.glue" in error["message"]
    assert hands.attempts("glue") == [1]


async def test_an_output_that_is_too_large_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "LARGEST_OUTPUT", 1000)
    hands = Hands({"glue": giving(Piece("x" * 1001))})
    run = await run_once(url, hands, attempts=5)
    error = error_of(run)
    assert (error["code"], hands.attempts("glue")) == ("stage-output-too-large", [1])
    assert "1000" in error["message"]
    monkeypatch.undo()


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"], ids=["nul", "surrogate"])
async def test_text_that_the_database_cannot_hold_fails_its_own_run_only(url: str, text: str) -> None:
    bad: set[Any] = set()

    async def behave(context: StageContext, given: str) -> Piece:
        # all runs reach their checkpoints together, and so share statements
        await asyncio.sleep(0.3)
        return Piece(text if context.run_id in bad else f"{given}, {context.stage}")

    hands = Hands({"cut": behave})
    async with workshop(url, hands, craft(), concurrency=20) as app:
        scope = app.scope(actor="me", tenant="local")
        async with app.transaction():
            runs = [await start(scope, f"m{number}", pipeline="craft", text="wood") for number in range(10)]
            bad.add(runs[4].id)
        found = await ended(scope, [run.id for run in runs])
    assert [found[run.id].state for run in runs if run.id not in bad] == [RunState.COMPLETED] * 9
    failed = found[runs[4].id]
    assert (failed.state, error_of(failed)["code"]) == (RunState.FAILED, "text-not-storable")
    assert states(failed)[0] == (StageState.FAILED, 1)


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"], ids=["nul", "surrogate"])
async def test_an_error_whose_message_the_database_cannot_hold_is_written_all_the_same(
    url: str, text: str
) -> None:
    run = await run_once(url, Hands({"glue": raising(Invalid(f"cannot read {text}"))}))
    assert (run.state, error_of(run)["code"]) == (RunState.FAILED, "invalid")
    assert error_of(run)["message"].startswith("cannot read a")


async def test_a_constraint_of_the_stages_own_table_fails_the_run(url: str) -> None:
    from sorbus.errors.database import UndefinedTable

    hands = Hands({"glue": raising(UndefinedTable("relation glue does not exist", sqlstate="42P01"))})
    run = await run_once(url, hands, attempts=2)
    assert (run.state, error_of(run)["code"]) == (RunState.FAILED, "undefined-table")
    assert hands.attempts("glue") == [1]


async def test_a_deadlock_of_the_stages_own_work_counts_as_an_attempt(url: str) -> None:
    from sorbus.errors.database import Deadlock

    hands = Hands({"glue": raising(Deadlock(sqlstate="40P01"))})
    run = await run_once(url, hands, attempts=3)
    assert (run.state, error_of(run)["code"]) == (RunState.FAILED, "deadlock")
    assert hands.attempts("glue") == [1, 2, 3]


async def test_a_cancellation_from_inside_a_stage_is_a_failed_attempt(url: str) -> None:
    async def behave(context: StageContext, text: str) -> Piece:
        del context, text
        raise asyncio.CancelledError

    hands = Hands({"glue": behave})
    run = await run_once(url, hands, attempts=2)
    assert run.state is RunState.FAILED
    assert hands.attempts("glue") == [1, 2]


async def test_observers_hear_of_every_step(url: str) -> None:
    told: list[RunEvent] = []
    hands = Hands({"glue": raising(OSError("dry"), times=1)})
    async with workshop(url, hands) as app:
        parts: Pipelines = app.service(Pipelines)
        parts.observe(told.append)
        scope = app.scope(actor="me", tenant="local")
        run = await start(scope, "one", pipeline="craft", text="wood")
        await until(lambda: told and told[-1].kind is EventKind.COMPLETED)
        parts.unobserve(told.append)
        again = await start(scope, "two", pipeline="craft", text="wood")
        await ended(scope, [again.id])
    assert {event.run_id for event in told} == {run.id}
    assert [(event.kind.value, event.stage) for event in told] == [
        ("begun", None),
        ("stage_started", "cut"),
        ("stage_done", "cut"),
        ("stage_started", "glue"),
        ("stage_failed", "glue"),
        ("begun", None),
        ("stage_started", "glue"),
        ("stage_done", "glue"),
        ("stage_started", "paint"),
        ("stage_done", "paint"),
        ("completed", None),
    ]


async def test_no_transaction_is_open_while_a_stage_works(url: str, conn: Any) -> None:
    open_ones: list[int] = []

    async def behave(context: StageContext, text: str) -> Piece:
        del context
        open_ones.append(
            await conn.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND application_name IN ('sorbus', 'sorbus-pipelines') AND state = 'idle in transaction'"
            )
        )
        return Piece(text)

    run = await run_once(url, Hands({"cut": behave, "glue": behave}))
    assert (run.state, open_ones) == (RunState.COMPLETED, [0, 0])


async def test_a_stage_may_use_the_application_itself(url: str) -> None:
    hands = Hands()
    async with workshop(url, hands) as app:
        scope = app.scope(actor="me", tenant="local")

        async def look(context: StageContext, text: str) -> Piece:
            found = await row(scope, context.run_id)
            return Piece(f"{text}, {found.state.value}")

        hands.behave["glue"] = look
        run = await start(scope, "one", pipeline="craft", text="wood")
        found = (await ended(scope, [run.id]))[run.id]
    assert found.result is not None
    assert found.result.data["glue"] == {"text": "wood, cut, running"}


async def test_a_stage_is_given_a_scope_of_the_runs_tenant(url: str) -> None:
    tenants: list[Any] = []

    async def look(context: StageContext, text: str) -> Piece:
        tenants.append(context.tenant)
        return Piece(text)

    hands = Hands({"cut": look})
    async with workshop(url, hands) as app:
        scopes: list[Scope] = [app.scope(actor="me", tenant=tenant) for tenant in ("a", "b")]
        for scope in scopes:
            run = await start(scope, "one", pipeline="craft", text="wood")
            await ended(scope, [run.id])
    assert tenants == ["a", "b"]
