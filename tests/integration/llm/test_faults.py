"""The client against a real server on loopback that fails on demand."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Literal
from uuid import uuid4

import pytest
from pydantic import BaseModel

from sorbus.errors.base import SorbusError
from sorbus.errors.llm import (
    AllModelsFailed,
    AnswerInvalid,
    ApiKeyRefused,
    MissingApiKey,
    ModelTimeout,
    ModelUnavailable,
    NoSuchModel,
    NoSuchProvider,
    RateLimited,
    RequestRefused,
    StreamCut,
)
from sorbus.llm.client import ModelClient
from sorbus.llm.config import ModelConfig, Retries
from sorbus.llm.prices import PriceTable
from sorbus.llm.records import CallRecord, CallStatus, MemorySink
from sorbus.testing.model_server import ModelServer, Reply

QUICK = Retries(attempts=3, base=0.01, cap=0.02, max_wait=2)


class Answer(BaseModel):
    name: str
    count: int


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as running:
        yield running


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
async def client(server: ModelServer, sink: MemorySink) -> AsyncIterator[ModelClient]:
    config = ModelConfig(model=server.model, timeout=0.5, chunk_timeout=0.3, retries=QUICK)
    async with ModelClient(config, sink=sink) as opened:
        yield opened


def only(sink: MemorySink) -> CallRecord:
    (record,) = sink.records
    return record


async def test_text_is_answered_and_recorded(
    server: ModelServer, client: ModelClient, sink: MemorySink
) -> None:
    server.then(Reply(text="hello", tokens_in=7, tokens_out=3))
    run = uuid4()
    answer = await client.generate_text("hi", system="brief", max_tokens=9, stage="greet", run=run)
    assert answer.text == "hello"
    assert (answer.usage.tokens_in, answer.usage.tokens_out) == (7, 3)
    record = only(sink)
    assert record is answer.call
    assert (record.status, record.stage, record.run_id, record.attempts) == (CallStatus.OK, "greet", run, 1)
    assert (record.provider, record.model, record.response) == (f"{server.url}/v1", "test", "hello")
    assert server.seen[0].body["messages"] == [
        {"role": "system", "content": "brief"},
        {"role": "user", "content": "hi"},
    ]
    assert server.seen[0].body["max_tokens"] == 9


async def test_a_rate_limit_is_waited_for_as_long_as_the_server_says(
    server: ModelServer, client: ModelClient, sink: MemorySink
) -> None:
    server.then(Reply(status=429, retry_after="1"), Reply(text="ok"))
    began = time.monotonic()
    assert (await client.generate_text("hi")).text == "ok"
    assert 0.95 <= time.monotonic() - began < 2.5
    assert only(sink).attempts == 2


async def test_retry_after_may_be_a_date(server: ModelServer, client: ModelClient) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    server.then(Reply(status=429, retry_after=moment), Reply(text="ok"))
    began = time.monotonic()
    assert (await client.generate_text("hi")).text == "ok"
    assert 0.5 <= time.monotonic() - began < 4


async def test_a_rate_limit_that_is_too_long_fails_at_once_and_says_how_long(
    server: ModelServer, client: ModelClient, sink: MemorySink
) -> None:
    server.then(Reply(status=429, retry_after="3600"))
    with pytest.raises(RateLimited) as raised:
        await client.generate_text("hi")
    assert raised.value.retry_after == 3600
    assert (only(sink).status, only(sink).error_code) == (CallStatus.FAILED, "rate-limited")
    assert len(server.seen) == 1


async def test_a_server_error_is_tried_again(
    server: ModelServer, client: ModelClient, sink: MemorySink
) -> None:
    server.then(Reply(status=500), Reply(status=503), Reply(text="ok"))
    assert (await client.generate_text("hi")).text == "ok"
    assert only(sink).attempts == 3


async def test_server_errors_without_end_fail_with_the_count(
    server: ModelServer, client: ModelClient, sink: MemorySink
) -> None:
    server.default = Reply(status=500)
    with pytest.raises(ModelUnavailable, match=r"status 500, told to answer 500 \(attempts: 3\)"):
        await client.generate_text("hi")
    assert only(sink).attempts == 3
    assert only(sink).error_code == "model-unavailable"


@pytest.mark.parametrize(
    "raw",
    ['{"choices": [{"mess', "[]", '{"error": ' + "[" * 5000 + "]" * 5000 + "}"],
    ids=["cut", "list", "deep"],
)
async def test_malformed_json_is_tried_again(server: ModelServer, client: ModelClient, raw: str) -> None:
    server.then(Reply(raw=raw), Reply(text="ok"))
    assert (await client.generate_text("hi")).text == "ok"


async def test_a_model_that_never_answers_meets_the_time_limit(
    server: ModelServer, client: ModelClient, sink: MemorySink
) -> None:
    server.then(Reply(never=True))
    began = time.monotonic()
    with pytest.raises(ModelTimeout, match=r"0\.5 s"):
        await client.generate_text("hi")
    assert time.monotonic() - began < 2
    assert only(sink).error_code == "model-timeout"
    assert 400 <= only(sink).latency_ms < 2000
    await asyncio.sleep(0.1)
    assert server.seen[0].disconnected


async def test_a_refused_connection_says_so(sink: MemorySink) -> None:
    config = ModelConfig(model="http://127.0.0.1:9/v1#m", retries=QUICK)
    async with ModelClient(config, sink=sink) as client:
        with pytest.raises(ModelUnavailable, match="attempts: 3"):
            await client.generate_text("hi")
    assert (only(sink).status, only(sink).attempts) == (CallStatus.FAILED, 3)


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, ApiKeyRefused), (403, ApiKeyRefused), (404, NoSuchModel), (400, RequestRefused)],
)
async def test_refusals_are_not_tried_again(
    server: ModelServer, client: ModelClient, sink: MemorySink, status: int, error: type[SorbusError]
) -> None:
    server.then(Reply(status=status))
    with pytest.raises(error):
        await client.generate_text("hi")
    assert len(server.seen) == 1
    assert only(sink).error_code == error.code


async def test_cancelling_closes_the_request_and_is_recorded(
    server: ModelServer, client: ModelClient, sink: MemorySink
) -> None:
    server.then(Reply(never=True))
    asking = asyncio.create_task(client.generate_text("hi"))
    await asyncio.sleep(0.1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.sleep(0.1)
    assert server.seen[0].disconnected
    assert (only(sink).status, only(sink).error_code) == (CallStatus.CANCELLED, "cancelled")


async def test_the_chain_falls_back_to_the_next_model(server: ModelServer, sink: MemorySink) -> None:
    config = ModelConfig(model="http://127.0.0.1:9/v1#m", fallbacks=(server.model,), retries=QUICK)
    async with ModelClient(config, sink=sink) as client:
        assert (await client.generate_text("hi")).text == "ok"
    assert [record.status for record in sink.records] == [CallStatus.FAILED, CallStatus.OK]


async def test_a_chain_that_fails_tells_every_reason(
    server: ModelServer, sink: MemorySink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    server.default = Reply(status=500)
    config = ModelConfig(model=server.model, fallbacks=("openai:gpt-4o-mini",), retries=QUICK)
    async with ModelClient(config, sink=sink) as client:
        with pytest.raises(
            AllModelsFailed, match=r"1\. http.*status 500.*2\. openai:gpt-4o-mini.*API key"
        ) as raised:
            await client.generate_text("hi")
    assert [error.code for _, error in raised.value.errors] == ["model-unavailable", "missing-api-key"]


async def test_a_missing_key_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    async with ModelClient("openai:gpt-4o-mini") as client:
        with pytest.raises(MissingApiKey, match="OPENAI_API_KEY"):
            await client.generate_text("hi")


async def test_an_unknown_provider_lists_the_known_ones() -> None:
    async with ModelClient("opnai:gpt") as client:
        with pytest.raises(NoSuchProvider, match="Did you mean `openai`"):
            await client.generate_text("hi")


async def test_objects_are_asked_for_by_schema_and_checked(server: ModelServer, client: ModelClient) -> None:
    server.then(Reply(text='{"name": "a", "count": 2}'))
    answer = await client.generate_object("hi", returns=Answer)
    assert answer.value == Answer(name="a", count=2)
    assert not answer.repaired
    sent = server.seen[0].body["response_format"]["json_schema"]["schema"]
    assert set(sent["properties"]) == {"name", "count"}


async def test_a_wrong_shape_is_repaired_once_with_the_error(
    server: ModelServer, client: ModelClient, sink: MemorySink
) -> None:
    server.then(Reply(text='{"name": "a"}'), Reply(text='```json\n{"name": "a", "count": 2}\n```'))
    answer = await client.generate_object("hi", returns=Answer)
    assert answer.value == Answer(name="a", count=2)
    assert answer.repaired
    first, second = sink.records
    assert (first.status, first.error_code, first.response) == (
        CallStatus.INVALID,
        "answer-invalid",
        '{"name": "a"}',
    )
    assert second.status is CallStatus.OK
    turns = server.seen[1].body["messages"]
    assert turns[-2] == {"role": "assistant", "content": '{"name": "a"}'}
    assert "count: Field required" in turns[-1]["content"]


async def test_a_failed_repair_is_a_typed_failure(
    server: ModelServer, client: ModelClient, sink: MemorySink
) -> None:
    server.default = Reply(text="no json at all")
    with pytest.raises(AnswerInvalid, match=r"valid `Answer`.*not valid JSON") as raised:
        await client.generate_object("hi", returns=Answer)
    assert raised.value.answer == "no json at all"
    assert [record.status for record in sink.records] == [CallStatus.INVALID, CallStatus.INVALID]


async def test_a_stronger_model_answers_where_one_cannot(server: ModelServer, sink: MemorySink) -> None:
    async with (
        ModelServer(default=Reply(text="never json")) as weak,
        ModelClient(weak.model, fallbacks=(server.model,), sink=sink) as client,
    ):
        assert (await client.generate_object("hi", returns=Answer)).value == Answer(name="", count=0)


async def test_a_label_is_one_of_the_allowed(server: ModelServer, client: ModelClient) -> None:
    server.then(Reply(text='{"value": "b"}'))
    assert (await client.generate_object("hi", returns=Literal["a", "b"])).value == "b"


async def test_hosted_models_classify_by_choice(server: ModelServer, client: ModelClient) -> None:
    server.then(Reply(text='{"value": "sales"}'))
    found = await client.classify("buy!", {"support": "help", "sales": "offers"})
    assert (found.label, found.scores) == ("sales", {"support": 0.0, "sales": 1.0})
    assert "- sales: offers" in server.seen[0].body["messages"][0]["content"]


async def test_a_stream_gives_its_pieces_and_one_record(
    server: ModelServer, client: ModelClient, sink: MemorySink
) -> None:
    server.then(Reply(text="one two three", tokens_in=4, tokens_out=3))
    assert [piece async for piece in client.stream_text("hi")] == ["one ", "two ", "three"]
    record = only(sink)
    assert (record.status, record.response) == (CallStatus.OK, "one two three")
    assert (record.tokens_in, record.tokens_out) == (4, 3)


async def test_a_cut_stream_is_an_error_with_what_arrived(
    server: ModelServer, client: ModelClient, sink: MemorySink
) -> None:
    server.then(Reply(text="one two three", cut_after=2))
    got: list[str] = []
    with pytest.raises(StreamCut):
        async for piece in client.stream_text("hi"):
            got.append(piece)  # noqa: PERF401  # what came before the error is the point
    assert got == ["one ", "two "]
    record = only(sink)
    assert (record.status, record.error_code, record.response) == (
        CallStatus.FAILED,
        "stream-cut",
        "one two ",
    )
    assert record.tokens_out == 2


async def test_a_silent_stream_meets_the_limit_between_pieces(
    server: ModelServer, client: ModelClient, sink: MemorySink
) -> None:
    server.then(Reply(text="one two", piece_delay=5))
    with pytest.raises(ModelTimeout, match="next piece"):
        async for _ in client.stream_text("hi"):
            pass
    assert only(sink).status is CallStatus.FAILED
    assert only(sink).response == "one "


async def test_a_slow_consumer_is_no_silence(server: ModelServer, client: ModelClient) -> None:
    server.then(Reply(text="one two three"))
    got = []
    async for piece in client.stream_text("hi"):
        got.append(piece)
        await asyncio.sleep(0.4)
    assert len(got) == 3


async def test_leaving_a_stream_closes_it_and_is_recorded(
    server: ModelServer, client: ModelClient, sink: MemorySink
) -> None:
    server.then(Reply(text="one two three four five", piece_delay=0.05))
    async with aclosing(client.stream_text("hi")) as pieces:
        async for _ in pieces:
            break
    record = only(sink)
    assert (record.status, record.response) == (CallStatus.STOPPED, "one ")
    await asyncio.sleep(0.3)
    assert server.seen[0].disconnected


async def test_a_stream_is_retried_and_falls_back_before_its_first_piece(
    server: ModelServer, client: ModelClient, sink: MemorySink
) -> None:
    server.then(Reply(status=500), Reply(text="a b"))
    assert [piece async for piece in client.stream_text("hi")] == ["a ", "b"]
    assert only(sink).attempts == 2


async def test_a_stream_that_never_begins_is_recorded(
    server: ModelServer, client: ModelClient, sink: MemorySink
) -> None:
    server.default = Reply(status=500)
    with pytest.raises(ModelUnavailable):
        async for _ in client.stream_text("hi"):
            pass
    record = only(sink)
    assert (record.status, record.attempts, record.response) == (CallStatus.FAILED, 3, None)


async def test_a_stream_falls_back_before_its_first_piece(server: ModelServer, sink: MemorySink) -> None:
    config = ModelConfig(model="http://127.0.0.1:9/v1#m", fallbacks=(server.model,), retries=QUICK)
    async with ModelClient(config, sink=sink) as client:
        assert [piece async for piece in client.stream_text("hi")] == ["ok"]
    assert [record.status for record in sink.records] == [CallStatus.FAILED, CallStatus.OK]


async def test_a_failed_embedding_is_recorded(server: ModelServer, sink: MemorySink) -> None:
    server.default = Reply(status=400)
    async with ModelClient(ModelConfig(embed_model=server.model), sink=sink) as client:
        with pytest.raises(RequestRefused):
            await client.embed(["a"])
    assert only(sink).status is CallStatus.FAILED


async def test_embeddings_come_in_order(server: ModelServer, sink: MemorySink) -> None:
    config = ModelConfig(model=server.model, embed_model=server.model)
    async with ModelClient(config, sink=sink) as client:
        assert await client.embed(["a", "bcd"]) == [[1.0, 1.0], [1.0, 3.0]]
        assert await client.embed([]) == []
    assert only(sink).tokens_in == 10


async def test_a_retried_stage_is_answered_from_its_records(
    server: ModelServer, client: ModelClient, sink: MemorySink
) -> None:
    run = uuid4()
    for replayed in (False, True):
        text = await client.generate_text("hi", stage="s", run=run)
        made = await client.generate_object("hi", returns=Answer, stage="s", run=run)
        label = await client.classify("hi", {"a": "A", "b": "B"}, stage="s", run=run)
        pieces = [piece async for piece in client.stream_text("stream", stage="s", run=run)]
        assert (text.replayed, made.replayed) == (replayed, replayed)
        assert (text.text, made.value, label.label, pieces) == ("ok", Answer(name="", count=0), "a", ["ok"])
    assert len(server.seen) == len(sink.records) == 4


async def test_a_committed_repair_is_replayed_too(server: ModelServer, client: ModelClient) -> None:
    run = uuid4()
    server.then(Reply(text="{}"))
    first = await client.generate_object("hi", returns=Answer, stage="s", run=run)
    again = await client.generate_object("hi", returns=Answer, stage="s", run=run)
    assert (first.repaired, again.repaired, again.replayed) == (True, True, True)
    assert again.value == first.value
    assert len(server.seen) == 2


async def test_a_repair_of_an_answer_that_was_cut_is_replayed_too(
    server: ModelServer, client: ModelClient
) -> None:
    run = uuid4()
    cut = {"message": {"content": '{"name": "a'}, "finish_reason": "length"}
    server.then(Reply(raw=json.dumps({"choices": [cut]})))
    first = await client.generate_object("hi", returns=Answer, stage="s", run=run)
    again = await client.generate_object("hi", returns=Answer, stage="s", run=run)
    assert (first.repaired, again.repaired, again.replayed) == (True, True, True)
    assert len(server.seen) == 2


async def test_an_answer_that_never_fitted_is_asked_for_again(
    server: ModelServer, client: ModelClient
) -> None:
    run = uuid4()
    server.then(Reply(text="{}"), Reply(text="{}"))
    with pytest.raises(AnswerInvalid):
        await client.generate_object("hi", returns=Answer, stage="s", run=run)
    assert (await client.generate_object("hi", returns=Answer, stage="s", run=run)).value.count == 0
    assert len(server.seen) == 3


async def test_without_a_run_nothing_is_replayed(server: ModelServer, client: ModelClient) -> None:
    await client.generate_text("hi", stage="s")
    await client.generate_text("hi", stage="s")
    assert len(server.seen) == 2


async def test_hosted_openai_gets_its_dialect_and_its_price(server: ModelServer, sink: MemorySink) -> None:
    config = ModelConfig(
        model="openai:gpt-4o-mini", api_keys={"openai": "sk-1"}, base_urls={"openai": f"{server.url}/v1"}
    )
    async with ModelClient(config, sink=sink) as client:
        await client.generate_object("hi", returns=Answer, max_tokens=20)
        await client.generate_text("hi", model="openai:gpt-5-mini")
    first, second = server.seen
    assert first.headers["Authorization"] == "Bearer sk-1"
    assert first.body["max_completion_tokens"] == 20
    assert first.body["response_format"]["json_schema"]["strict"] is True
    assert "temperature" in first.body
    assert "temperature" not in second.body
    assert sink.records[0].cost_usd == Decimal("0.0000045")


async def test_an_unknown_price_is_said_once_and_flagged(
    server: ModelServer, client: ModelClient, sink: MemorySink, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        await client.generate_text("hi")
    assert [(record.cost_usd, record.priced) for record in sink.records] == [(0, False), (0, False)]
    assert caplog.text.count("No price is known") == 1
    prices = PriceTable.shipped().with_prices({f"{server.url}/v1:test": (1, 1)})
    async with ModelClient(server.model, sink=sink, prices=prices) as priced:
        await priced.generate_text("hi")
    assert sink.records[-1].cost_usd == Decimal("0.000015")


async def test_a_call_that_cannot_be_recorded_is_not_answered(server: ModelServer) -> None:
    class Broken(MemorySink):
        async def record(self, record: CallRecord) -> None:
            raise RuntimeError("disk full")

    async with ModelClient(server.model, sink=Broken()) as client:
        with pytest.raises(RuntimeError, match="disk full"):
            await client.generate_text("hi")


async def test_many_calls_at_once_are_all_answered(server: ModelServer, sink: MemorySink) -> None:
    server.default = Reply(delay=0.05)
    async with ModelClient(server.model, sink=sink) as client:
        began = time.monotonic()
        answers = await asyncio.gather(*(client.generate_text(f"{number}") for number in range(100)))
    assert len(answers) == len(sink.records) == 100
    assert time.monotonic() - began < 3
