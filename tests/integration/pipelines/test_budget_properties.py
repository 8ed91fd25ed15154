"""Whatever calls do, in whatever order: no budget holds more than its limit, and nothing stays reserved."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import Databases

from sorbus.data_layers.postgres.pool import Pool
from sorbus.errors.llm import BudgetExceeded
from sorbus.llm.budgets import Need, keeper
from sorbus.llm.budgets.store import BudgetStore
from sorbus.llm.calls import DatabaseSink
from sorbus.llm.messages import CallKind
from sorbus.llm.records import CallRecord, CallStatus
from sorbus.types.uuid7 import uuid7

TENANT = "acme"
NODE = "me"
MODELS = ("p:a", "p:b")
UNITS = ("usd", "tokens")

INSERT = """
INSERT INTO llm_budgets (id, tenant, run_id, model, period, limit_usd, limit_tokens, counted_usd, counted_tokens,
                         reserved_usd, reserved_tokens, resets_at, inserted_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, 0, 0, CASE WHEN $5 = 'day' THEN now() + interval '1 day' END, now())
"""

LOOK = """
SELECT id, limit_usd, limit_tokens, reserved_usd, reserved_tokens,
       counted_usd AS spent_usd, counted_tokens AS spent_tokens
FROM llm_budgets
"""


@dataclass
class Account:
    """A budget as the model of it has it."""

    id: UUID
    run: int | None
    model: str
    period: str
    limit: dict[str, Decimal | None]
    spent: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(UNITS, Decimal(0)))
    reserved: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(UNITS, Decimal(0)))

    def holds(self, run: int | None, model: str) -> bool:
        return (self.run is None or self.run == run) and self.model in ("", model)

    def fits(self, need: dict[str, Decimal]) -> bool:
        return all(
            limit is None or not need[unit] or self.spent[unit] + self.reserved[unit] + need[unit] <= limit
            for unit, limit in self.limit.items()
        )


@dataclass
class Call:
    """A call under way."""

    need: Need
    run: int | None
    amounts: dict[str, Decimal]
    accounts: list[Account]


@asynccontextmanager
async def sink_on(url: str, size: int = 3) -> AsyncIterator[DatabaseSink]:
    async with Pool(url, size=size, settings={"enable_seqscan": "off"}) as pool:
        yield DatabaseSink(pool, default_tenant=TENANT)


def record_of(need: Need, usd: Decimal, tokens: int) -> CallRecord:
    provider, _, model = need.model.partition(":")
    return CallRecord(
        id=need.call,
        kind=CallKind.TEXT,
        provider=provider,
        model=model,
        request_hash=str(need.call),
        status=CallStatus.OK,
        run_id=need.run,
        tokens_in=tokens,
        cost_usd=usd,
    )


class Ledgers:
    """Does the same to the real budgets and to the model, and compares."""

    def __init__(self, sink: DatabaseSink, accounts: list[Account], runs: list[UUID]) -> None:
        self.sink = sink
        self.accounts = accounts
        self.runs = runs
        self.calls: list[Call] = []

    async def reserve(self, run: int | None, model: str, usd: int, tokens: int) -> None:
        amounts = {"usd": Decimal(usd), "tokens": Decimal(tokens)}
        need = Need(
            call=uuid7(),
            model=model,
            usd=Decimal(usd),
            tokens=tokens,
            run=None if run is None else self.runs[run],
        )
        answer = await self.sink.budgets.store.reserve(need, TENANT, NODE)
        mine = [each for each in self.accounts if each.holds(run, model)]
        assert answer.budgeted == bool(mine)
        assert answer.taken == (bool(mine) and all(each.fits(amounts) for each in mine))
        if answer.taken:
            for each in mine:
                for unit in UNITS:
                    each.reserved[unit] += amounts[unit]
                    limit = each.limit[unit]
                    assert (
                        limit is None or not amounts[unit] or each.spent[unit] + each.reserved[unit] <= limit
                    )
            self.calls.append(Call(need, run, amounts, mine))

    async def settle(self, at: int, share: int, *, twice: bool) -> None:
        if not self.calls:
            return
        call = self.calls.pop(at % len(self.calls))
        usd, tokens = call.amounts["usd"] * share / 4, int(call.amounts["tokens"]) * share // 4
        for _ in range(2 if twice else 1):
            await self.sink.record(record_of(call.need, usd, tokens))
        self._give_back(call)
        for each in call.accounts:
            each.spent["usd"] += usd
            each.spent["tokens"] += tokens

    async def lose(self, at: int) -> None:
        """A call that leaves no record."""
        if not self.calls:
            return
        call = self.calls.pop(at % len(self.calls))
        open_calls = [each.need.call for each in self.calls]
        assert await self.sink.budgets.store.free(NODE, open_calls, uuid7()) == 1
        self._give_back(call)

    async def limit(self, at: int, unit: str, limit: int | None) -> None:
        account = self.accounts[at % len(self.accounts)]
        account.limit[unit] = None if limit is None else Decimal(limit)
        async with self.sink.pool.connection() as connection:
            await connection.execute(
                f"UPDATE llm_budgets SET limit_{unit} = $2 WHERE id = $1", account.id, limit
            )

    async def end_of_day(self) -> None:
        async with self.sink.pool.connection() as connection:
            await connection.execute(
                "UPDATE llm_budgets SET resets_at = now() - interval '1 s' WHERE period = 'day'"
            )
        for each in self.accounts:
            if each.period == "day":
                each.spent = dict.fromkeys(UNITS, Decimal(0))

    async def compare(self) -> None:
        async with self.sink.pool.connection() as connection:
            rows = {row["id"]: row for row in await connection.fetch(f"{LOOK} WHERE id = ANY($1)", self._ids)}
            over = {
                row["id"]
                for row in await connection.fetch("SELECT id FROM llm_budgets WHERE resets_at <= now()")
            }
        for each in self.accounts:
            row = rows[each.id]
            for unit in UNITS:
                assert row[f"reserved_{unit}"] == each.reserved[unit]
                assert each.id in over or row[f"spent_{unit}"] == each.spent[unit]

    @property
    def _ids(self) -> list[UUID]:
        return [each.id for each in self.accounts]

    def _give_back(self, call: Call) -> None:
        for each in call.accounts:
            for unit in UNITS:
                each.reserved[unit] -= call.amounts[unit]


RUN = st.sampled_from([None, 0, 1])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), RUN, st.sampled_from(MODELS), st.integers(0, 8), st.integers(0, 8)),
        st.tuples(st.just("settle"), st.integers(0, 9), st.integers(0, 4), st.booleans()),
        st.tuples(st.just("lose"), st.integers(0, 9)),
        st.tuples(
            st.just("limit"),
            st.integers(0, 3),
            st.sampled_from(UNITS),
            st.one_of(st.none(), st.integers(0, 30)),
        ),
        st.tuples(st.just("end_of_day")),
    ),
    max_size=25,
)


@pytest.fixture(scope="module")
def budget_url(pipelines_pg18: tuple[Databases, str]) -> Iterator[str]:
    databases, template = pipelines_pg18
    with databases.fresh(template=template) as found:
        yield found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_the_budgets_follow_their_model(budget_url: str, steps: list[tuple[Any, ...]]) -> None:
    asyncio.run(follow(budget_url, steps))


async def follow(url: str, steps: list[tuple[Any, ...]]) -> None:
    async with sink_on(url) as sink:
        runs = [uuid7(), uuid7()]
        accounts = [
            Account(runs[0], 0, "", "total", {"usd": Decimal(12), "tokens": None}),
            Account(uuid7(), None, "", "day", {"usd": Decimal(20), "tokens": Decimal(20)}),
            Account(uuid7(), None, "p:a", "total", {"usd": None, "tokens": Decimal(15)}),
        ]
        async with sink.pool.connection() as connection:
            await connection.execute("TRUNCATE llm_budgets, llm_reservations, llm_calls")
            for each in accounts:
                run = None if each.run is None else runs[each.run]
                limits = [each.limit[unit] for unit in UNITS]
                await connection.execute(INSERT, each.id, TENANT, run, each.model, each.period, limits[0],
                                         None if limits[1] is None else int(limits[1]))  # fmt: skip
        ledgers = Ledgers(sink, accounts, runs)
        for name, *args in steps:
            if name == "settle":
                await ledgers.settle(args[0], args[1], twice=args[2])
            else:
                await getattr(ledgers, name)(*args)
            await ledgers.compare()
        while ledgers.calls:
            await ledgers.settle(0, 4, twice=False)
        await ledgers.compare()
        async with sink.pool.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM llm_reservations") == 0
        assert {amount for each in accounts for amount in each.reserved.values()} == {0}


async def test_no_look_from_outside_ever_finds_a_budget_overdrawn(url: str) -> None:
    """Two nodes, many runs, budgets of three kinds over each other, and somebody who looks all the time."""
    runs = [uuid7() for _ in range(6)]
    budgets = [(run, run, "", "total", 70) for run in runs]
    budgets += [
        (uuid7(), None, "", "day", 300),
        (uuid7(), None, "p:a", "total", 120),
        (uuid7(), None, "", "month", 310),
    ]
    async with sink_on(url, 8) as one, sink_on(url, 8) as other, Pool(url, size=1) as eyes:
        async with one.pool.connection() as connection:
            for key, run, model, period, limit in budgets:
                await connection.execute(INSERT, key, TENANT, run, model, period, Decimal(limit), None)
        done = asyncio.Event()
        choice = random.Random(7)
        plan = [
            (choice.choice(runs), choice.choice(MODELS), choice.randint(1, 9), choice.random())
            for _ in range(240)
        ]

        async def watch() -> int:
            looks = 0
            while not done.is_set():
                async with eyes.connection() as connection:
                    rows = await connection.fetch(LOOK)
                assert all(row["reserved_usd"] >= 0 for row in rows)
                assert all(row["spent_usd"] + row["reserved_usd"] <= row["limit_usd"] for row in rows)
                looks += 1
            return looks

        async def call(sink: DatabaseSink, run: UUID, model: str, usd: int, luck: float) -> int:
            need = Need(call=uuid7(), model=model, usd=Decimal(usd), tokens=usd, run=run)
            if not (await sink.budgets.store.reserve(need, TENANT, NODE)).taken:
                return 0
            await asyncio.sleep(luck / 50)
            cost = 0 if luck < 0.2 else usd
            await sink.record(record_of(need, Decimal(cost), cost))
            return cost

        watching = asyncio.create_task(watch())
        costs = await asyncio.gather(*(call((one, other)[at % 2], *each) for at, each in enumerate(plan)))
        done.set()
        assert await watching > 3
        async with one.pool.connection() as connection:
            rows = {row["id"]: row for row in await connection.fetch(LOOK)}
            assert await connection.fetchval("SELECT count(*) FROM llm_reservations") == 0
        assert {row["reserved_usd"] for row in rows.values()} == {0}
        spent = {
            run: sum(cost for cost, each in zip(costs, plan, strict=True) if each[0] == run) for run in runs
        }
        assert {run: rows[run]["spent_usd"] for run in runs} == spent
        # Something was refused, and the budgets were used.
        assert 0 < costs.count(0) < len(costs)
        assert [rows[key]["spent_usd"] for key, run, model, *_ in budgets if run is None and not model] == [
            sum(costs), sum(costs),
        ]  # fmt: skip


async def test_that_no_budget_holds_is_believed_for_a_moment_and_seen_anew_with_every_record(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = uuid7()

    def need() -> Need:
        return Need(call=uuid7(), model="p:a", usd=Decimal(1), tokens=1, run=run)

    asked: list[str] = []
    fetch = BudgetStore._fetch

    async def counted(self: BudgetStore, name: str, *args: Any) -> Any:
        asked.append(name)
        return await fetch(self, name, *args)

    monkeypatch.setattr(BudgetStore, "_fetch", counted)
    monkeypatch.setattr(keeper, "FRESH", 3600.0)
    async with sink_on(url) as sink:
        sink.enter(run, TENANT, fresh=True, budgeted=False)
        first = need()
        assert await sink.reserve(first) is False
        assert asked == []  # a run without a budget asks nothing
        async with sink.pool.connection() as connection:
            await connection.execute(INSERT, uuid7(), TENANT, None, "", "total", Decimal(3), None)
        assert await sink.reserve(need()) is False  # it is believed still
        await sink.record(record_of(first, Decimal(2), 2))  # counted, though nothing was reserved for it
        second = need()
        assert await sink.reserve(second) is True  # and seen with that record
        with pytest.raises(BudgetExceeded) as refused:
            await sink.reserve(replace(need(), usd=Decimal(2)))
        assert (refused.value.spent, refused.value.reserved, refused.value.needed) == (2, 1, 2)
        await sink.record(record_of(second, Decimal(0), 0))
        # Seen a while ago, it is looked at anew.
        sink.budgets.learn(run, budgeted=False)
        monkeypatch.setattr(keeper, "FRESH", 0.0)
        assert await sink.reserve(need()) is True
        sink.leave(run)
        await sink.close()


async def test_a_budget_for_another_model_and_one_that_is_gone_are_no_reason_to_forget(url: str) -> None:
    run, budget = uuid7(), uuid7()

    def need(model: str) -> Need:
        return Need(call=uuid7(), model=model, usd=Decimal(1), tokens=1, run=run)

    async with sink_on(url) as sink:
        async with sink.pool.connection() as connection:
            await connection.execute(INSERT, budget, TENANT, None, "p:b", "total", Decimal(3), None)
        sink.enter(run, TENANT, fresh=True, budgeted=True)
        first, second = need("p:a"), need("p:b")
        assert await sink.reserve(first) is False
        assert await sink.reserve(second) is True
        await sink.record(record_of(first, Decimal(1), 1))
        async with sink.pool.connection() as connection:
            row = await connection.fetchrow(LOOK)
            assert (row["spent_usd"], row["reserved_usd"]) == (0, 1)
            # It is removed while a call is under way, and that is seen before the call ends.
            await connection.execute("DELETE FROM llm_budgets")
            sink.budgets.learn(run, budgeted=False)
            await sink.record(record_of(second, Decimal(1), 1))
            assert await connection.fetchval("SELECT count(*) FROM llm_reservations") == 0
            assert await connection.fetchval("SELECT count(*) FROM llm_calls") == 2
        await sink.close()


async def test_a_process_without_jobs_reserves_under_a_sign_of_life_of_its_own(url: str) -> None:
    async with sink_on(url) as sink, sink_on(url) as other:
        async with sink.pool.connection() as connection:
            assert await sink.reserve(Need(call=uuid7(), model="p:a", usd=Decimal(1), tokens=1)) is False
            assert await connection.fetchval("SELECT count(*) FROM sorbus_nodes") == 0  # no budget, no heart
            await connection.execute(INSERT, uuid7(), TENANT, None, "", "total", Decimal(3), None)
        sink.budgets.forget(TENANT)
        call = Need(call=uuid7(), model="p:a", usd=Decimal(1), tokens=1)
        assert await sink.reserve(call) is True
        async with sink.pool.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM sorbus_nodes") == 1
        assert await other.budgets.sweep() == 0
        await sink.close()  # it signs off without having recorded its call
        assert await other.budgets.sweep() == 1
        async with other.pool.connection() as connection:
            assert await connection.fetchval("SELECT reserved_usd FROM llm_budgets") == 0
