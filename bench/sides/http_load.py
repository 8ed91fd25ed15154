"""The clients of the suite `http`: connections that are kept open, each with one request on its way."""

from __future__ import annotations

import asyncio
import time
from itertools import cycle
from typing import Any

from serving import Command, serve

LARGEST = 1 << 20
"""Bytes of an answer."""


class Connection(asyncio.BufferedProtocol):
    """Sends the next request when an answer is complete; looks at the head of an answer, and at nothing twice."""

    def __init__(self, load: LoadSide) -> None:
        self.load = load
        self.room = memoryview(bytearray(LARGEST))
        self.got = self.whole = 0
        self.started = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        """The next request."""
        self.started = time.perf_counter()
        self.transport.write(next(self.load.requests))

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        return self.room[self.got :]

    def buffer_updated(self, nbytes: int) -> None:
        self.got += nbytes
        if not self.whole:
            self.whole = self._size()
        if not self.whole or self.got < self.whole:
            return
        self.got = self.whole = 0
        self.load.times.append(time.perf_counter() - self.started)
        if time.perf_counter() < self.load.end:
            self.send()
        else:
            self.transport.close()

    def _size(self) -> int:
        """The size of the answer; 0 while its head is not complete."""
        start = bytes(self.room[: min(self.got, 2048)])
        head = start.find(b"\r\n\r\n")
        if head < 0:
            return 0
        if int(start[9:12]) >= 300:
            raise SystemExit(start)
        lines = start[:head].lower()
        place = lines.index(b"content-length:")
        return head + 4 + int(lines[place + 15 :].split(b"\r\n", 1)[0])

    def connection_lost(self, exc: Exception | None) -> None:
        self.load.open -= 1
        if not self.load.open:
            self.load.done.set()


class LoadSide:
    """Sends requests to any side."""

    async def open(self, url: str) -> None:
        """Nothing is to be opened."""

    async def close(self) -> None:
        """Nothing is to be closed."""

    def commands(self) -> dict[str, Command]:
        """`load` and `ask`."""
        return {"load": self.send, "ask": self.ask}

    async def ask(self, *, port: int, request: str) -> dict[str, Any]:
        """One request, and its answer's body."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request.replace("\r\nhost:", "\r\nconnection: close\r\nhost:", 1).encode())
        answer = await reader.read()
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return {"status": int(head[9:12]), "body": body.decode()}

    async def send(
        self, *, port: int, requests: list[str], seconds: float, connections: int
    ) -> dict[str, Any]:
        """Requests per second, and how long they take (milliseconds)."""
        self.requests = cycle([each.encode() for each in requests])
        self.times: list[float] = []
        self.open, self.done = connections, asyncio.Event()
        loop = asyncio.get_running_loop()
        started = time.perf_counter()
        self.end = started + seconds
        for _ in range(connections):
            await loop.create_connection(lambda: Connection(self), "127.0.0.1", port)
        await self.done.wait()
        spent, times = time.perf_counter() - started, sorted(self.times)
        return {
            "rate": len(times) / spent,
            "count": len(times),
            "p50": times[len(times) // 2] * 1000,
            "p99": times[int(len(times) * 0.99)] * 1000,
        }


if __name__ == "__main__":
    serve(LoadSide())
