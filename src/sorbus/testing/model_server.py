"""A model server on loopback that speaks OpenAI's and Anthropic's protocols and fails on demand."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from sorbus.llm.messages import Schema
from sorbus.testing.scripted import pieces, smallest_json

type Body = dict[str, Any]
type Answerer = Callable[[Body], str]
"""Makes the answer's text from a request's body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the server does with one request.

    Attributes:
        text: the answer, or None for the server's default answerer.
        calls: tools that it wants called instead, each by name and with its arguments.
        status: an HTTP status other than 200 answers with an error body.
        retry_after: a Retry-After header, in seconds or as an HTTP date.
        delay: seconds before the first byte.
        never: True never answers.
        raw: this body instead of a well-formed one.
        cut_after: a stream breaks off after that many pieces.
        piece_delay: seconds between the pieces of a stream.
        tokens_in, tokens_out: the usage it reports.
    """

    text: str | None = None
    calls: Sequence[tuple[str, Any]] = ()
    status: int = 200
    retry_after: str | None = None
    delay: float = 0.0
    never: bool = False
    raw: str | None = None
    cut_after: int | None = None
    piece_delay: float = 0.0
    tokens_in: int = 10
    tokens_out: int = 5


@dataclass(slots=True)
class Seen:
    """A request that arrived.

    Attributes:
        path, headers, body: as sent.
        finished: True once it was answered to the end.
        disconnected: True when the client closed the connection before that.
    """

    path: str
    headers: Mapping[str, str]
    body: Body
    finished: bool = False
    disconnected: bool = False


@dataclass(slots=True)
class ModelServer:
    """Serves `/v1/chat/completions`, `/v1/embeddings` and `/v1/messages` on a free loopback port.

    Replies queued with `then` are used one by one; after them every request gets `default`. Use it as an
    async context manager.

    Attributes:
        default: the reply when none is queued.
        answer: makes the text of replies without one; by default the smallest value that fits the schema, or
            `ok`.
        seen: the requests, in order.
    """

    default: Reply = field(default_factory=Reply)
    answer: Answerer = field(default_factory=lambda: answer_for)
    seen: list[Seen] = field(default_factory=list[Seen])
    _queued: deque[Reply] = field(default_factory=deque[Reply])
    _runner: web.AppRunner | None = None
    _port: int = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/embeddings", self._embeddings)
        app.router.add_post("/v1/messages", self._messages)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The server's address without a path (for `anthropic`)."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def model(self) -> str:
        """The name of its model for a `ModelClient`."""
        return f"{self.url}/v1#test"

    def then(self, *replies: Reply) -> Self:
        """Queue replies for the next requests."""
        self._queued.extend(replies)
        return self

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, whole=_chat_body, events=_chat_events)

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, whole=_message_body, events=_message_events)

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        def vectors(_: str, reply: Reply, body: Body) -> Body:
            rows = [
                {"index": at, "embedding": [1.0, float(len(text))]} for at, text in enumerate(body["input"])
            ]
            return {"data": rows, "usage": {"prompt_tokens": reply.tokens_in}}

        return await self._serve(request, whole=vectors, events=_chat_events)

    async def _serve(self, request: web.Request, *, whole: _Whole, events: _Events) -> web.StreamResponse:
        body: Body = await request.json()
        seen = Seen(path=request.path, headers=dict(request.headers), body=body)
        self.seen.append(seen)
        reply = self._queued.popleft() if self._queued else self.default
        try:
            await asyncio.sleep(3600 if reply.never else reply.delay)
            text = self.answer(body) if reply.text is None else reply.text
            response = await self._respond(request, body, reply, text, whole=whole, events=events)
        except (asyncio.CancelledError, ConnectionError):
            seen.disconnected = True
            raise
        seen.finished = True
        return response

    async def _respond(
        self, request: web.Request, body: Body, reply: Reply, text: str, *, whole: _Whole, events: _Events
    ) -> web.StreamResponse:
        if reply.status != 200:
            headers = {"Retry-After": reply.retry_after} if reply.retry_after else {}
            error = {"error": {"type": "test", "message": f"told to answer {reply.status}"}}
            return web.json_response(error, status=reply.status, headers=headers)
        if reply.raw is not None:
            return web.Response(text=reply.raw, content_type="application/json")
        if not body.get("stream"):
            return web.json_response(whole(text, reply, body))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for number, event in enumerate(events(text, reply)):
            if number == reply.cut_after:
                if request.transport is not None:
                    request.transport.abort()
                return response
            await response.write(event.encode())
            await asyncio.sleep(reply.piece_delay)
        await response.write_eof()
        return response


type _Whole = Callable[[str, Reply, Body], Body]
type _Events = Callable[[str, Reply], list[str]]


def answer_for(body: Body) -> str:
    """The default answer to a request: the smallest value that fits its schema, or `ok`."""
    schema: Schema | None = None
    if "response_format" in body:
        schema = body["response_format"]["json_schema"]["schema"]
    elif "tools" in body:
        tools = [each.get("function", each) for each in body["tools"]]
        last = tools[-1]  # the answer comes after what may be called before it
        schema = last["input_schema"] if "input_schema" in last else last["parameters"]
    return smallest_json(schema) if schema else "ok"


def _chat_body(text: str, reply: Reply, body: Body) -> Body:
    message: Body = {"role": "assistant", "content": text}
    if calls := reply.calls or ([("answer", text)] if body.get("tools") else []):
        message = {"role": "assistant", "content": None, "tool_calls": [_chat_call(*each) for each in calls]}
    return {
        "id": "test",
        "object": "chat.completion",
        "model": body.get("model"),
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": reply.tokens_in, "completion_tokens": reply.tokens_out},
    }


def _chat_call(name: str, given: Any) -> Body:
    arguments = given if isinstance(given, str) else json.dumps(given)
    return {"id": f"id-{name}", "type": "function", "function": {"name": name, "arguments": arguments}}


def _chat_events(text: str, reply: Reply) -> list[str]:
    chunks: list[Body] = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces(text)]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = {"prompt_tokens": reply.tokens_in, "completion_tokens": reply.tokens_out}
    chunks.append({"choices": [], "usage": usage})
    return [*(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks), "data: [DONE]\n\n"]


def _message_body(text: str, reply: Reply, body: Body) -> Body:
    blocks: list[Body] = [{"type": "text", "text": text}]
    if calls := reply.calls or ([("answer", text)] if body.get("tools") else []):
        blocks = [
            {"type": "tool_use", "id": f"id-{name}", "name": name, "input": _value(given)}
            for name, given in calls
        ]
    return {
        "id": "test",
        "type": "message",
        "role": "assistant",
        "content": blocks,
        "stop_reason": "end_turn",
        "usage": {"input_tokens": reply.tokens_in, "output_tokens": reply.tokens_out},
    }


def _value(given: Any) -> Any:
    try:
        return json.loads(given) if isinstance(given, str) else given
    except ValueError:
        return given


def _message_events(text: str, reply: Reply) -> list[str]:
    events: list[Body] = [
        {
            "type": "message_start",
            "message": {"usage": {"input_tokens": reply.tokens_in, "output_tokens": 1}},
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": each}}
            for each in pieces(text)
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": reply.tokens_out},
        },
        {"type": "message_stop"},
    ]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]
