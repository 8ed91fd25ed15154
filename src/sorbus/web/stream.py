"""A stream of server-sent events over one watch, for one reader."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic

from starlette.types import Receive, Scope, Send

from sorbus.web.live import Watch
from sorbus.web.security import HEADERS

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that nothing in between takes the connection for dead."""

_HEADERS = [
    *((name.encode(), value.encode()) for name, value in HEADERS.items()),
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),
]


class LiveStream:
    """The answer to a reader: all of the page's regions at first, then what changes.

    It ends when the watch does, when the client goes, and when the caller is not who it was any more.

    Args:
        still: whether the caller is still who it was; asked at every heartbeat.
    """

    def __init__(self, watch: Watch, *, still: Callable[[], Awaitable[bool]]) -> None:
        self.watch = watch
        self.still = still

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        del scope
        woken = self.watch.join()
        gone = asyncio.create_task(_gone(receive))
        sending = asyncio.create_task(self._send(woken, send))
        try:
            await asyncio.wait({gone, sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.watch.leave(woken)
            for task in (gone, sending):
                task.cancel()
            results = await asyncio.gather(gone, sending, return_exceptions=True)
        for result in results:
            # A client that is gone shows itself as an error of its connection, too.
            if isinstance(result, Exception) and not isinstance(result, OSError):
                raise result

    async def _send(self, woken: asyncio.Event, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        seen, asked = 0, monotonic()
        while not self.watch.ended:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, asked + HEARTBEAT - monotonic())):
                    await woken.wait()
            woken.clear()
            body = b""
            if self.watch.board.version > seen:
                body, seen = self.watch.board.patch(seen), self.watch.board.version
            if monotonic() - asked >= HEARTBEAT:
                if not await self.still():
                    break
                asked, body = monotonic(), body or b": here\n\n"
            if body:
                await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    """Wait until the client goes."""
    while (await receive())["type"] != "http.disconnect":
        pass
