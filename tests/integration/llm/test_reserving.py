"""What a client reserves before it asks: never less than the call then takes, and never nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorbus.errors.llm import BudgetExceeded, ModelUnavailable, StreamCut
from sorbus.llm import (
    CallStatus,
    MemorySink,
    Message,
    ModelClient,
    ModelConfig,
    PriceTable,
    Retries,
    Tool,
    ToolCall,
)
from sorbus.llm.budgets import Need
from sorbus.llm.budgets.resources import BudgetPeriod, period_end
from sorbus.llm.schemas import returns_of
from sorbus.testing.model_server import ModelServer, Reply

TEXTS = [
    "hi",
    "",
    "The quick brown fox jumps over the lazy dog.",
    "東京都は日本の首都であり、世界最大の都市圏を形成しています。",
    "🦊🍇🎻 ∮ E⋅da = Q, n → ∞, ∑ f(i) = ∏ g(i)",
    "aGVsbG8gd29ybGQ= 0x7f3a9c 9e107d9d372bb6826bd81d3542a419d6",
    "def f(x):\n\treturn [y ** 2 for y in range(x)]\n" * 5,
    "\x00\x01\x02 \u200b\u200d\ufeff",
]


class Purse(MemorySink):
    """Keeps what was reserved, and what was given back without a record."""

    def __init__(self, *, allowed: bool = True) -> None:
        super().__init__()
        self.needs: dict[UUID, Need] = {}
        self.released: list[UUID] = []
        self.allowed = allowed

    async def reserve(self, need: Need) -> bool:
        if not self.allowed:
            raise BudgetExceeded(
                need.model, run=None, budget=need.call, period="day", only="", unit="usd", limit=Decimal(0),
                spent=Decimal(0), reserved=Decimal(0), needed=need.usd,
            )  # fmt: skip
        self.needs[need.call] = need
        return True

    async def release(self, call: UUID) -> None:
        self.released.append(call)

    def held(self) -> bool:
        """Whether every record was reserved, and took no more than that."""
        return bool(self.records) and all(
            record.tokens_in + record.tokens_out <= self.needs[record.id].tokens
            and record.cost_usd <= self.needs[record.id].usd
            for record in self.records
        )


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as opened:
        yield opened


def config(server: ModelServer, **options: object) -> ModelConfig:
    return ModelConfig(model=server.model, retries=Retries(attempts=2, base=0.01), **options)  # type: ignore[arg-type]


async def test_real_models_never_take_more_than_was_reserved() -> None:
    sink = Purse()
    prices = PriceTable(as_of="2026-01-01")
    async with ModelClient("local:default", sink=sink, prices=prices) as client:
        for text in TEXTS:
            await client.generate_text(text, max_tokens=2)
        await client.generate_text("Count to a hundred.")
        await client.generate_object("Name a fruit.", returns=dict[str, str])
        turns = [
            Message("user", "Weigh it."),
            Message("assistant", "", calls=(ToolCall("call00101", "weigh", '{"kilograms": 3}'),)),
            Message("tool", '{"result": 9}', answers="call00101"),
        ]
        weigh = Tool(
            name="weigh", description="Weigh something.", schema={"type": "object", "properties": {}}
        )
        await client.generate_turn(turns, returns=returns_of(bool), tools=[weigh])
        await client.embed(TEXTS)
        await client.classify_all(TEXTS, {"a": "about animals", "b": ["about numbers", "one two three"]})
        async for _ in client.stream_text("hello", max_tokens=3):
            pass
    assert sink.held()
    assert {record.kind for record in sink.records} == {"text", "object", "embed", "classify", "stream"}
    assert set(sink.needs) == {record.id for record in sink.records}
    assert {need.usd for need in sink.needs.values()} == {0}


async def test_an_answer_without_a_limit_gets_one_and_is_found_again_without_it(server: ModelServer) -> None:
    sink, run = Purse(), UUID(int=7)
    async with ModelClient(config(server, answer_tokens=321), sink=sink) as client:
        first = await client.generate_text("hi", run=run)
        again = await client.generate_text("hi", run=run)
        await client.generate_text("hi", max_tokens=7, run=run)
    assert [each.body.get("max_tokens") for each in server.seen] == [321, 7]
    assert (again.replayed, again.call) == (True, first.call)
    async with ModelClient(config(server)) as client:  # no sink, so nobody keeps a budget
        await client.generate_text("hi")
    assert server.seen[-1].body.get("max_tokens") is None


async def test_anthropic_has_a_limit_of_its_own_and_keeps_it(server: ModelServer) -> None:
    sink = Purse()
    given = ModelConfig(
        model="anthropic:claude-haiku-4-5", base_urls={"anthropic": server.url}, api_keys={"anthropic": "k"}
    )
    async with ModelClient(given, sink=sink) as client:
        await client.generate_text("hi")
    (need,) = sink.needs.values()
    assert server.seen[0].body["max_tokens"] == 2048
    price = PriceTable.shipped().price("anthropic:claude-haiku-4-5")
    assert price is not None
    assert need.usd == price.cost(tokens_in=need.tokens - 2048, tokens_out=2048)


async def test_every_failure_is_a_record_that_gives_back_and_every_retry_is_the_same_call(
    server: ModelServer,
) -> None:
    sink = Purse()
    async with ModelClient(config(server), sink=sink) as client:
        server.then(Reply(status=500), Reply(status=500))
        with pytest.raises(ModelUnavailable):
            await client.generate_text("hi")
        assert (len(server.seen), len(sink.needs)) == (2, 1)
        server.then(Reply(cut_after=1))
        with pytest.raises(StreamCut):
            async for _ in client.stream_text("hi"):
                pass
        async with aclosing(client.stream_text("hi")) as pieces:
            await anext(pieces)
        server.then(Reply(text="not json"), Reply(text="3"))
        assert (await client.generate_object("three", returns=int)).repaired
        server.default = Reply(never=True)
        task = asyncio.create_task(client.generate_text("hi"))
        async with asyncio.timeout(10):
            while len(sink.needs) < 6:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    statuses = [record.status for record in sink.records]
    assert statuses == [
        CallStatus.FAILED,
        CallStatus.FAILED,
        CallStatus.STOPPED,
        CallStatus.INVALID,
        CallStatus.OK,
        CallStatus.CANCELLED,
    ]
    assert ({record.id for record in sink.records}, sink.released) == (set(sink.needs), [])


async def test_what_a_budget_refuses_is_not_asked_nor_recorded_nor_asked_of_another_model(
    server: ModelServer,
) -> None:
    sink = Purse(allowed=False)
    async with ModelClient(config(server, fallbacks=(server.model, "local:default")), sink=sink) as client:
        for refused in (
            client.generate_text("hi"),
            client.generate_object("hi", returns=int),
            client.embed(["hi"]),
        ):
            with pytest.raises(BudgetExceeded):
                await refused
        with pytest.raises(BudgetExceeded):
            async for _ in client.stream_text("hi"):
                pass
    assert (server.seen, sink.records) == ([], [])


async def test_a_call_that_cannot_be_recorded_gives_back_what_it_had_reserved(server: ModelServer) -> None:
    class Full(Purse):
        async def record(self, record: object) -> None:
            raise OSError("disk full")

    sink = Full()
    async with ModelClient(config(server), sink=sink) as client:
        with pytest.raises(OSError, match="disk full"):
            await client.generate_text("hi")
    assert sink.released == list(sink.needs)


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001
def test_a_period_ends_at_the_next_midnight_or_first_of_a_month(moment: datetime) -> None:
    day, month = period_end(BudgetPeriod.DAY, moment), period_end(BudgetPeriod.MONTH, moment)
    assert day is not None
    assert month is not None
    assert moment < day <= moment + timedelta(days=1)
    assert moment < month <= moment + timedelta(days=31)
    assert (day.hour, day.minute, month.day, month.hour) == (0, 0, 1, 0)
    assert period_end(BudgetPeriod.TOTAL, moment) is None
