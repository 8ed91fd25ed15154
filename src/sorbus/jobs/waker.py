"""Telling the queues, after a commit, that there is work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress

import asyncpg
import msgspec

from sorbus.jobs.line import BROKEN, Line

logger = logging.getLogger(__name__)

# the channel that Oban's stager listens on, in the schema `public`
INSERT_CHANNEL = "public.oban_insert"


class Waker:
    """Wakes the queues of this process at once, and those of other nodes by one NOTIFY per `window` at most.

    A NOTIFY takes a lock on the whole server at its commit, so it never rides in the transaction that inserts
    the job: call `wake` after the commit. A lost one costs little, since every node polls once a second.

    Args:
        url: the database.
        window: the least time between two NOTIFYs, in seconds.
    """

    def __init__(self, url: str, *, window: float = 0.02) -> None:
        self._line = Line(url, timeout=10)
        self._window = window
        self._local: list[Callable[[frozenset[str]], None]] = []
        self._waiting: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def add_local(self, wake: Callable[[frozenset[str]], None]) -> None:
        """Have queues of this process woken directly, by a function that takes their names."""
        self._local.append(wake)

    def remove_local(self, wake: Callable[[frozenset[str]], None]) -> None:
        """Undo `add_local`."""
        with suppress(ValueError):
            self._local.remove(wake)

    def wake(self, queues: Iterable[str]) -> None:
        """Say that these queues have got work. Returns at once; call it after the commit."""
        names = frozenset(queues)
        if not names:
            return
        for wake in self._local:
            wake(names)
        self._waiting |= names
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._notify(), name="sorbus-waker")

    async def close(self) -> None:
        """Send what is still to be told and close the connection."""
        task = self._task
        if task is not None:
            await asyncio.wait([task], timeout=5)
            task.cancel()
        await self._line.close()

    async def _notify(self) -> None:
        while self._waiting:
            queues, self._waiting = sorted(self._waiting), set()
            payloads = [msgspec.json.encode({"queue": queue}).decode() for queue in queues]
            try:
                await self._line.fetch(
                    "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload",
                    INSERT_CHANNEL,
                    payloads,
                )
            except (*BROKEN, asyncpg.PostgresError) as error:
                logger.warning("other nodes were not told of work in %s: %s", ", ".join(queues), error)
            await asyncio.sleep(self._window)
        self._task = None
