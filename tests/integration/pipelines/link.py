"""A link to PostgreSQL that can hang or be cut: a small TCP proxy, one for each process under test."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

BLOCK = 65_536


class Link:
    """A way to a server. While it hangs nothing passes, and what was sent passes later; a cut one is refused.

    Args:
        url: the database; its server listens at a UNIX socket or at a port.
    """

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._passing = asyncio.Event()
        self._passing.set()
        self._refusing = False
        self._hanging: set[int] = set()
        self._ports: set[int] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The database as it is reached over this link."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return f"postgresql://{self._target.username or 'postgres'}@127.0.0.1:{port}{self._target.path}"

    def hang(self) -> None:
        """Let nothing pass; connections stay open."""
        self._passing.clear()

    def hang_known(self, ports: set[int]) -> None:
        """Let nothing pass over the connections from some ports, for ever; the others are as they were."""
        self._hanging |= ports

    def hang_all_known(self) -> None:
        """Let nothing pass over any connection that there is now."""
        self._hanging |= self._ports

    def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        self._refusing = True
        for writer in list(self._writers):
            writer.transport.abort()

    def heal(self) -> None:
        """Let everything pass again."""
        self._refusing = False
        self._passing.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        folder = parse_qs(self._target.query).get("host", [""])[0]
        if folder:
            return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.5432")
        return await asyncio.open_connection(self._target.hostname, self._target.port or 5432)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            await self._passing.wait()
            if not self._refusing:
                back, far = await self._connect()
                self._writers.add(far)
                port = int(writer.get_extra_info("peername")[1])
                self._ports.add(port)
                await asyncio.gather(self._pump(reader, far, port), self._pump(back, writer, port))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for each in (writer, far):
                if each is not None:
                    self._writers.discard(each)
                    each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        with suppress(OSError):
            while block := await reader.read(BLOCK):
                if port in self._hanging:
                    continue
                await self._passing.wait()
                writer.write(block)
                await writer.drain()
        await self._passing.wait()
        # The end of one direction is the end of both: PostgreSQL knows no half-closed connections.
        writer.transport.abort() if self._refusing else writer.close()
