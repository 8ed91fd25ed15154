"""Group commit: items that arrive while one statement runs travel together in the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class GroupCommit(Generic[Item, Answer]):
    """Hands items to `write` in groups; each submitter waits for its own answer.

    There is no timer: the first item is written at once, and whatever comes meanwhile forms the next group. Under
    load the groups grow by themselves and the cost of a commit is shared; when idle nothing waits.

    Args:
        write: writes a group and gives one answer for each item, in order. An exception from it reaches every
            submitter of the group.
        largest: the most items of one group.
    """

    def __init__(self, write: Callable[[list[Item]], Awaitable[list[Answer]]], *, largest: int = 500) -> None:
        self._write = write
        self._largest = largest
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._task: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Answer:
        """Write an item; returns when its group has been written.

        A submitter that is cancelled does not take its item back: it may be on its way already.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await future

    async def drain(self) -> None:
        """Wait until everything that was submitted is written."""
        while self._task is not None:
            await asyncio.shield(self._task)

    async def _run(self) -> None:
        try:
            # One turn of the loop lets everything that became ready together join the first group.
            await asyncio.sleep(0)
            while self._waiting:
                group, self._waiting = self._waiting[: self._largest], self._waiting[self._largest :]
                await self._one(group)
        finally:
            self._task = None
            waiting, self._waiting = self._waiting, []
            for _, future in waiting:
                future.cancel()

    async def _one(self, group: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            pairs = zip(group, await self._write([item for item, _ in group]), strict=True)
            for (_, future), answer in pairs:
                if not future.done():
                    future.set_result(answer)
        except Exception as error:  # the submitters raise it
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
        finally:
            # Only a writer that was cancelled leaves somebody without an answer.
            for _, future in group:
                future.cancel()
