"""OpenAI's chat completions and embeddings, and every server that speaks the same protocol."""

# ruff: noqa: ASYNC109 - the contract passes time limits down

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from sorbus.errors.llm import ModelUnavailable, StreamCut
from sorbus.llm.messages import Message, ModelRequest, Tool, ToolCall
from sorbus.llm.providers.base import ANSWER, ANSWERING, Completion, Embedding, Piece
from sorbus.llm.providers.http import HttpTransport, decoded
from sorbus.llm.records import Usage
from sorbus.llm.schemas import strict

OPENAI_URL = "https://api.openai.com/v1"
_REASONING = re.compile(r"^(?:o\d|gpt-5)")


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def usage(self) -> Usage:
        return Usage(tokens_in=self.prompt_tokens, tokens_out=self.completion_tokens)


class _Function(msgspec.Struct):
    name: str = ""
    arguments: str | dict[str, Any] | None = ""

    @property
    def text(self) -> str:
        """The arguments as JSON; some servers send them as what they mean."""
        given = self.arguments
        return given if isinstance(given, str) else msgspec.json.encode(given or {}).decode()


class _Call(msgspec.Struct):
    id: str | None = None
    function: _Function = msgspec.field(default_factory=_Function)


class _Turn(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    message: _Turn = msgspec.field(default_factory=_Turn)
    delta: _Turn = msgspec.field(default_factory=_Turn)
    finish_reason: str | None = None


class _Answer(msgspec.Struct):
    choices: list[_Choice] = msgspec.field(default_factory=list[_Choice])
    usage: _Usage | None = None
    error: Any = None


class _Vector(msgspec.Struct):
    embedding: list[float]
    index: int = 0


class _Vectors(msgspec.Struct):
    data: list[_Vector]
    usage: _Usage = msgspec.field(default_factory=_Usage)


class OpenAiProvider:
    """Chat completions over HTTP.

    Args:
        transport: where to post.
        provider: the name recorded for calls: `openai`, or the base URL of a compatible server.
        hosted: True for OpenAI itself, whose dialect differs a little from the servers that imitate it.
    """

    small = False

    def __init__(self, transport: HttpTransport, *, provider: str = "openai", hosted: bool = True) -> None:
        self._transport = transport
        self._provider = provider
        self._hosted = hosted

    def canonical(self, model: str) -> str:
        """The name as given: the provider resolves its own aliases."""
        return model

    async def complete(self, request: ModelRequest, *, timeout: float) -> Completion:
        """One chat completion."""
        content = await self._transport.post(
            "/chat/completions", self._body(request), model=request.name, timeout=timeout
        )
        answer = decoded(content, _Answer, model=request.name)
        if not answer.choices:
            raise ModelUnavailable(request.name, reason="the answer holds no choice")
        choice = answer.choices[0]
        turn, calls, text = choice.message, choice.message.tool_calls or [], ""
        if request.tools:
            text = next((each.function.text for each in calls if each.function.name == ANSWER), "")
        return Completion(
            text=text or turn.content or turn.refusal or "",
            calls=tuple(
                ToolCall(each.id or "", each.function.name, each.function.text)
                for each in calls
                if each.function.name != ANSWER
            ),
            usage=answer.usage.usage() if answer.usage else Usage(),
            cut=choice.finish_reason == "length",
        )

    async def stream(self, request: ModelRequest, *, timeout: float) -> AsyncGenerator[Piece]:
        """The pieces of a chat completion as they arrive."""
        body = {**self._body(request), "stream": True, "stream_options": {"include_usage": True}}
        received, finished = 0, False
        async with aclosing(
            self._transport.events("/chat/completions", body, model=request.name, timeout=timeout)
        ) as events:
            async for event in events:
                if event.data == "[DONE]":
                    finished = True
                    break
                answer = decoded(event.data.encode(), _Answer, model=request.name)
                if answer.error is not None:
                    raise ModelUnavailable(request.name, reason=f"the stream says {answer.error}")
                text = "".join(choice.delta.content or "" for choice in answer.choices)
                finished = finished or any(choice.finish_reason for choice in answer.choices)
                received += len(text)
                if text or answer.usage:
                    yield Piece(text=text, usage=answer.usage.usage() if answer.usage else None)
        if not finished:
            raise StreamCut(request.name, received=received)

    async def embed(self, model: str, texts: Sequence[str], *, timeout: float) -> Embedding:
        """Vectors by the provider's embedding endpoint."""
        name = f"{self._provider}:{model}"
        content = await self._transport.post(
            "/embeddings", {"model": model, "input": list(texts)}, model=name, timeout=timeout
        )
        answer = decoded(content, _Vectors, model=name)
        rows = sorted(answer.data, key=lambda row: row.index)
        if len(rows) != len(texts):
            raise ModelUnavailable(name, reason=f"{len(rows)} vectors came back for {len(texts)} texts")
        return Embedding(vectors=[row.embedding for row in rows], usage=answer.usage.usage())

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    def _body(self, request: ModelRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": request.model,
            "messages": [_message(turn) for turn in request.messages],
        }
        if request.max_tokens is not None:
            body["max_completion_tokens" if self._hosted else "max_tokens"] = request.max_tokens
        if not (self._hosted and _REASONING.match(request.model)):  # those refuse any temperature
            body["temperature"] = request.temperature
        if request.schema is not None:
            tight = strict(request.schema) if self._hosted else request.schema
            schema, is_strict = tight or request.schema, tight is not None
            if request.tools:
                # Many servers know either a form of answers or tools, so that the answer is a tool here.
                answer = _tool(Tool(name=ANSWER, description=ANSWERING, schema=schema))
                if self._hosted:
                    answer["function"]["strict"] = is_strict
                body["tools"], body["tool_choice"] = [answer], "required"
            else:
                form = {"name": ANSWER, "strict": is_strict, "schema": schema}
                body["response_format"] = {"type": "json_schema", "json_schema": form}
        if request.tools:
            body["tools"] = [*map(_tool, request.tools), *body.get("tools", ())]
        return body


def _tool(tool: Tool) -> dict[str, Any]:
    about = {"name": tool.name, "description": tool.description, "parameters": tool.schema}
    return {"type": "function", "function": about}


def _message(turn: Message) -> dict[str, Any]:
    said: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if turn.calls:
        said["content"] = turn.content or None
        said["tool_calls"] = [
            {"id": each.id, "type": "function", "function": {"name": each.name, "arguments": each.arguments}}
            for each in turn.calls
        ]
    if turn.answers:
        said["tool_call_id"] = turn.answers
    return said
