"""Anthropic's messages."""

# ruff: noqa: ASYNC109, ARG002 - the contract passes time limits down

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from sorbus.errors.llm import CannotEmbed, ModelUnavailable, RateLimited, StreamCut
from sorbus.llm.messages import Message, ModelRequest, Schema, ToolCall
from sorbus.llm.providers.base import ANSWER, ANSWERING, Completion, Embedding, Piece
from sorbus.llm.providers.http import HttpTransport, decoded
from sorbus.llm.records import Usage

ANTHROPIC_URL = "https://api.anthropic.com"
ANTHROPIC_VERSION = "2023-06-01"
_DEFAULT_MAX_TOKENS = 2048  # the protocol demands a limit


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None

    @property
    def tokens_in(self) -> int:
        cached = (self.cache_read_input_tokens or 0) + (self.cache_creation_input_tokens or 0)
        return (self.input_tokens or 0) + cached


class _Block(msgspec.Struct):
    type: str = "text"
    text: str = ""
    id: str = ""
    name: str = ""
    input: Any = None

    @property
    def calls(self) -> bool:
        """Whether it wants a tool called that is not the answer."""
        return self.type == "tool_use" and self.name != ANSWER


class _Answer(msgspec.Struct):
    content: list[_Block]
    usage: _Usage = msgspec.field(default_factory=_Usage)
    stop_reason: str | None = None


class _Delta(msgspec.Struct):
    text: str = ""
    partial_json: str = ""


class _Start(msgspec.Struct):
    usage: _Usage = msgspec.field(default_factory=_Usage)


class _Fault(msgspec.Struct):
    type: str = "error"
    message: str = ""


class _Event(msgspec.Struct):
    type: str
    delta: _Delta = msgspec.field(default_factory=_Delta)
    message: _Start = msgspec.field(default_factory=_Start)
    usage: _Usage = msgspec.field(default_factory=_Usage)
    error: _Fault = msgspec.field(default_factory=_Fault)


class AnthropicProvider:
    """The messages endpoint over HTTP. A schema becomes the input of a tool that the model has to use."""

    small = False

    def __init__(self, transport: HttpTransport, *, provider: str = "anthropic") -> None:
        self._transport = transport
        self._provider = provider

    def canonical(self, model: str) -> str:
        """The name as given: the provider resolves its own aliases."""
        return model

    def longest_answer(self, request: ModelRequest) -> int:
        """What the protocol demands to be told, and what is said when the request does not."""
        return _DEFAULT_MAX_TOKENS

    async def complete(self, request: ModelRequest, *, timeout: float) -> Completion:
        """One message."""
        content = await self._transport.post(
            "/v1/messages", self._body(request), model=request.name, timeout=timeout
        )
        answer = decoded(content, _Answer, model=request.name)
        return Completion(
            text="".join(
                _text(block)
                for block in answer.content
                if not block.calls and (request.schema is None or block.input is not None)
            ),
            calls=tuple(
                ToolCall(block.id, block.name, msgspec.json.encode(block.input).decode())
                for block in answer.content
                if block.calls
            ),
            usage=Usage(tokens_in=answer.usage.tokens_in, tokens_out=answer.usage.output_tokens or 0),
            cut=answer.stop_reason == "max_tokens",
        )

    async def stream(self, request: ModelRequest, *, timeout: float) -> AsyncGenerator[Piece]:
        """The pieces of a message as they arrive."""
        body = {**self._body(request), "stream": True}
        received, finished, tokens_in = 0, False, 0
        async with aclosing(
            self._transport.events("/v1/messages", body, model=request.name, timeout=timeout)
        ) as events:
            async for raw in events:
                event = decoded(raw.data.encode(), _Event, model=request.name)
                match event.type:
                    case "message_start":
                        tokens_in = event.message.usage.tokens_in
                        yield Piece(usage=Usage(tokens_in=tokens_in))
                    case "content_block_delta":
                        text = event.delta.text or event.delta.partial_json
                        received += len(text)
                        yield Piece(text=text)
                    case "message_delta":
                        yield Piece(
                            usage=Usage(tokens_in=tokens_in, tokens_out=event.usage.output_tokens or 0)
                        )
                    case "message_stop":
                        finished = True
                        break
                    case "error":
                        raise _fault(event.error, request.name)
                    case _:
                        pass  # ping, block boundaries, and what later versions add
        if not finished:
            raise StreamCut(request.name, received=received)

    async def embed(self, model: str, texts: Sequence[str], *, timeout: float) -> Embedding:
        """Anthropic offers no embeddings."""
        raise CannotEmbed(f"{self._provider}:{model}")

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    def _body(self, request: ModelRequest) -> dict[str, Any]:
        system = "\n\n".join(turn.content for turn in request.messages if turn.role == "system")
        turns = [turn for turn in request.messages if turn.role != "system"]
        body: dict[str, Any] = {
            "model": request.model,
            "messages": _messages(turns),
            "max_tokens": request.max_tokens or _DEFAULT_MAX_TOKENS,
            "temperature": request.temperature,
        }
        if system:
            body["system"] = system
        tools = [_tool(each.name, each.description, each.schema) for each in request.tools]
        if request.schema is not None:
            answer = {"type": "any"} if tools else {"type": "tool", "name": ANSWER}
            tools.append(_tool(ANSWER, ANSWERING, request.schema))
            body["tool_choice"] = answer
        if tools:
            body["tools"] = tools
        return body


def _tool(name: str, description: str, schema: Schema) -> dict[str, Any]:
    return {"name": name, "description": description, "input_schema": schema}


def _messages(turns: Sequence[Message]) -> list[dict[str, Any]]:
    """The turns as the protocol has them: the results of one turn's calls stand in one message."""
    found: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for turn in turns:
        if turn.role == "tool":
            if not results:
                found.append({"role": "user", "content": results})
            results.append({"type": "tool_result", "tool_use_id": turn.answers, "content": turn.content})
            continue
        results = []
        found.append({"role": turn.role, "content": _blocks(turn) if turn.calls else turn.content})
    return found


def _blocks(turn: Message) -> list[dict[str, Any]]:
    said = [{"type": "text", "text": turn.content}] if turn.content else []
    calls = [
        {"type": "tool_use", "id": each.id, "name": each.name, "input": msgspec.json.decode(each.arguments)}
        for each in turn.calls
    ]
    return [*said, *calls]


def _text(block: _Block) -> str:
    return block.text if block.input is None else msgspec.json.encode(block.input).decode()


def _fault(fault: _Fault, model: str) -> Exception:
    if fault.type == "rate_limit_error":
        return RateLimited(model)
    return ModelUnavailable(model, reason=f"{fault.type}: {fault.message}")
