"""Whose reservations are whose: the name under which this process gives signs of life."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from uuid import uuid4

from sorbus.errors.database import DatabaseUnavailable
from sorbus.jobs.heart import Heart


class SignsOfLife:
    """The node that this process reserves as.

    A process that runs jobs is known by them already. Another one gets a heart of its own when it first reserves, so
    that what it has reserved is given back when it dies, and not before.

    Args:
        url: the database.
        running: the node of the jobs that this process runs, or None.
        beat_every, dead_after: of a heart of its own, as `JobRunner` has them.
    """

    def __init__(
        self,
        url: str,
        running: Callable[[], str | None] = lambda: None,
        *,
        beat_every: float = 5.0,
        dead_after: float = 15.0,
    ) -> None:
        self._url = url
        self._running = running
        self._beat_every = beat_every
        self._dead_after = dead_after
        self._own: str | None = None
        self._heart: Heart | None = None
        self._starting = asyncio.Lock()

    @property
    def known(self) -> str | None:
        """The node, if this process has given a sign of life."""
        return self._own or self._running()

    async def node(self) -> str:
        """The node, which has given a sign of life by then.

        Raises:
            DatabaseUnavailable: the database cannot be reached.
        """
        import psycopg

        async with self._starting:
            known = self.known
            if known is not None:
                return known
            name = f"{socket.gethostname()}.{os.getpid()}.{uuid4().hex[:8]}"
            heart = Heart(
                self._url,
                node=name,
                queues=[],
                living=lambda: True,
                rescued=lambda _: None,
                beat_every=self._beat_every,
                dead_after=self._dead_after,
            )
            try:
                await asyncio.to_thread(heart.start)
            except psycopg.Error as error:
                raise DatabaseUnavailable(str(error).strip()) from error
            self._own, self._heart = name, heart
            return name

    async def stop(self) -> None:
        """Sign off."""
        heart, self._heart, self._own = self._heart, None, None
        if heart is not None:
            await asyncio.to_thread(heart.stop)
