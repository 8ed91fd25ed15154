"""What calls under way have reserved: others wait for it, and it is given back however a call ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.integration.pipelines.helpers import error_of, until
from tests.integration.pipelines.spender import COST, FULL, begin, codes, figures, finish, me, spending

from sorbus.llm.budgets import keeper
from sorbus.llm.budgets.keeper import BudgetKeeper
from sorbus.pipelines import Budget, RunState
from sorbus.testing.model_server import ModelServer, Reply

ROOT = Path(__file__).parents[3]


async def test_a_call_waits_for_what_others_have_reserved_and_do_not_need(url: str) -> None:
    """Each call may cost much and costs little: none of them is refused, though only one fits at a time."""
    async with (
        ModelServer(default=Reply(tokens_in=1, tokens_out=1, delay=0.02)) as server,
        spending(url, server) as app,
    ):
        scope = me(app)
        await Budget.set(scope, limit_tokens=int(COST) + 40)
        runs = [await begin(scope, "aa\nbb", name=f"{at}") for at in range(6)]
        assert codes(await finish(scope, *runs)) == ["completed"] * 6
        assert len(server.seen) == 18
        assert await figures(scope) == [
            {"spent": (36, 36), "reserved": (0, 0), "left": (None, int(COST) + 4)}
        ]


async def test_replayed_answers_reserve_and_cost_nothing(url: str) -> None:
    async with ModelServer(default=FULL) as server, spending(url, server) as app:
        scope = me(app)
        run = await begin(scope, "aa\nbb\ncc", budget_usd=2 * COST)
        (run,) = await finish(scope, run)
        assert (error_of(run)["code"], len(server.seen)) == ("budget-exceeded", 2)
        run = await run.retry(
            scope
        )  # with the same budget: two answers are there, the third is refused again
        (run,) = await finish(scope, run)
        assert (error_of(run)["code"], len(server.seen)) == ("budget-exceeded", 2)
        run = await run.raise_budget(scope, budget_usd=4 * COST)
        (run,) = await finish(scope, await run.retry(scope))
        assert (run.state, len(server.seen)) == (RunState.COMPLETED, 4)


async def test_a_cancelled_run_gives_back_what_it_had_reserved(url: str, conn: Any) -> None:
    async with ModelServer(default=Reply(never=True)) as server, spending(url, server) as app:
        scope = me(app)
        await Budget.set(scope, limit_usd=5 * COST)
        run = await begin(scope, "aa", budget_usd=COST)
        await until(lambda: server.seen)
        held = await conn.fetch("SELECT usd, tokens, cardinality(budgets) AS budgets FROM llm_reservations")
        assert [tuple(each) for each in held] == [(COST, COST, 2)]
        assert (await figures(scope))[0]["reserved"] == (COST, COST)
        await run.cancel(scope)

        async def given_back() -> bool:
            return not await conn.fetchval("SELECT count(*) FROM llm_reservations")

        await until(given_back)
        assert [(each["reserved"], each["spent"]) for each in await figures(scope)] == [((0, 0), (0, 0))]


async def test_what_cannot_be_recorded_is_given_back_all_the_same(url: str, conn: Any) -> None:
    """The calls cannot be written for a while: what they had reserved does not stay reserved for ever."""
    async with ModelServer(default=FULL) as server, spending(url, server) as app:
        scope = me(app)
        await conn.execute("ALTER TABLE llm_calls ADD CONSTRAINT closed CHECK (false) NOT VALID")
        run = await begin(scope, "aa", budget_usd=2 * COST)
        (run,) = await finish(scope, run)
        assert (run.state, await conn.fetchval("SELECT count(*) FROM llm_reservations")) == (
            RunState.FAILED,
            0,
        )
        await conn.execute("ALTER TABLE llm_calls DROP CONSTRAINT closed")
        (run,) = await finish(scope, await run.retry(scope))
        assert run.state is RunState.COMPLETED


@contextmanager
def worker(url: str, model: str, what: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that spends; killed at the end."""
    command = [sys.executable, "-m", "tests.integration.pipelines.spend_worker", url, model, what]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("what", ["jobs", "calls"])
async def test_what_a_killed_process_has_reserved_is_given_back_and_not_before(
    url: str, conn: Any, what: str
) -> None:
    async def reserved() -> int:
        return int(await conn.fetchval("SELECT count(*) FROM llm_reservations"))

    async with ModelServer(default=Reply(never=True)) as server:
        async with spending(url, server, run_jobs=False) as app:
            scope = me(app)
            await Budget.set(scope, limit_usd=2 * COST)
            run = await begin(scope, "aa") if what == "jobs" else None
        with worker(url, server.model, what) as process:
            await until(reserved, seconds=60)
            async with spending(url, server, run_jobs=False) as app:
                found = app.service(BudgetKeeper)
                assert found is not None
                assert await found.sweep() == 0  # it lives
            process.kill()
            process.wait()
        assert await reserved() == 1
        server.default = FULL
        async with spending(url, server) as app:
            scope = me(app)
            if run is None:
                run = await begin(scope, "aa")
            # It needs all that the budget has, so also what the killed process holds.
            (run,) = await finish(scope, run)
            assert (run.state, run.error) == (RunState.COMPLETED, None)
            assert await figures(scope) == [
                {"spent": (2 * COST, 2 * COST), "reserved": (0, 0), "left": (0, None)}
            ]


async def test_a_call_does_not_wait_for_ever_for_what_others_have_reserved(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "PATIENCE", 0.3)
    async with ModelServer(default=Reply(never=True)) as server, spending(url, server) as app:
        scope = me(app)
        await Budget.set(scope, limit_usd=COST + 1)
        first = await begin(scope, "aa")
        await until(lambda: server.seen)
        (second,) = await finish(scope, await begin(scope, "bb", name="two"))
        assert (
            f"of ${COST + 1} $0 are spent and ${COST} reserved by calls under way"
            in error_of(second)["message"]
        )
        assert len(server.seen) == 1
        await first.cancel(scope)
