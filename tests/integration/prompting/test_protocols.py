"""The same conversation in every protocol: OpenAI's and Anthropic's over HTTP, and in words with the embedded model."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.integration.prompting.office import TRIAGE, Clerk, Letter, Office, Order, Triage

from sorbus import Scope, Sorbus
from sorbus.errors.prompting import PromptedTimeout
from sorbus.llm import CallStatus, MemorySink, ModelClient, ModelConfig, Retries
from sorbus.testing.model_server import ModelServer, Reply

FIND = Reply(calls=[("order_find", {"number": "17"}), ("order_weigh", {"kilograms": 2})], tokens_in=20)


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as running:
        yield running


def config(server: ModelServer, model: str, **options: Any) -> ModelConfig:
    named = {
        "compatible": server.model,
        "openai": "openai:gpt-4o-mini",
        "anthropic": "anthropic:claude-haiku-4-5",
    }
    return ModelConfig(
        model=named[model],
        api_keys={"openai": "k", "anthropic": "k"},
        base_urls={"openai": f"{server.url}/v1", "anthropic": server.url},
        retries=Retries(attempts=2, base=0.01),
        **options,
    )  # fmt: skip


@asynccontextmanager
async def asking(models: ModelConfig | str) -> AsyncIterator[tuple[Scope, MemorySink]]:
    sink = MemorySink()
    async with ModelClient(models, sink=sink) as client:
        services: dict[type, Any] = {ModelClient: client}
        async with Sorbus(domains=[Office], services=services, storage="memory") as app:
            scope = app.scope(actor=Clerk("ada"), tenant="acme")
            await Order.place(scope, number="17", note="late")
            yield scope, sink


@pytest.mark.parametrize("model", ["compatible", "openai"])
async def test_openai(server: ModelServer, model: str) -> None:
    server.then(FIND, Reply(text=TRIAGE))
    async with asking(config(server, model)) as (scope, sink):
        assert await Letter.triage(scope, text="17?") == Triage("orders", "n")
    first, second = (each.body for each in server.seen)
    names = [each["function"]["name"] for each in first["tools"]]
    assert (names[0], names[-1], first["tool_choice"]) == ("order_get", "answer", "required")
    assert "response_format" not in first
    # What only OpenAI itself knows is said to nobody else.
    assert first["tools"][-1]["function"].get("strict") is (True if model == "openai" else None)
    *_, assistant, found, weighed = second["messages"]
    assert [each["function"]["name"] for each in assistant["tool_calls"]] == ["order_find", "order_weigh"]
    assert assistant["content"] is None
    ids = [each["id"] for each in assistant["tool_calls"]]
    assert [each["tool_call_id"] for each in (found, weighed)] == ids
    assert json.loads(found["content"])["items"][0]["note"] == "late"
    assert json.loads(weighed["content"]) == {"result": 6}
    assert [(each.tokens_in, each.status) for each in sink.records] == [
        (20, CallStatus.OK),
        (10, CallStatus.OK),
    ]


async def test_anthropic(server: ModelServer) -> None:
    server.then(FIND, Reply(text=TRIAGE))
    async with asking(config(server, "anthropic")) as (scope, sink):
        assert await Letter.triage(scope, text="17?") == Triage("orders", "n")
    first, second = (each.body for each in server.seen)
    names = [each["name"] for each in first["tools"]]
    assert (names[0], names[-1], first["tool_choice"]) == ("order_get", "answer", {"type": "any"})
    _, assistant, results = second["messages"]
    assert [(each["type"], each["name"]) for each in assistant["content"]] == [
        ("tool_use", "order_find"), ("tool_use", "order_weigh"),
    ]  # fmt: skip
    assert assistant["content"][0]["input"] == {"number": "17"}
    assert [each["tool_use_id"] for each in results["content"]] == [
        each["id"] for each in assistant["content"]
    ]
    assert {each["type"] for each in results["content"]} == {"tool_result"}
    assert all(each.priced for each in sink.records)


@pytest.mark.parametrize("model", ["compatible", "openai", "anthropic"])
async def test_the_last_question_has_the_answer_as_its_only_way(server: ModelServer, model: str) -> None:
    server.then(FIND, FIND, FIND, Reply(text=TRIAGE))
    async with asking(config(server, model)) as (scope, _):
        await Letter.triage(scope, text="17?")
    last = server.seen[-1].body
    assert len(server.seen) == 4
    if model == "anthropic":
        assert [each["name"] for each in last["tools"]] == ["answer"]
        assert last["tool_choice"] == {"type": "tool", "name": "answer"}
    else:
        assert last["response_format"]["json_schema"]["name"] == "answer"
        assert "tools" not in last


@pytest.mark.parametrize("model", ["compatible", "anthropic"])
async def test_an_answer_beside_calls_is_none_yet(server: ModelServer, model: str) -> None:
    """What it says before it has read the results is not founded on them."""
    early = Reply(calls=[("answer", json.loads(TRIAGE)), ("order_weigh", {"kilograms": 2})])
    server.then(early, Reply(text='{"queue": "complaints", "note": "read"}'))
    async with asking(config(server, model)) as (scope, _):
        assert (await Letter.triage(scope, text="17?")).note == "read"
    told = json.dumps(server.seen[-1].body["messages"])
    assert "order_weigh" in told
    assert TRIAGE not in told


@pytest.mark.parametrize("model", ["compatible", "anthropic"])
async def test_arguments_that_are_no_object_are_told_and_never_said_again(
    server: ModelServer, model: str
) -> None:
    server.then(Reply(calls=[("order_find", '{"number": '), ("order find!", '"x"')]), Reply(text=TRIAGE))
    async with asking(config(server, model)) as (scope, _):
        await Letter.triage(scope, text="17?")
    # Anthropic's protocol has the results of both calls in one message.
    assistant, *results = server.seen[-1].body["messages"][-3 if model == "compatible" else -2 :]
    told = json.dumps(results)
    assert told.count("malformed-arguments") == 1
    assert "There is no tool `order find!`" in told
    if model == "compatible":
        said = [(each["function"]["name"], each["function"]["arguments"]) for each in assistant["tool_calls"]]
    else:
        said = [(each["name"], json.dumps(each["input"])) for each in assistant["content"]]
    assert said == [("order_find", "{}"), ("order_find_", "{}")]


async def test_a_server_that_answers_in_words_is_understood(server: ModelServer) -> None:
    """Not every server keeps to `tool_choice`."""
    message = {"role": "assistant", "content": f"```json\n{TRIAGE}\n```"}
    server.then(Reply(raw=json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]})))
    async with asking(config(server, "compatible")) as (scope, _):
        assert await Letter.triage(scope, text="17?") == Triage("orders", "n")


async def test_a_model_that_fails_in_the_middle_is_replaced_by_the_next_of_the_chain(
    server: ModelServer,
) -> None:
    server.then(FIND, Reply(status=500), Reply(status=500), Reply(text=TRIAGE))
    async with asking(config(server, "openai", fallbacks=("anthropic:claude-haiku-4-5",))) as (scope, sink):
        assert await Letter.triage(scope, text="17?") == Triage("orders", "n")
    assert [(each.provider, each.status) for each in sink.records] == [
        ("openai", CallStatus.OK), ("openai", CallStatus.FAILED), ("anthropic", CallStatus.OK),
    ]  # fmt: skip
    # The next one reads what the first has found out, in its own protocol.
    assert "tool_result" in json.dumps(server.seen[-1].body["messages"])


async def test_a_retry_is_the_same_question_and_the_same_record(server: ModelServer) -> None:
    server.then(FIND, Reply(status=503), Reply(text=TRIAGE))
    async with asking(config(server, "openai")) as (scope, sink):
        await Letter.triage(scope, text="17?")
    assert [each.attempts for each in sink.records] == [1, 2]
    assert server.seen[1].body == server.seen[2].body


async def test_its_time_ends_a_question_that_is_under_way(server: ModelServer) -> None:
    server.default = Reply(never=True)
    async with asking(config(server, "compatible")) as (scope, sink):
        with pytest.raises(PromptedTimeout):
            await Letter.hurried(scope)
        assert [each.status for each in sink.records] == [CallStatus.CANCELLED]


async def test_the_embedded_model_calls_tools_and_answers_in_the_declared_form() -> None:
    """It is too small to be of use, but its grammar lets it say nothing else; no key, and no network."""
    async with asking("local:default") as (scope, sink):
        assert isinstance(await Letter.quick(scope, text="Where is my order 17?"), Triage)
    assert {each.status for each in sink.records} == {CallStatus.OK}
    assert len(sink.records) <= 3
