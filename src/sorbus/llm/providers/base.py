"""The contract of a provider: one request in, one answer or one stream out; no retries, prices or records."""

# ruff: noqa: ASYNC109 - the contract passes time limits down

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from sorbus.llm.messages import ModelRequest, ToolCall
from sorbus.llm.records import Usage

ANSWER = "answer"
"""The tool by which a model answers in a declared form where its protocol has no other way; no tool is named so."""

ANSWERING = "Give the answer in exactly this form."


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A provider's whole answer.

    Attributes:
        text: the answer; JSON when the request had a schema.
        calls: what the model wants called before it answers; `text` is then no answer yet.
        usage: its tokens.
        cut: True when the answer reached `max_tokens`.
        seconds: the time the provider worked, when it knows better than a clock around the call.
    """

    text: str
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(default_factory=Usage)
    cut: bool = False
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece of a stream: text, or the usage (or both). The stream's end means a complete answer."""

    text: str = ""
    usage: Usage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """Vectors for texts, one row for each, of unit length where the provider makes them so."""

    vectors: list[list[float]]
    usage: Usage = field(default_factory=Usage)
    seconds: float | None = None


class Provider(Protocol):
    """Asks one kind of service. Implementations map every failure to a leaf of `sorbus.errors.llm`."""

    @property
    def small(self) -> bool:
        """True for models of a few billion parameters and less, whose answers need proposals and checks."""
        ...

    def canonical(self, model: str) -> str:
        """The name under which the model is recorded: what an alias such as `default` stands for now."""
        ...

    async def complete(self, request: ModelRequest, *, timeout: float) -> Completion:
        """Called for every attempt. Cancelling the call ends the request at the provider."""
        ...

    def stream(self, request: ModelRequest, *, timeout: float) -> AsyncGenerator[Piece]:
        """Called for a streamed attempt; `timeout` is the longest silence between two pieces, in seconds."""
        ...

    async def embed(self, model: str, texts: Sequence[str], *, timeout: float) -> Embedding:
        """Called by `ModelClient.embed`. Raises `CannotEmbed` when the provider has no embeddings."""
        ...

    async def close(self) -> None:
        """Called once; gives back connections, threads and memory."""
        ...


@runtime_checkable
class BoundsAnswers(Protocol):
    """A provider that itself bounds the length of an answer to a request that does not."""

    def longest_answer(self, request: ModelRequest) -> int:
        """The most tokens with which it answers a request without `max_tokens`."""
        ...
