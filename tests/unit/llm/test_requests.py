from __future__ import annotations

from dataclasses import replace

import pytest

from sorbus.llm.config import ModelConfig, ModelRef
from sorbus.llm.messages import CallKind, Message, ModelRequest, conversation

REQUEST = ModelRequest(provider="local", model="smollm2", messages=(Message("user", "hello"),))


def test_a_text_becomes_one_user_message_after_the_system_text() -> None:
    assert conversation("hi", system="be brief") == (Message("system", "be brief"), Message("user", "hi"))
    assert conversation([Message("user", "hi")]) == (Message("user", "hi"),)


def test_equal_requests_have_equal_hashes() -> None:
    assert REQUEST.hash == replace(REQUEST).hash
    assert len(REQUEST.hash) == 64


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
