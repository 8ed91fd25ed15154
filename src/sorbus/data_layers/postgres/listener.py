"""LISTEN on one dedicated connection, fanned out to the tasks of this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sorbus.data_layers.postgres.connection import DriverConnection
from sorbus.data_layers.postgres.faults import DRIVER_ERRORS
from sorbus.errors.base import SorbusError

LONGEST_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Notice:
    """Something was notified, or may have been.

    Attributes:
        channel: the channel's name.
        payload: the text of the notification; empty when `missed` is set.
        missed: True when notifications may have been lost (the connection was away, or the reader was too
            slow):
            look at the data itself instead.
    """

    channel: str
    payload: str
    missed: bool = False


class Listener:
    """One LISTEN connection for a process; it comes back by itself when the server does.

    A notification means "look again". It is not durable: what must not be lost stands in a table.

    Args:
        connect: opens a dedicated connection, such as `Pool.connect`.
        backlog: notices kept for each reader; when it is full they are replaced by one with `missed` set.
        heartbeat: seconds between checks that the connection is alive, for links that die without a word.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[DriverConnection]],
        *,
        backlog: int = 1000,
        heartbeat: float = 30.0,
    ) -> None:
        self._connect = connect
        self._backlog = backlog
        self._heartbeat = heartbeat
        self._readers: dict[str, list[_Reader]] = {}
        self._connection: DriverConnection | None = None
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncGenerator[AsyncIterator[Notice]]:
        """`async with listener.listen("runs") as notices:` then `async for notice in notices:`.

        When the block is entered the server is listening, so nothing notified afterwards is missed unnoticed.
        """
        reader = _Reader(channel, self._backlog)
        self._readers.setdefault(channel, []).append(reader)
        self._changed.set()
        try:
            await reader.ready.wait()
            yield reader
        finally:
            self._readers[channel].remove(reader)
            if not self._readers[channel]:
                del self._readers[channel]
            self._changed.set()

    async def start(self) -> None:
        """Begin to listen in the background."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Stop listening and close the connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self) -> None:
        pause = 0.05
        while True:
            try:
                connection = await self._connect()
                try:
                    pause = 0.05
                    await self._serve(connection)
                finally:
                    await _farewell(connection)
            except (SorbusError, *DRIVER_ERRORS):
                # Back as soon as the server is; readers are told that they may have missed something.
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _serve(self, connection: DriverConnection) -> None:
        """Keep the server's channels equal to the readers' until the connection dies."""
        listening: set[str] = set()
        connection.add_termination_listener(lambda _: self._changed.set())
        while True:
            self._changed.clear()
            wanted = set(self._readers)
            for channel in wanted - listening:
                await connection.add_listener(channel, self._receive)
            for channel in listening - wanted:
                await connection.remove_listener(channel, self._receive)
            listening = wanted
            for reader in [each for channel in wanted for each in self._readers.get(channel, ())]:
                reader.connected(connection)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._heartbeat):
                    await self._changed.wait()
            if not self._changed.is_set() or connection.is_closed():
                await connection.execute("SELECT 1", timeout=self._heartbeat)

    def _receive(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        for reader in self._readers.get(channel, ()):
            reader.put(Notice(channel, str(payload)))


class _Reader:
    """What one task has yet to read of a channel."""

    def __init__(self, channel: str, backlog: int) -> None:
        self._channel = channel
        self._queue: asyncio.Queue[Notice] = asyncio.Queue(backlog)
        self._seen: DriverConnection | None = None
        self.ready = asyncio.Event()

    def connected(self, connection: DriverConnection) -> None:
        if self._seen is not None and self._seen is not connection:
            self.put(Notice(self._channel, "", missed=True))
        self._seen = connection
        self.ready.set()

    def put(self, notice: Notice) -> None:
        if self._queue.full():
            while not self._queue.empty():
                self._queue.get_nowait()
            notice = Notice(self._channel, "", missed=True)
        self._queue.put_nowait(notice)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Notice:
        return await self._queue.get()


async def _farewell(connection: DriverConnection) -> None:
    try:
        await connection.close(timeout=1.0)
    except (*DRIVER_ERRORS, asyncio.CancelledError):
        connection.terminate()
