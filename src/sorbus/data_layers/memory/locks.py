"""The lock of a store in memory: one transaction writes, or any number hold what they have read."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class StoreLock:
    """One holder alone, or several that share; holders are told apart by identity."""

    def __init__(self) -> None:
        self._owner: object | None = None
        self._sharers: set[object] = set()
        self._waiting: list[asyncio.Future[None]] = []

    def free(self, who: object, *, shared: bool) -> bool:
        """Whether somebody could have it at once."""
        if self._owner is not None:
            return self._owner is who
        return shared or self._sharers <= {who}

    async def take(self, who: object, *, shared: bool, patience: float) -> bool:
        """Take it, waiting for `patience` seconds; False when it was not to be had."""
        if not self.free(who, shared=shared):
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._wait(who, shared=shared)
            if not self.free(who, shared=shared):
                return False
        if shared:
            self._sharers.add(who)
        else:
            self._owner = who
        return True

    async def _wait(self, who: object, *, shared: bool) -> None:
        while not self.free(who, shared=shared):
            told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(told)
            try:
                await told
            finally:
                if told in self._waiting:
                    self._waiting.remove(told)

    def release(self, who: object) -> None:
        """Give back whatever somebody holds."""
        if self._owner is who:
            self._owner = None
        self._sharers.discard(who)
        waiting, self._waiting = self._waiting, []
        for told in waiting:
            if not told.done():
                told.set_result(None)
