from __future__ import annotations

from dataclasses import replace

import pytest

from sorbus.llm.config import ModelConfig, ModelRef
from sorbus.llm.messages import CallKind, Message, ModelRequest, Tool, ToolCall, conversation

REQUEST = ModelRequest(provider="local", model="smollm2", messages=(Message("user", "hello"),))

TOOL = Tool(name="t", description="d", schema={"type": "object"})


def test_a_text_becomes_one_user_message_after_the_system_text() -> None:
    assert conversation("hi", system="be brief") == (Message("system", "be brief"), Message("user", "hi"))
    assert conversation([Message("user", "hi")]) == (Message("user", "hi"),)


def test_equal_requests_have_equal_hashes() -> None:
    assert REQUEST.hash == replace(REQUEST).hash
    assert len(REQUEST.hash) == 64


def test_a_request_without_tools_has_the_hash_that_it_had_before_there_were_any() -> None:
    """Records of earlier versions are found again."""
    assert REQUEST.hash == "88052fe912a68c43a3ecdb244efec4a06b8a3bbe1c79257d6c4fc2fca2d81ea6"


@pytest.mark.parametrize(
    "changed", [replace(TOOL, name="u"), replace(TOOL, description="e"), replace(TOOL, schema={})]
)
def test_whatever_a_tool_is_changes_the_hash(changed: Tool) -> None:
    with_tool = replace(REQUEST, tools=(TOOL,))
    assert replace(REQUEST, tools=(changed,)).hash != with_tool.hash


def test_streaming_does_not_change_the_hash() -> None:
    assert replace(REQUEST, kind=CallKind.STREAM).hash == REQUEST.hash


@pytest.mark.parametrize(
    "change",
    [
        {"provider": "openai"},
        {"model": "other"},
        {"messages": (Message("system", "hello"),)},
        {"messages": (Message("user", "hello!"),)},
        {"schema": {"type": "object"}},
        {"max_tokens": 5},
        {"temperature": 0.5},
        {"tools": (TOOL,)},
        {"messages": (Message("user", "hello", calls=(ToolCall("1", "t", "{}"),)),)},
        {"messages": (Message("user", "hello", answers="1"),)},
    ],
)
def test_whatever_decides_the_answer_changes_the_hash(change: dict[str, object]) -> None:
    assert replace(REQUEST, **change).hash != REQUEST.hash  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "provider", "model", "url"),
    [
        ("openai:gpt-4o-mini", "openai", "gpt-4o-mini", None),
        ("anthropic:claude-haiku-4-5", "anthropic", "claude-haiku-4-5", None),
        ("local:default", "local", "default", None),
        ("local:/models/a.gguf", "local", "/models/a.gguf", None),
        ("http://127.0.0.1:8080/v1#qwen", "http://127.0.0.1:8080/v1", "qwen", "http://127.0.0.1:8080/v1"),
        ("openai-compatible:http://h/v1#m:1", "http://h/v1", "m:1", "http://h/v1"),
        ("https://h/v1/", "https://h/v1", "default", "https://h/v1"),
    ],
)
def test_names_are_taken_apart(name: str, provider: str, model: str, url: str | None) -> None:
    ref = ModelRef.parse(name)
    assert (ref.provider, ref.model, ref.url) == (provider, model, url)


def test_the_default_model_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SORBUS_MODEL", "openai:gpt-4o-mini")
    assert ModelConfig.of("local:default").model == "openai:gpt-4o-mini"
    assert ModelConfig.of("local:smollm2").model == "local:smollm2"
    monkeypatch.delenv("SORBUS_MODEL")
    assert ModelConfig.of(ModelConfig()).model == "local:default"
