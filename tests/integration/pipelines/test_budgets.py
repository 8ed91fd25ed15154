"""Budgets of runs and tenants: what was answered is spent, and what does not fit any more is refused."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.integration.pipelines.helpers import TENANT, error_of, until
from tests.integration.pipelines.shapes import over
from tests.integration.pipelines.spender import (
    COST,
    FIGURES,
    FULL,
    begin,
    codes,
    figures,
    finish,
    me,
    models,
    spending,
)

from sorbus.errors.authorization import ActionForbidden
from sorbus.errors.inputs import InvalidAction, NotFound, Rejected
from sorbus.errors.pipelines import InnerRunHasNoBudget
from sorbus.llm import PriceTable
from sorbus.llm.budgets.keeper import BudgetKeeper
from sorbus.pipelines import Budget, BudgetPeriod, Run, RunState, StageItem, StageState
from sorbus.testing.model_server import ModelServer, Reply


async def test_a_run_that_keeps_to_its_budget_completes_and_its_budget_says_what_it_spent(
    url: str, conn: Any
) -> None:
    async with ModelServer(default=FULL) as server, spending(url, server) as app:
        scope = me(app)
        run = await begin(scope, "aa\nbb", budget_usd=3 * COST, budget_tokens=1000)
        (run,) = await finish(scope, run)
        assert (run.state, run.error) == (RunState.COMPLETED, None)
        assert (run.budget_usd, run.budget_tokens) == (3 * COST, 1000)
        budget = await Budget.of_run(scope, run_id=run.id).load(*FIGURES).one()
        assert (budget.spent_usd, budget.left_usd, budget.left_tokens) == (3 * COST, 0, 1000 - 3 * COST)
        assert (budget.reserved_usd, budget.reserved_tokens) == (0, 0)
        assert await conn.fetchval("SELECT count(*) FROM llm_reservations") == 0


async def test_a_used_up_budget_fails_the_run_and_a_raised_one_goes_on_without_paying_twice(url: str) -> None:
    async with ModelServer(default=FULL) as server, spending(url, server) as app:
        scope = me(app)
        run = await begin(scope, "aa\nbb", budget_usd=COST * Decimal("1.5"))
        (run,) = await finish(scope, run)
        error = error_of(run)
        assert (run.state, error["code"], error["stage"], error["attempt"]) == (
            RunState.FAILED, "budget-exceeded", "first", 1,
        )  # fmt: skip
        assert f"of $138 ${COST} are spent and $0 reserved" in error["message"]
        assert "run.raise_budget" in error["hint"]
        assert len(server.seen) == 1
        run = await run.raise_budget(scope, budget_usd=3 * COST)
        run = await run.retry(scope)
        (run,) = await finish(scope, run)
        assert run.state is RunState.COMPLETED
        assert [each.body["messages"][-1]["content"] for each in server.seen] == ["aa", "bb", "zz"]


async def test_runs_inside_a_run_spend_from_its_budget(url: str, conn: Any) -> None:
    async with ModelServer(default=FULL) as server, spending(url, server) as app:
        scope = me(app)
        run = await begin(scope, "aa\nbb", pipeline="around", budget_usd=COST * 2)
        run = await over(scope, run)
        assert (run.state, error_of(run)["code"]) == (RunState.FAILED, "nested-run-failed")
        assert f"${2 * COST} are spent" in error_of(run)["message"]
        assert len(server.seen) == 2
        inner = await Run.query(scope).where(Run.payer_id == run.id).all()
        assert {each.pipeline for each in inner} == {"inside", "spend"}
        with pytest.raises(InnerRunHasNoBudget) as refused:
            await inner[0].raise_budget(scope, budget_usd=COST * 9)
        assert str(run.id) in str(refused.value)
        run = await run.raise_budget(scope, budget_usd=3 * COST)
        run = await run.retry(scope)
        run = await over(scope, run)
        assert run.state is RunState.COMPLETED
        assert [each.body["messages"][-1]["content"] for each in server.seen] == ["aa", "bb", "zz"]
        budget = await Budget.of_run(scope, run_id=run.id).load(*FIGURES).one()
        assert (budget.spent_usd, budget.left_usd, budget.reserved_usd) == (3 * COST, 0, 0)
        paid = await conn.fetchval(
            "SELECT count(*) FROM llm_calls WHERE payer_id = $1 AND run_id <> $1", run.id
        )
        assert paid >= 3


async def test_what_fits_a_tenants_budget_succeeds_on_two_nodes_and_nothing_else(url: str, conn: Any) -> None:
    """Fifty questions at once, on two nodes, against a budget for ten: ten are asked."""
    async with (
        ModelServer(default=FULL) as server,
        spending(url, server, concurrency=25) as app,
        spending(url, server, concurrency=25) as other,
    ):
        scope = me(app)
        await Budget.set(scope, limit_usd=10 * COST)
        # One stage, one question: as many runs as questions.
        runs = [await begin(me(each), "aa", name=f"{at}") for at in range(25) for each in (app, other)]
        ended_runs = await finish(scope, *runs)
        answered = [run for run in ended_runs if run.llm_calls]
        assert len(server.seen) == 10
        assert sum(len(run.llm_calls) for run in answered) == 10
        assert set(codes(ended_runs)) <= {"budget-exceeded", "completed"}
        # Of the ten, a run may have got both of its questions answered.
        assert codes(ended_runs).count("completed") == sum(len(run.llm_calls) == 2 for run in ended_runs)
        assert await figures(scope) == [
            {"spent": (10 * COST, 10 * COST), "reserved": (0, 0), "left": (0, None)}
        ]
        assert await conn.fetchval("SELECT count(*) FROM llm_reservations") == 0
        nodes = {run.id: run for run in answered}
        assert len(nodes) >= 5


async def test_failures_retries_and_repairs_pay_for_what_was_answered_only(url: str) -> None:
    async with ModelServer(default=FULL) as server, spending(url, server) as app:
        scope = me(app)
        # Refused twice, so the call fails; the stage is tried again and answered.
        server.then(Reply(status=503), Reply(status=503))
        run = await begin(scope, "aa", budget_usd=2 * COST)
        (run,) = await finish(scope, run)
        assert (run.state, len(server.seen)) == (RunState.COMPLETED, 4)
        budget = await Budget.of_run(scope, run_id=run.id).load(*FIGURES).one()
        assert (budget.spent_usd, budget.reserved_usd, budget.left_usd) == (2 * COST, 0, 0)


async def test_a_run_under_two_budgets_stops_at_the_tighter_one(url: str) -> None:
    async with ModelServer(default=FULL) as server, spending(url, server) as app:
        scope = me(app)
        await Budget.set(scope, limit_usd=100 * COST)
        run = await begin(scope, "aa\nbb\ncc", budget_usd=2 * COST)
        (run,) = await finish(scope, run)
        assert f"budget of run {run.id}" in error_of(run)["message"]
        assert (await figures(scope))[0]["spent"] == (2 * COST, 2 * COST)
        await Budget.set(scope, limit_usd=3 * COST)
        other = await begin(scope, "aa\nbb\ncc", name="two", budget_usd=100 * COST)
        (other,) = await finish(scope, other)
        assert "monthly budget of the tenant does" in error_of(other)["message"]
        # What one of two budgets refuses stays reserved in none.
        for budget in await Budget.query(scope).all():
            assert (budget.reserved_usd, budget.reserved_tokens) == (0, 0)
        assert len(server.seen) == 3


async def test_another_tenants_budget_is_neither_read_nor_touched(url: str) -> None:
    async with ModelServer(default=FULL) as server, spending(url, server) as app:
        ours, theirs = me(app, "ours"), me(app, "theirs")
        mine = await Budget.set(ours, limit_usd=Decimal(0))
        run = await begin(theirs, "aa")
        assert codes(await finish(theirs, run)) == ["completed"]
        assert (await Budget.query(theirs).all(), await figures(theirs)) == ([], [])
        for refused in (
            Budget.get(theirs, mine.id),
            Budget.change.by_key(mine.id, theirs, limit_usd=Decimal(5)),
            Budget.remove.by_key(mine.id, theirs),
        ):
            with pytest.raises(NotFound):
                await refused
        run = await begin(ours, "aa", name="mine")
        assert codes(await finish(ours, run)) == ["budget-exceeded"]
        assert (await figures(ours))[0]["spent"] == (0, 0)


async def test_a_period_that_ends_gives_the_budget_anew(url: str, conn: Any) -> None:
    async with ModelServer(default=FULL) as server, spending(url, server) as app:
        scope = me(app)
        budget = await Budget.set(scope, limit_usd=2 * COST, period=BudgetPeriod.DAY)
        assert budget.resets_at is not None
        assert codes(await finish(scope, await begin(scope, "aa"))) == ["completed"]
        assert codes(await finish(scope, await begin(scope, "aa", name="two"))) == ["budget-exceeded"]
        # The day is over.
        await conn.execute("UPDATE llm_budgets SET resets_at = now() - interval '1 second'")
        assert (await figures(scope))[0]["spent"] == (0, 0)
        assert codes(await finish(scope, await begin(scope, "aa", name="three"))) == ["completed"]
        assert (await figures(scope))[0]["spent"] == (2 * COST, 2 * COST)
        later = await Budget.get(scope, budget.id)
        midnight = await conn.fetchval(
            "SELECT (date_trunc('day', timezone('UTC', now())) + interval '1 day') AT TIME ZONE 'UTC'"
        )
        assert later.resets_at == midnight


async def test_a_budget_counts_what_was_spent_in_its_period_before_it_was_set(url: str, conn: Any) -> None:
    async with ModelServer(default=FULL) as server, spending(url, server) as app:
        scope = me(app)
        (run,) = await finish(scope, await begin(scope, "aa\nbb"))
        await Budget.set(scope, limit_usd=5 * COST)
        assert (await figures(scope))[0]["spent"] == (3 * COST, 3 * COST)
        await conn.execute("UPDATE llm_calls SET inserted_at = inserted_at - interval '32 days'")
        await Budget.set(scope, limit_usd=4 * COST)
        await Budget.set(scope, limit_usd=4 * COST, period=BudgetPeriod.TOTAL)
        found = await Budget.query(scope).order_by(Budget.id).load(Budget.spent_usd).all()
        assert [(each.period, each.spent_usd, each.limit_usd) for each in found] == [
            (BudgetPeriod.MONTH, 0, 4 * COST),
            (BudgetPeriod.TOTAL, 3 * COST, 4 * COST),
        ]
        # A run that had no budget gets one, and has spent something.
        run = await run.raise_budget(scope, budget_tokens=1000)
        own = await Budget.of_run(scope, run_id=run.id).load(*FIGURES).one()
        assert (own.limit_usd, own.spent_tokens, own.left_tokens) == (None, 3 * COST, 1000 - 3 * COST)


async def test_a_budget_for_one_model_leaves_the_others_alone(url: str) -> None:
    async with ModelServer(default=FULL) as server, spending(url, server) as app:
        scope = me(app)
        await Budget.set(scope, limit_tokens=0, model="openai:gpt-4o-mini")
        assert codes(await finish(scope, await begin(scope, "aa"))) == ["completed"]
        assert (await figures(scope))[0]["spent"] == (0, 0)
        await Budget.set(scope, limit_tokens=int(COST), model=f"{server.url}/v1:test")
        (run,) = await finish(scope, await begin(scope, "aa", name="two"))
        assert f"of the tenant for `{server.url}/v1:test`" in error_of(run)["message"]
        assert error_of(run)["stage"] == "first"


async def test_dollars_do_not_stop_a_model_without_a_price_and_tokens_do(url: str) -> None:
    async with (
        ModelServer(default=FULL) as server,
        spending(url, server, models=models(server, prices=PriceTable.shipped())) as app,
    ):
        scope = me(app)
        run = await begin(scope, "aa", budget_usd=Decimal(0))
        assert codes(await finish(scope, run)) == ["completed"]
        run = await begin(scope, "aa", name="two", budget_usd=Decimal(0), budget_tokens=int(COST))
        (run,) = await finish(scope, run)
        assert (error_of(run)["stage"], len(run.llm_calls)) == ("second", 1)
        assert f"{COST} tokens" in error_of(run)["message"]


async def test_a_budget_set_lowered_or_raised_holds_for_runs_under_way(url: str, conn: Any) -> None:
    async with ModelServer(default=replace(FULL, delay=0.05)) as server, spending(url, server) as app:
        scope = me(app)

        async def asked(count: int) -> None:
            await until(lambda: len(server.seen) >= count)

        lines = "\n".join(f"{at:02}" for at in range(60))
        run = await begin(scope, lines)
        await asked(3)
        await Budget.set(scope, limit_usd=Decimal(0))
        before = len(server.seen)
        (run,) = await finish(scope, run)
        assert codes([run]) == ["budget-exceeded"]
        # At most one that began in the moment of the commit has come behind it.
        assert len(server.seen) <= before + 1
        # A call that was being written in that moment is found when the budget is counted once more.
        await conn.execute("UPDATE llm_budgets SET recount_at = now()")
        found = app.service(BudgetKeeper)
        assert found is not None
        await found.look_after()
        assert (await figures(scope))[0]["spent"] == (len(server.seen) * COST, len(server.seen) * COST)
        assert await conn.fetchval("SELECT count(*) FROM llm_budgets WHERE recount_at IS NOT NULL") == 0
        budget = await Budget.query(scope).where(Budget.run_id.is_null()).one()
        await budget.change(scope, limit_usd=1000 * COST)
        run = await run.retry(scope)
        await asked(before + 6)
        await budget.change(scope, limit_usd=COST)
        (run,) = await finish(scope, run)
        assert codes([run]) == ["budget-exceeded"]
        await budget.remove(scope)
        run = await run.retry(scope)
        (run,) = await finish(scope, run)
        assert (run.state, len(server.seen)) == (RunState.COMPLETED, 61)
        assert await conn.fetchval("SELECT count(*) FROM llm_reservations") == 0


async def test_a_limit_that_is_not_named_stays_and_null_lifts_one(url: str) -> None:
    async with ModelServer(default=FULL) as server, spending(url, server) as app:
        scope = me(app)
        run = await begin(scope, "aa", budget_usd=COST, budget_tokens=5)
        (run,) = await finish(scope, run)
        run = await run.raise_budget(scope, budget_tokens=1000)
        assert (run.budget_usd, run.budget_tokens) == (COST, 1000)
        budget = await Budget.of_run(scope, run_id=run.id).one()
        assert (budget.limit_usd, budget.limit_tokens) == (COST, 1000)
        (run,) = await finish(scope, await run.retry(scope))
        assert (codes([run]), len(server.seen)) == (["budget-exceeded"], 1)
        run = await run.raise_budget(scope, budget_usd=None)
        (run,) = await finish(scope, await run.retry(scope))
        assert (codes([run]), len(server.seen)) == (["completed"], 2)
        mine = await Budget.set(scope, limit_usd=COST, limit_tokens=1000)
        mine = await mine.change(scope, limit_usd=None)
        assert (mine.limit_usd, mine.limit_tokens) == (None, 1000)
        with pytest.raises(Rejected):
            await mine.change(scope, limit_tokens=None)


async def test_a_budget_cannot_be_set_without_a_limit_and_a_runs_is_changed_by_the_run_only(url: str) -> None:
    async with ModelServer(default=FULL) as server, spending(url, server) as app:
        scope = me(app)
        with pytest.raises(InvalidAction):
            await Budget.set(scope)
        with pytest.raises(InvalidAction):
            await begin(scope, "aa", budget_usd=Decimal(-1))
        run = await begin(scope, "aa", name="two", budget_usd=2 * COST)
        (run,) = await finish(scope, run)
        budget = await Budget.of_run(scope, run_id=run.id).one()
        for refused in (budget.change(scope, limit_usd=Decimal(5)), budget.remove(scope)):
            with pytest.raises((ActionForbidden, NotFound)):
                await refused
        with pytest.raises(ActionForbidden):
            await Budget.set(app.scope(tenant=TENANT), limit_usd=Decimal(1))


async def test_a_fork_has_a_budget_of_its_own(url: str) -> None:
    async with ModelServer(default=FULL) as server, spending(url, server) as app:
        scope = me(app)
        (run,) = await finish(scope, await begin(scope, "aa", budget_usd=2 * COST))
        fork = await Run.fork(scope, forked_from=run.id, fork_stage="second", budget_usd=Decimal(1))
        (fork,) = await finish(scope, fork)
        assert (codes([run, fork]), error_of(fork)["stage"]) == (["budget-exceeded", "completed"], "second")
        free = await Run.fork(scope, forked_from=run.id, fork_stage="second")
        assert codes(await finish(scope, free)) == ["completed"]
        assert await Budget.of_run(scope, run_id=free.id).all() == []


async def test_calls_that_a_run_makes_side_by_side_and_streams_share_its_budget(url: str) -> None:
    async with ModelServer(default=FULL) as server, spending(url, server) as app:
        scope = me(app)
        run = await begin(
            scope, "\n".join(f"{at:02}" for at in range(12)), pipeline="spread", budget_usd=5 * COST
        )
        (run,) = await finish(scope, run)
        assert codes([run]) == ["budget-exceeded"]
        assert len(server.seen) == 5
        items = (
            await StageItem.query(scope)
            .where(StageItem.run_id == run.id, StageItem.state == StageState.DONE)
            .all()
        )
        run = await run.raise_budget(scope, budget_usd=12 * COST)
        (run,) = await finish(scope, await run.retry(scope))
        assert codes([run]) == ["completed"]
        # What was answered before is not asked again, whether its item was committed or not.
        assert (len(server.seen), len(items) <= 5) == (12, True)
        own = await Budget.of_run(scope, run_id=run.id).load(*FIGURES).one()
        assert (own.left_usd, own.reserved_usd) == (0, 0)
