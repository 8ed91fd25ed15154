"""Live pages: what is shown is rendered once for each change, for all that look at the same thing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from time import monotonic

from sorbus.engine.subscriptions import Subscription
from sorbus.errors.base import Forbidden, Invalid, SorbusError
from sorbus.http.closing import Closing
from sorbus.http.faults import fault_of
from sorbus.resource.application import Sorbus
from sorbus.scope import Scope
from sorbus.web.regions import Board, Region

COALESCED = 0.05
"""Seconds in which several changes become one."""

_RESTS = 4
"""How many times as long as it renders a page rests, so that no page ever takes more than a fifth of a core."""

_AFTER_FAULT = 1.0
_LINGERS = 5.0
"""Seconds that a page without readers is kept up to date, for one that is loaded anew."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """How something is now.

    Attributes:
        every: seconds after which it is looked at again even if nothing is told; None for never.
    """

    regions: Sequence[Region]
    every: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Something that is looked at.

    Attributes:
        key: what tells it apart: equal keys may be shown the same bytes. It holds the tenant, and whatever of the
            actor decides what may be seen.
        topic: tells that it may have changed.
        render: how it is now.
    """

    key: Hashable
    topic: str
    scope: Scope
    render: Callable[[], Awaitable[Rendered]]


class Watch:
    """Keeps the board of something up to date while somebody reads it.

    Attributes:
        ended: whether nothing comes any more: access was lost, or the application closes.
        rendered: how often it was rendered.
    """

    def __init__(self, app: Sorbus, watched: Watched, forget: Callable[[], None]) -> None:
        self.board = Board()
        self.ended = False
        self.rendered = 0
        self._app = app
        self._watched = watched
        self._forget = forget
        self._every: float | None = None
        self._readers: set[asyncio.Event] = set()
        self._dirty = asyncio.Event()
        self._left_at = monotonic()
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"sorbus-web {watched.topic}")

    def join(self) -> asyncio.Event:
        """One more reader: the event is set whenever there is something new, or the end."""
        woken = asyncio.Event()
        self._readers.add(woken)
        if self.board.version or self.ended:
            woken.set()
        return woken

    def leave(self, woken: asyncio.Event) -> None:
        """One reader less; without any it ends after a while."""
        self._readers.discard(woken)
        self._left_at = monotonic()

    def end(self) -> None:
        """Nothing comes any more."""
        self._finish()
        self._task.cancel()

    def _finish(self) -> None:
        if not self.ended:
            self.ended = True
            self._forget()
            self._wake()

    def _wake(self) -> None:
        for each in self._readers:
            each.set()

    async def _run(self) -> None:
        told: asyncio.Task[None] | None = None
        try:
            async with self._app.subscribe(self._watched.topic, self._watched.scope) as events:
                told = asyncio.create_task(self._listen(events))
                await self._follow()
        except (Forbidden, Invalid):
            # What is looked at is gone, or out of sight; the page says so when it is loaded anew.
            pass
        except Exception as error:  # the boundary of a task that nobody awaits
            fault_of(error, where=f"live {self._watched.topic}")
        finally:
            if told is not None:
                told.cancel()
            self._finish()

    async def _listen(self, events: Subscription) -> None:
        try:
            # Which of them it was does not matter: what is shown is read anew.
            async for _ in events:
                self._dirty.set()
        except Exception as error:  # the boundary of a task: what hears nothing more must not look alive
            fault_of(error, where=f"live {self._watched.topic}")
        finally:
            self._finish()
            self._dirty.set()

    async def _follow(self) -> None:
        while not self.ended:
            began = monotonic()
            self._dirty.clear()
            rest = await self._render()
            await asyncio.sleep(max(COALESCED, rest, _RESTS * (monotonic() - began)))
            while not await self._news():
                if not self._readers and monotonic() - self._left_at > _LINGERS:
                    return

    async def _news(self) -> bool:
        """Wait for a change, for the time to look anyway, or for a moment to see whether anybody still reads."""
        every = self._every if self._readers else None
        try:
            async with asyncio.timeout(_LINGERS if every is None else every):
                await self._dirty.wait()
        except TimeoutError:
            return every is not None
        return True

    async def _render(self) -> float:
        """Bring the board up to date; answers with seconds to wait besides."""
        try:
            found = await self._watched.render()
        except SorbusError as error:
            if not getattr(error, "retryable", False):
                raise
            # The database is away for a moment: what is shown stays, and is looked at again.
            self._dirty.set()
            return _AFTER_FAULT
        self.rendered += 1
        self._every = found.every
        if self.board.put(found.regions):
            self._wake()
        return 0.0


class Watches:
    """Everything that is looked at in this process.

    Args:
        closing: ends all of it when the server is about to stop.
    """

    def __init__(self, app: Sorbus, closing: Closing) -> None:
        self.app = app
        self.closing = closing
        self.open: dict[Hashable, Watch] = {}
        closing.tell(self.end)

    def watch(self, watched: Watched) -> Watch:
        """The one watch of something; it begins with its first reader."""
        found = self.open.get(watched.key)
        if found is None or found.ended:
            found = Watch(self.app, watched, lambda: self._forget(watched.key, found))
            self.open[watched.key] = found
            if self.closing.begun:
                found.end()
        return found

    def _forget(self, key: Hashable, watch: Watch | None) -> None:
        if self.open.get(key) is watch:
            del self.open[key]

    def end(self) -> None:
        """End every stream."""
        for each in tuple(self.open.values()):
            each.end()
