"""What is said to a model: messages, requests and the hash that names a request."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

import msgspec

type Role = Literal["system", "user", "assistant"]
type Json = Any
type Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


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
        max_tokens: the longest answer, or None for the provider's own limit.
        temperature: 0 for the most likely answer.
        kind: what is asked.
    """

    provider: str
    model: str
    messages: tuple[Message, ...]
    schema: Schema | None = None
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
        return digest(
            {
                "provider": self.provider,
                "model": self.model,
                "messages": [[turn.role, turn.content] for turn in self.messages],
                "schema": self.schema,
                "parameters": {"max_tokens": self.max_tokens, "temperature": self.temperature},
            }
        )


def digest(value: Mapping[str, Json]) -> str:
    """SHA-256 (hex) of a value's canonical JSON: sorted keys, no spaces, UTF-8."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()
