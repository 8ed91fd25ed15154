"""The end of a server, told to answers that would never end by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from time import monotonic
from typing import Any


class Closing:
    """Tells open streams that the server is about to stop.

    A server lets running requests finish before it ends, and a stream of events does not finish until it is told.

    Attributes:
        begun: whether it is about to stop.
    """

    def __init__(self) -> None:
        self.begun = False
        self._told: list[Callable[[], None]] = []
        self._holding: set[asyncio.Task[Any]] = set()

    def tell(self, callback: Callable[[], None]) -> None:
        """Call a function whenever the server is about to stop."""
        self._told.append(callback)

    def begin(self) -> None:
        """The server takes no more requests, and waits for those that run."""
        if self.begun:
            return
        self.begun = True
        for callback in self._told:
            callback()

    @contextmanager
    def held(self) -> Generator[None]:
        """Keep the server for the length of the block: by itself it waits for requests, and not for sockets."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a server is held by a task")
        self._holding.add(task)
        try:
            yield
        finally:
            self._holding.discard(task)

    async def freed(self, seconds: float) -> None:
        """Wait until nothing holds the server, and after so many seconds cut off what still does."""
        ends = monotonic() + seconds
        while self._holding and (left := ends - monotonic()) > 0:
            await asyncio.wait(tuple(self._holding), timeout=left)
        late = tuple(self._holding)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def reopen(self) -> None:
        """The server starts, perhaps once more."""
        self.begun = False
