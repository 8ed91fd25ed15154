"""Streams: responses as server-sent events, in the distinct connections mode of the GraphQL-SSE protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from time import monotonic

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
        answers: AsyncGenerator[Told],
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
        gone = asyncio.create_task(_gone(receive, stop))
        try:
            # A client that is gone shows itself as an error of its connection, too.
            with suppress(OSError):
                out = _Out(send)
                await self._send(answers, out, stop, still)
                await out.write(_COMPLETE, more=False)
        finally:
            self.open.discard(stop)
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)

    async def _send(
        self,
        answers: AsyncGenerator[Told],
        out: _Out,
        stop: asyncio.Event,
        still: Callable[[], Awaitable[bool]],
    ) -> None:
        stopped = asyncio.create_task(stop.wait())
        ends = monotonic() + self.seconds
        asked = monotonic()
        async with aclosing(answers):
            coming = asyncio.create_task(anext(answers, None))
            try:
                while not stop.is_set():
                    left = min(asked + HEARTBEAT, ends) - monotonic()
                    await asyncio.wait(
                        {coming, stopped}, timeout=max(0.0, left), return_when=asyncio.FIRST_COMPLETED
                    )
                    if stop.is_set():
                        return
                    if coming.done():
                        told = coming.result()
                        if told is None:
                            return
                        await out.write(b"" if told is LISTENING else _next(told))
                        coming = asyncio.create_task(anext(answers, None))
                    if monotonic() >= ends:
                        return
                    if monotonic() - asked >= HEARTBEAT:
                        if not await still():
                            return
                        asked = monotonic()
                        await out.write(b":\n\n")
            finally:
                for task in (coming, stopped):
                    task.cancel()
                await asyncio.gather(coming, stopped, return_exceptions=True)


class _Out:
    """The reply to a client; its head goes out with the first that is written."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = False

    async def write(self, body: bytes, *, more: bool = True) -> None:
        """Write some bytes, or the head alone."""
        if not self._begun:
            self._begun = True
            await self._send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


def _next(told: Told) -> bytes:
    mark = b"" if told.position is None else b"id: %d\n" % told.position
    return b"event: next\n" + mark + b"data: " + told.body + b"\n\n"


async def _gone(receive: Receive, stop: asyncio.Event) -> None:
    """Wait until the client goes."""
    while (await receive())["type"] != "http.disconnect":
        pass
    stop.set()
