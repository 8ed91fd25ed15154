"""Sharing: what many subscribers may see alike is read and written once for all of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from sorbus.types.showing import to_json


@dataclass(slots=True, kw_only=True)
class Told:
    """One response of a stream.

    Attributes:
        position: where a later stream may go on, of a durable topic.
    """

    document: dict[str, Any]
    position: int | None = None
    _body: bytes = b""

    @property
    def body(self) -> bytes:
        """It as bytes, made once for everybody."""
        if not self._body:
            self._body = to_json(self.document)
        return self._body


LISTENING = Told(document={})
"""Says that nothing is missed from now on; it is the first of a subscription, and never sent."""


@dataclass(slots=True, eq=False)
class Reader:
    """One of those who are told, with a bounded memory of what it has not read yet."""

    most: int
    waiting: deque[Told] = field(default_factory=deque[Told])
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    lost: int = 0
    ended: bool = False

    def put(self, told: Told) -> None:
        """One more response; when the memory is full, all of it is dropped and counted."""
        if len(self.waiting) >= self.most:
            self.lost += len(self.waiting)
            self.waiting.clear()
        self.waiting.append(told)
        self.woken.set()

    def end(self) -> None:
        """Nothing comes any more."""
        self.ended = True
        self.woken.set()


class Share:
    """One source of responses for several readers."""

    def __init__(self, source: AsyncGenerator[Told], forget: Callable[[Share], None]) -> None:
        self.readers: set[Reader] = set()
        self._listens = False
        self._source = source
        self._forget = forget
        self.task = asyncio.get_running_loop().create_task(self._run(), name="sorbus-graphql-share")

    def join(self, reader: Reader) -> None:
        """One more reader; it is told at once where the source listens already."""
        self.readers.add(reader)
        if self._listens:
            reader.put(LISTENING)

    async def _run(self) -> None:
        try:
            async with aclosing(self._source) as source:
                async for told in source:
                    self._listens = self._listens or told is LISTENING
                    for each in tuple(self.readers):
                        each.put(told)
        finally:
            self._forget(self)
            for each in tuple(self.readers):
                each.end()


class Shares:
    """The sources of this process, by what tells apart who may see the same."""

    def __init__(self) -> None:
        self.open: dict[Hashable, Share] = {}

    async def read(
        self,
        key: Hashable,
        source: Callable[[], AsyncGenerator[Told]],
        *,
        most: int,
        lagged: Callable[[int], Told],
    ) -> AsyncGenerator[Told]:
        """The responses of a source that is opened with its first reader, and closed with its last.

        Args:
            most: how many may wait for this reader.
            lagged: the response that says how many were lost.
        """
        share = self.open.get(key)
        if share is None:
            share = self.open[key] = Share(source(), lambda ended: self._forget(key, ended))
        reader = Reader(most)
        share.join(reader)
        try:
            while True:
                if reader.lost:
                    lost, reader.lost = reader.lost, 0
                    yield lagged(lost)
                elif reader.waiting:
                    yield reader.waiting.popleft()
                elif reader.ended:
                    return
                else:
                    reader.woken.clear()
                    await reader.woken.wait()
        finally:
            share.readers.discard(reader)
            if not share.readers:
                self._forget(key, share)
                share.task.cancel()
                await asyncio.gather(share.task, return_exceptions=True)

    def _forget(self, key: Hashable, share: Share) -> None:
        if self.open.get(key) is share:
            del self.open[key]
