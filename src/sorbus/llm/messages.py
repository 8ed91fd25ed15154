"""What is said to a model: messages, requests and the hash that names a request."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

import msgspec

type Role = Literal["system", "user", "assistant", "tool"]
type Json = Any
type Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What a model wants called.

    Attributes:
        id: by which its result is known to be its own.
        arguments: JSON as the model wrote it, which need not be any.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    Attributes:
        calls: what an assistant wants called.
        answers: of a `tool`'s message, the id of the call whose result it is.
    """

    role: Role
    content: str
    calls: tuple[ToolCall, ...] = ()
    answers: str = ""

    @property
    def text(self) -> str:
        """Everything in it that a model reads."""
        return self.content if not self.calls else turn_text(self.calls, self.content)


def turn_text(calls: Sequence[ToolCall], text: str = "") -> str:
    """What a model said in a turn with tools, as JSON: its calls, or else the text of its answer."""
    if not calls:
        return msgspec.json.encode({"answer": text}).decode()
    said = {"text": text} if text else {}
    return msgspec.json.encode({"calls": calls, **said}).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """What a model may call.

    Attributes:
        name: letters, digits and `_`, at most 64.
        schema: the JSON Schema of its arguments, an object.
    """

    name: str
    description: str
    schema: Schema


type Prompt = str | Sequence[Message]


class CallKind(StrEnum):
    """What was asked of the model."""

    TEXT = "text"
    OBJECT = "object"
    STREAM = "stream"
    EMBED = "embed"
    CLASSIFY = "classify"


def conversation(prompt: Prompt, *, system: str | None = None) -> tuple[Message, ...]:
    """The prompt as messages, with the system text first when one is given."""
    turns = (Message("user", prompt),) if isinstance(prompt, str) else tuple(prompt)
    return (Message("system", system), *turns) if system else turns


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """One question to one model, complete enough to be asked again.

    Attributes:
        provider: the provider's scheme, such as `openai` or `local`.
        model: the model's name at that provider.
        messages: the conversation.
        schema: the JSON Schema that the answer must follow, or None for free text.
        tools: what it may call instead of answering.
        max_tokens: the longest answer, or None for the provider's own limit.
        temperature: 0 for the most likely answer.
        kind: what is asked.
    """

    provider: str
    model: str
    messages: tuple[Message, ...]
    schema: Schema | None = None
    tools: tuple[Tool, ...] = ()
    max_tokens: int | None = None
    temperature: float = 0.0
    kind: CallKind = CallKind.TEXT

    @property
    def name(self) -> str:
        """The model as it is written in messages: `provider:model`."""
        return f"{self.provider}:{self.model}"

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hex) of everything that decides the answer; a streamed request equals an unstreamed
        one.
        """
        tools = {"tools": [[each.name, each.description, each.schema] for each in self.tools]}
        return digest(
            {
                "provider": self.provider,
                "model": self.model,
                "messages": [_decisive(turn) for turn in self.messages],
                "schema": self.schema,
                "parameters": {"max_tokens": self.max_tokens, "temperature": self.temperature},
                **(tools if self.tools else {}),
            }
        )


def _decisive(turn: Message) -> list[Json]:
    """What of a message decides the answer."""
    about_tools = [turn.calls, turn.answers] if turn.calls or turn.answers else []
    return [turn.role, turn.content, *about_tools]


def digest(value: Mapping[str, Json]) -> str:
    """SHA-256 (hex) of a value's canonical JSON: sorted keys, no spaces, UTF-8."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()
