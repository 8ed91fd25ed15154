"""MCP over standard input and output: a line for each message."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, BinaryIO

from sorbus.apis.mcp.application import BODY_LIMIT
from sorbus.apis.mcp.protocol import (
    INVALID_REQUEST,
    Id,
    Message,
    Request,
    RpcError,
    decoded,
    id_of,
    request_of,
)
from sorbus.apis.mcp.server import McpServer
from sorbus.scope import Scope
from sorbus.types.showing import to_json

MOST_AT_ONCE = 32
"""Requests of one client that are worked on at once; the others wait, and can be taken back meanwhile."""

_CANCELLED = "notifications/cancelled"


async def serve_stdio(server: McpServer, scope: Callable[[], Scope]) -> None:
    """Answer the client at the other end of standard input and output, until it closes its end.

    While this runs, whatever else the process prints goes to standard error.

    Args:
        scope: makes the scope of each request: of the one person whose process this is.
    """
    with _streams() as (lines, out):
        await Line(server, scope, out).serve(lines)


class Line:
    """The conversation with one client.

    Args:
        out: where the answers go.
    """

    def __init__(self, server: McpServer, scope: Callable[[], Scope], out: BinaryIO) -> None:
        self.server = server
        self.scope = scope
        self.out = out
        self.running: dict[Id, asyncio.Task[None]] = {}
        self.room = asyncio.Semaphore(MOST_AT_ONCE)

    async def serve(self, lines: BinaryIO) -> None:
        """Read lines to their end; what was asked until then is still answered."""
        arrived: asyncio.Queue[bytes] = asyncio.Queue(maxsize=MOST_AT_ONCE)
        loop = asyncio.get_running_loop()
        # A thread that may be left behind: nothing wakes one that waits for a line.
        threading.Thread(target=_read, args=(lines, arrived, loop), daemon=True).start()
        while line := await arrived.get():
            self._take(line)
        await asyncio.gather(*self.running.values(), return_exceptions=True)

    def _take(self, line: bytes) -> None:
        if not line.strip():
            return
        message = None
        try:
            message = _decoded(line)
            request = request_of(message)
        except RpcError as error:
            self._write(error.response(id_of(message)))
            return
        if request is None:
            return
        if request.notification:
            self._heed(request)
            return
        if request.id in self.running:
            taken = "Invalid request: another request with this id is being answered."
            self._write(RpcError(INVALID_REQUEST, taken).response(request.id))
            return
        task = self.running[request.id] = asyncio.create_task(self._answer(request))
        # Not at the end of the task itself, which one that is taken back at once never reaches.
        task.add_done_callback(lambda _: self.running.pop(request.id))

    def _heed(self, request: Request) -> None:
        """A client may take back a request; it then gets no answer."""
        if request.method == _CANCELLED:
            number = request.params.get("requestId")
            found = self.running.get(number) if isinstance(number, (str, int)) else None
            if found is not None:
                found.cancel()

    async def _answer(self, request: Request) -> None:
        async with self.room:
            self._write(await self.server.answer(request, self.scope()))

    def _write(self, message: Message) -> None:
        self.out.write(to_json(message) + b"\n")
        self.out.flush()


def _decoded(line: bytes) -> Any:
    if len(line) > BODY_LIMIT:
        raise RpcError(INVALID_REQUEST, f"Invalid request: a message has at most {BODY_LIMIT} bytes.")
    return decoded(line)


def _read(lines: BinaryIO, arrived: asyncio.Queue[bytes], loop: asyncio.AbstractEventLoop) -> None:
    """Hand on line by line, never more than are taken; an empty one is the end."""
    line = b"\n"
    while line:
        try:
            line = lines.readline(BODY_LIMIT + 1)
            while len(line) > BODY_LIMIT and not line.endswith(b"\n"):
                # Too long; the rest of the line is passed over.
                rest = lines.readline(BODY_LIMIT)
                if not rest or rest.endswith(b"\n"):
                    break
        except (OSError, ValueError):
            line = b""
        try:
            asyncio.run_coroutine_threadsafe(arrived.put(line), loop).result()
        except (RuntimeError, asyncio.CancelledError):
            return  # the loop has ended


@contextmanager
def _streams() -> Generator[tuple[BinaryIO, BinaryIO]]:
    """Standard input and output for messages alone: what else is printed goes to standard error."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(kept), "wb") as out:
            yield sys.stdin.buffer, out
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
