"""Whose reservations are whose: the name under which this process gives signs of life."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from sorbus.jobs.heart import Heart


class SignsOfLife:
    """The node that this process reserves as.

    A process that runs jobs is known by them already. Another one gets a heart of its own when it first reserves, so
    that what it has reserved is given back when it dies, and not before.

    Args:
        url: the database.
        running: the node of the jobs that this process runs, or None.
        options: `beat_every` and `dead_after` of a heart of its own.
    """

    def __init__(self, url: str, running: Callable[[], str | None] = lambda: None, **options: Any) -> None:
        self._url = url
        self._running = running
        self._options = {"beat_every": 5.0, "dead_after": 15.0, **options}
        self._own: str | None = None
        self._heart: Heart | None = None
        self._starting = asyncio.Lock()

    @property
    def known(self) -> str | None:
        """The node, if this process has given a sign of life."""
        return self._running() or self._own

    async def node(self) -> str:
        """The node, which has given a sign of life by then.

        Raises:
            psycopg.Error: the database cannot be reached.
        """
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
                **self._options,
            )
            await asyncio.to_thread(heart.start)
            self._own, self._heart = name, heart
            return name

    async def stop(self) -> None:
        """Sign off."""
        heart, self._heart, self._own = self._heart, None, None
        if heart is not None:
            await asyncio.to_thread(heart.stop)
