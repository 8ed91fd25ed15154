"""Streams: responses as server-sent events, in the distinct connections mode of the GraphQL-SSE protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from time import monotonic
from typing import Any

from starlette.types import Receive, Send

from sorbus.apis.graphql.sharing import LISTENING, Told
from sorbus.http.closing import Closing

HEARTBEAT = 12.0
"""Seconds of silence after which a comment is sent, so that nothing in between takes the connection for dead."""

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]
_COMPLETE = b"event: complete\ndata:\n\n"


class Streams:
    """The open streams of this process.

    Args:
        seconds: how long one lives; a client opens another one then, and is asked anew who it is.
    """

    def __init__(self, closing: Closing, *, seconds: float) -> None:
        self.seconds = seconds
        self.open: set[asyncio.Event] = set()
        closing.tell(self.end)

    def end(self) -> None:
        """End every stream."""
        for each in tuple(self.open):
            each.set()

    async def serve(
        self,
        answers: AsyncGenerator[Sequence[Told]],
        receive: Receive,
        send: Send,
        *,
        still: Callable[[], Awaitable[bool]],
    ) -> None:
        """Send responses until there are no more, the client goes, or the caller is not who it was any more.

        The head of the reply goes out when the server listens: a client that has it misses nothing.

        Args:
            still: whether the caller is still who it was; asked at every heartbeat.
        """
        stop = asyncio.Event()
        self.open.add(stop)
        out = _Out(send)
        gone = asyncio.create_task(_gone(receive, stop))
        writing = asyncio.create_task(_write(answers, out))
        stopped = asyncio.create_task(stop.wait())
        try:
            await self._watch(writing, stopped, out, still)
        finally:
            self.open.discard(stop)
            for task in (gone, writing, stopped):
                task.cancel()
            await asyncio.gather(gone, writing, stopped, return_exceptions=True)
        # A client that is gone shows itself as an error of its connection, too.
        with suppress(OSError):
            await out.end()

    async def _watch(
        self,
        writing: asyncio.Task[None],
        stopped: asyncio.Task[Any],
        out: _Out,
        still: Callable[[], Awaitable[bool]],
    ) -> None:
        """Let it write until there is an end to it."""
        ends = monotonic() + self.seconds
        asked = monotonic()
        while True:
            left = min(asked + HEARTBEAT, ends) - monotonic()
            await asyncio.wait(
                {writing, stopped}, timeout=max(0.0, left), return_when=asyncio.FIRST_COMPLETED
            )
            if writing.done():
                writing.result()
                return
            if stopped.done() or monotonic() >= ends:
                return
            if monotonic() - asked >= HEARTBEAT:
                if not await still():
                    return
                asked = monotonic()
                with suppress(OSError):
                    await out.beat()


async def _write(answers: AsyncGenerator[Sequence[Told]], out: _Out) -> None:
    """Write responses, as many at once as have come."""
    async with aclosing(answers):
        async for batch in answers:
            try:
                await out.write(b"".join([_event(each) for each in batch]))
            except OSError:
                return


class _Out:
    """The reply to a client; its head goes out with the first that is written."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = False
        self._turn = asyncio.Lock()
        self._whole = True

    async def write(self, body: bytes, *, more: bool = True) -> None:
        """Write some bytes, or the head alone."""
        async with self._turn:
            self._whole = False
            if not self._begun:
                self._begun = True
                await self._send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await self._send({"type": "http.response.body", "body": body, "more_body": more})
            self._whole = True

    async def beat(self) -> None:
        """Say that it is alive, unless there is something on its way anyhow."""
        if not self._turn.locked():
            await self.write(b":\n\n")

    async def end(self) -> None:
        """Say that there is no more, unless the client has not even taken what came before."""
        if self._whole:
            await self.write(_COMPLETE, more=False)


def _event(told: Told) -> bytes:
    """A response as an event; made once for everybody."""
    if told is LISTENING:
        return b""
    if not told.event:
        mark = b"" if told.position is None else b"id: %d\n" % told.position
        told.event = b"event: next\n" + mark + b"data: " + told.body + b"\n\n"
    return told.event


async def _gone(receive: Receive, stop: asyncio.Event) -> None:
    """Wait until the client goes."""
    while (await receive())["type"] != "http.disconnect":
        pass
    stop.set()
