"""The suite `delivery`: the subscribers, each with a connection of its own, and what reached them when."""

from __future__ import annotations

import asyncio
import re
import time
from array import array
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from serving import Command, serve

_EVENT = re.compile(rb'"kind":"([A-Z]+)","record":{"number":(\d+),"stamp":(\d+),"cost":(null|\d+)')
KINDS = (b"CREATED", b"UPDATED")
"""What is told of even and of odd numbers."""


class Reader(asyncio.Protocol):
    """One subscriber."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.listening = asyncio.get_running_loop().create_future()
        self.buffer = b""
        self.times = array("d")
        self.told: list[tuple[int, bool]] = []
        self.strange = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        data = self.buffer + data
        if not self.listening.done():
            head = data.find(b"\r\n\r\n")
            if head < 0:
                self.buffer = data
                return
            if not data.startswith(b"HTTP/1.1 200"):
                self.strange = data
            self.listening.set_result(None)
            data = data[head + 4 :]
        end = data.rfind(b"\n\n") + 1
        self.buffer = data[end:]
        if b"errors" in data or b"LAGGED" in data or b"complete" in data:
            self.strange = data
        for kind, text, stamp, cost in _EVENT.findall(data, 0, end):
            number = int(text)
            # What was written a moment before the subscription may be told as well.
            if kind == KINDS[number % 2]:
                self.told.append((number, cost != b"null"))
                self.times.append((now - int(stamp)) / 1e6)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.listening.done():
            self.listening.set_result(None)


class ReadersSide:
    """Opens subscriptions and tells what reached them."""

    async def open(self, url: str) -> None:
        """Nothing is to be opened."""
        self.readers: list[Reader] = []

    async def close(self) -> None:
        """Close what is open."""
        for each in self.readers:
            each.transport.close()

    def commands(self) -> dict[str, Command]:
        """`listen`, and `told`."""
        return {"listen": self.listen, "told": self.told}

    async def listen(self, *, url: str, requests: list[str]) -> dict[str, Any]:
        """Open subscriptions; answers when the server listens for all of them."""
        where = urlsplit(url)
        loop = asyncio.get_running_loop()
        for request in requests:
            made = Reader(request.encode())
            await loop.create_connection(lambda made=made: made, where.hostname, where.port)
            self.readers.append(made)
        await asyncio.gather(*(each.listening for each in self.readers))
        return {}

    async def told(self, *, expected: list[dict[str, bool]], patience: float) -> dict[str, Any]:
        """What reached the subscribers, and their connections are closed.

        Args:
            expected: for each subscriber the numbers that it must be told, each with whether it sees the cost.
            patience: seconds to wait for all of them.
        """
        deadline = time.monotonic() + patience
        wanted = sum(map(len, expected))
        while sum(len(each.told) for each in self.readers) < wanted and time.monotonic() < deadline:  # noqa: ASYNC110  # what comes is counted where it comes
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)  # for what would come twice
        lost = twice = wrong = 0
        for each, due in zip(self.readers, expected, strict=True):
            counts = Counter(number for number, _ in each.told)
            lost += sum(int(number) not in counts for number in due)
            twice += sum(count - 1 for count in counts.values())
            wrong += sum(due.get(str(number)) is not shown for number, shown in each.told)
        times = sorted(value for each in self.readers for value in each.times)
        strange = next((each.strange for each in self.readers if each.strange), b"")
        for each in self.readers:
            each.transport.close()
        self.readers = []
        return {
            "count": len(times),
            "lost": lost,
            "twice": twice,
            "wrong": wrong,
            "strange": strange[:500].decode(errors="replace"),
            "p50": times[len(times) // 2] if times else 0.0,
            "p99": times[len(times) * 99 // 100] if times else 0.0,
            "max": times[-1] if times else 0.0,
        }


if __name__ == "__main__":
    serve(ReadersSide())
