"""A model that answers by script: no network, no latency."""

# ruff: noqa: ASYNC109, ARG002 - the contract passes time limits down; a line for each schema

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sorbus.llm.messages import ModelRequest, Schema, ToolCall
from sorbus.llm.providers.base import Completion, Embedding, Piece
from sorbus.llm.records import Usage


class ScriptedProvider:
    """A provider without a network and without latency, for benches and for tests of what stands above a
    model.

    Give it to a client: `ModelClient("scripted:any", providers={"scripted": ScriptedProvider()})`.

    Args:
        answer: makes the text of an answer, or with `calling` a turn that wants tools called; by default the smallest
            value that fits the schema, or `ok`.
        delay: seconds for each call.
    """

    small = False

    def __init__(
        self, answer: Callable[[ModelRequest], str | Completion] | None = None, *, delay: float = 0.0
    ) -> None:
        self._answer = answer or _smallest_answer
        self._delay = delay
        self.requests: list[ModelRequest] = []

    def canonical(self, model: str) -> str:
        """The name as given."""
        return model

    async def complete(self, request: ModelRequest, *, timeout: float) -> Completion:
        """The scripted answer."""
        self.requests.append(request)
        if self._delay:
            async with asyncio.timeout(timeout):
                await asyncio.sleep(self._delay)
        said = self._answer(request)
        usage = Usage(tokens_in=10, tokens_out=5)
        return (
            replace(said, usage=usage) if isinstance(said, Completion) else Completion(text=said, usage=usage)
        )

    async def stream(self, request: ModelRequest, *, timeout: float) -> AsyncGenerator[Piece]:
        """The scripted answer, word by word."""
        completion = await self.complete(request, timeout=timeout)
        for piece in pieces(completion.text):
            yield Piece(text=piece)
        yield Piece(usage=completion.usage)

    async def embed(self, model: str, texts: Sequence[str], *, timeout: float) -> Embedding:
        """Two numbers for each text: one, and its length."""
        return Embedding(
            vectors=[[1.0, float(len(text))] for text in texts], usage=Usage(tokens_in=len(texts))
        )

    async def close(self) -> None:
        """Nothing to give back."""


def calling(*calls: tuple[str, Mapping[str, Any]]) -> Completion:
    """A turn in which a scripted model wants tools called: `calling(("order_find", {"text": "loom"}))`."""
    return Completion(text="", calls=tuple(ToolCall("", name, json.dumps(given)) for name, given in calls))


def _smallest_answer(request: ModelRequest) -> str:
    return smallest_json(request.schema) if request.schema else "ok"


def smallest_json(schema: Schema) -> str:
    """The smallest value that fits a JSON Schema, as JSON."""
    return json.dumps(_smallest(schema, schema.get("$defs", {})))


def _smallest(node: Schema, definitions: dict[str, Schema]) -> Any:
    if "$ref" in node:
        return _smallest(definitions[str(node["$ref"]).rpartition("/")[2]], definitions)
    if "const" in node:
        return node["const"]
    if "enum" in node:
        return node["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in node:
            return _smallest(node[key][0], definitions)
    match node.get("type"):
        case "object":
            required = node.get("required", [])
            return {name: _smallest(node["properties"][name], definitions) for name in required}
        case "array":
            return [_smallest(node.get("items", {}), definitions)] * int(node.get("minItems", 0))
        case "string":
            return "x" * int(node.get("minLength", 0))
        case "integer" | "number":
            return node.get("minimum", 0)
        case "boolean":
            return False
        case _:
            return None


def pieces(text: str) -> list[str]:
    """A text as a model streams it: word by word, joined again it is the text."""
    words = text.split(" ")
    return [word if at == len(words) - 1 else f"{word} " for at, word in enumerate(words)]
