"""Anthropic's protocol against the loopback server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from pydantic import BaseModel

from sorbus.errors.llm import CannotEmbed, MissingApiKey, ModelUnavailable, StreamCut
from sorbus.llm.client import ModelClient
from sorbus.llm.config import ModelConfig, Retries
from sorbus.llm.messages import Message
from sorbus.llm.records import CallStatus, MemorySink
from sorbus.testing.model_server import ModelServer, Reply

MODEL = "anthropic:claude-haiku-4-5"


class Answer(BaseModel):
    name: str


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as running:
        yield running


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
async def client(server: ModelServer, sink: MemorySink) -> AsyncIterator[ModelClient]:
    config = ModelConfig(
        model=MODEL,
        embed_model=MODEL,
        api_keys={"anthropic": "key"},
        base_urls={"anthropic": server.url},
        retries=Retries(attempts=2, base=0.01),
    )
    async with ModelClient(config, sink=sink) as opened:
        yield opened


async def test_text_with_system_and_history(
    server: ModelServer, client: ModelClient, sink: MemorySink
) -> None:
    server.then(Reply(text="hello", tokens_in=1_000_000, tokens_out=0))
    turns = [Message("user", "a"), Message("assistant", "b"), Message("user", "c")]
    assert (await client.generate_text(turns, system="brief", max_tokens=7)).text == "hello"
    sent = server.seen[0]
    assert sent.headers["x-api-key"] == "key"
    assert sent.headers["anthropic-version"]
    assert sent.body["system"] == "brief"
    assert [turn["role"] for turn in sent.body["messages"]] == ["user", "assistant", "user"]
    assert sent.body["max_tokens"] == 7
    assert sink.records[0].cost_usd == Decimal(1)


async def test_objects_are_the_input_of_a_forced_tool(server: ModelServer, client: ModelClient) -> None:
    server.then(Reply(text='{"name": "a"}'))
    assert (await client.generate_object("hi", returns=Answer)).value == Answer(name="a")
    body = server.seen[0].body
    assert body["tool_choice"] == {"type": "tool", "name": "answer"}
    assert set(body["tools"][0]["input_schema"]["properties"]) == {"name"}


async def test_a_wrong_object_is_repaired(server: ModelServer, client: ModelClient) -> None:
    server.then(Reply(text='{"nome": "a"}'), Reply(text='{"name": "a"}'))
    assert (await client.generate_object("hi", returns=Answer)).repaired


async def test_streams(server: ModelServer, client: ModelClient, sink: MemorySink) -> None:
    server.then(Reply(text="one two", tokens_in=9, tokens_out=2))
    assert "".join([piece async for piece in client.stream_text("hi")]) == "one two"
    assert (sink.records[0].tokens_in, sink.records[0].tokens_out) == (9, 2)


async def test_a_cut_stream(server: ModelServer, client: ModelClient, sink: MemorySink) -> None:
    server.then(Reply(text="one two", cut_after=3))
    with pytest.raises(StreamCut):
        async for _ in client.stream_text("hi"):
            pass
    assert (sink.records[0].status, sink.records[0].response) == (CallStatus.FAILED, "one ")


async def test_an_overloaded_service_is_tried_again(server: ModelServer, client: ModelClient) -> None:
    server.then(Reply(status=529), Reply(text="ok"))
    assert (await client.generate_text("hi")).text == "ok"
    server.default = Reply(status=529)
    with pytest.raises(ModelUnavailable, match="529"):
        await client.generate_text("hi")


async def test_there_are_no_embeddings(client: ModelClient) -> None:
    with pytest.raises(CannotEmbed, match="local:minilm"):
        await client.embed(["a"])


async def test_a_missing_key_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    async with ModelClient(MODEL) as client:
        with pytest.raises(MissingApiKey, match="ANTHROPIC_API_KEY"):
            await client.generate_text("hi")
