"""Sharing: what is told, made once for everybody, and the bounded memory of each who is told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic
from typing import Any

from sorbus.scope import Scope
from sorbus.types.showing import to_json

AT_ONCE = 100
"""The responses that a reader is given at a time, unless more were told at once."""
FRESH = 10.0
"""Seconds for which what was authorised may wait for a reader; by then it may have lost the right to see it."""
_REMEMBERED = 10_000


@dataclass(slots=True, kw_only=True)
class Told:
    """One response of a stream.

    Attributes:
        position: where a later stream may go on, of a durable topic.
        event: it as a server-sent event, once somebody has made one of it.
    """

    document: dict[str, Any]
    position: int | None = None
    event: bytes = b""
    _body: bytes = b""

    @property
    def body(self) -> bytes:
        """It as bytes, made once for everybody."""
        if not self._body:
            self._body = to_json(self.document)
        return self._body


LISTENING = Told(document={})
"""Says that nothing is missed from now on; it is the first of a subscription, and never sent."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What some events come to for those who see the same.

    Attributes:
        entries: the number of each event, the key of its record as text, and what is told of it: None when that is out
            of sight.
        told: those of them that are told to everybody.
        shown: the keys of records that are in sight.
        unseen: the keys of those that are not.
    """

    entries: Sequence[tuple[int, str, Told | None]]
    told: Sequence[Told] = field(init=False)
    shown: dict[str, None] = field(init=False)
    unseen: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        shown = [(key, told) for _, key, told in self.entries if told is not None]
        object.__setattr__(self, "told", [told for _, told in shown])
        object.__setattr__(self, "shown", dict.fromkeys(key for key, _ in shown))
        object.__setattr__(self, "unseen", tuple(key for _, key, told in self.entries if told is None))


@dataclass(slots=True, eq=False)
class Reader:
    """One of those who are told, with a bounded memory of what it has not read yet.

    Attributes:
        seat: equal for those who may see the same.
        most: how many responses may wait for it.
        waiting: what waits, each with the time at which it was told; there are `count` of them.
        visible: the keys, as text, of records that it has been told of and that were in sight then.
    """

    scope: Scope
    seat: Hashable
    most: int
    visible: dict[str, None]
    waiting: deque[tuple[float, Sequence[Told]]] = field(default_factory=deque[tuple[float, Sequence[Told]]])
    count: int = 0
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    lost: int = 0
    ended: bool = False

    def put(self, told: Sequence[Told]) -> None:
        """More responses; when the memory is full, all of it is dropped and counted."""
        if self.count + len(told) > self.most:
            self.lost += self.count
            self.count = 0
            self.waiting.clear()
        self.waiting.append((monotonic(), told))
        self.count += len(told)
        self.woken.set()

    def tell(self, batch: Batch, gone: Callable[[int], Told]) -> None:
        """Some events. A record that was in sight and is not any more is told as gone, once.

        Args:
            gone: what is told of an event, by its number, when its record has gone.
        """
        told: Sequence[Told] = batch.told
        if any(key in self.visible for key in batch.unseen):
            told = [
                each if each is not None else gone(number)
                for number, key, each in batch.entries
                if each is not None or self.visible.pop(key, self) is None
            ]
        self.visible.update(batch.shown)
        if len(self.visible) > _REMEMBERED:
            for key in list(islice(self.visible, len(self.visible) - _REMEMBERED)):
                del self.visible[key]
        if told:
            self.put(told)

    def end(self, *last: Told) -> None:
        """Nothing comes any more, but what is given."""
        if last:
            self.put(last)
        self.ended = True
        self.woken.set()

    async def batches(self, lagged: Callable[[int], Told]) -> AsyncGenerator[Sequence[Told]]:
        """What it is told, as much at a time as has come, until the end.

        Args:
            lagged: the response that says how many were lost.
        """
        while True:
            while self.waiting and self.waiting[0][0] < monotonic() - FRESH:
                self.lost += len(self._next())
            if self.lost:
                lost, self.lost = self.lost, 0
                yield (lagged(lost),)
            elif self.waiting:
                some = [*self._next()]
                while self.waiting and len(some) + len(self.waiting[0][1]) <= AT_ONCE:
                    some += self._next()
                yield some
            elif self.ended:
                return
            else:
                self.woken.clear()
                await self.woken.wait()

    def _next(self) -> Sequence[Told]:
        _, told = self.waiting.popleft()
        self.count -= len(told)
        return told
