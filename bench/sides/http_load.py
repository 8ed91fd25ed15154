"""The clients of the suite `http`: connections that are kept open, each with one request on its way."""

from __future__ import annotations

import asyncio
import time
from itertools import cycle
from typing import Any

from serving import Command, serve


class Connection(asyncio.Protocol):
    """Sends the next request when an answer is complete."""

    def __init__(self, load: LoadSide) -> None:
        self.load = load
        self.buffer = bytearray()
        self.started = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        """The next request."""
        self.started = time.perf_counter()
        self.transport.write(next(self.load.requests))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        lines = bytes(self.buffer[:head]).lower()
        place = lines.index(b"content-length:")
        length = int(lines[place + 15 :].split(b"\r\n", 1)[0])
        if len(self.buffer) < head + 4 + length:
            return
        status = int(self.buffer[9:12])
        if status >= 300:
            raise SystemExit(bytes(self.buffer[: head + 400]))
        self.buffer.clear()
        self.load.times.append(time.perf_counter() - self.started)
        if time.perf_counter() < self.load.end:
            self.send()
        else:
            self.transport.close()

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
