"""Transactions: one for each task, joined by every action inside it, with a queue for after the commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from sorbus.data_layers.base import DataLayer
from sorbus.errors.framework import AfterCommitFailed, TransactionElsewhere, TransactionSpoilt

logger = logging.getLogger(__name__)

OnCommit = Callable[[], Awaitable[None]]

_current: ContextVar[Transaction | None] = ContextVar("sorbus_transaction", default=None)


@dataclass(slots=True)
class Savepoint:
    """A part of a transaction that can be undone alone.

    Attributes:
        queued: how many callbacks were queued when it began.
        spoilt: what had spoilt the transaction when it began.
        marks: the place to go back to, for each layer that has a session.
    """

    queued: int
    spoilt: TransactionSpoilt | None
    marks: dict[str, Any] = field(default_factory=dict[str, Any])


class Transaction:
    """An open transaction. Sessions of the layers that take part are opened when first needed.

    Attributes:
        on_commit: what runs after the commit, in this order; never after a rollback. What a rolled back inner
            part has queued is forgotten with it.
        spoilt: why it must not be committed although every statement went well, or None.
    """

    def __init__(self, layers: Mapping[str, DataLayer]) -> None:
        self.layers = layers
        self.sessions: dict[str, Any] = {}
        self.on_commit: list[OnCommit] = []
        self.spoilt: TransactionSpoilt | None = None
        self.open = True
        self.task = asyncio.current_task()
        self._savepoints: list[Savepoint] = []

    async def session(self, layer: DataLayer) -> Any:
        """The transaction's session on a layer."""
        found = self.sessions.get(layer.name)
        if found is None:
            found = await layer.acquire()
            try:
                await layer.begin(found)
                for each in self._savepoints:
                    each.marks[layer.name] = await layer.savepoint(found)
            except BaseException:
                layer.release(found)
                raise
            self.sessions[layer.name] = found
        return found

    def spoil(self, by: str, cause: BaseException) -> None:
        """Note that something has failed halfway: whoever swallows its error must not commit the half.

        Args:
            by: the action or block that has failed, for the error at the commit.
        """
        if self.spoilt is None:
            self.spoilt = TransactionSpoilt(by, cause)

    async def begin_part(self) -> Savepoint:
        """Begin a part that can be undone alone; parts end in the reverse order."""
        part = Savepoint(len(self.on_commit), self.spoilt)
        for name, session in self.sessions.items():
            part.marks[name] = await self.layers[name].savepoint(session)
        self._savepoints.append(part)
        return part

    async def keep_part(self, part: Savepoint) -> None:
        """End a part; what it did is committed with the whole.

        Raises:
            TransactionAborted: a statement in it had failed.
            TransactionSpoilt: an action or block in it had failed halfway.
        """
        if self.spoilt is not None and part.spoilt is None:
            raise self.spoilt from self.spoilt.cause
        for name, mark in part.marks.items():
            await self.layers[name].keep(self.sessions[name], mark)
        self._savepoints.pop()

    async def undo_part(self, part: Savepoint) -> None:
        """Undo a part, and forget what it queued."""
        self._savepoints.pop()
        self.spoilt = part.spoilt
        del self.on_commit[part.queued :]
        for name, mark in part.marks.items():
            await self.layers[name].rollback_to(self.sessions[name], mark)

    async def commit(self) -> None:
        """Commit every session.

        Raises:
            TransactionAborted: a statement in it had failed.
            TransactionSpoilt: an action or block in it had failed halfway.
        """
        if self.spoilt is not None:
            raise self.spoilt from self.spoilt.cause
        for name, session in self.sessions.items():
            await self.layers[name].commit(session)

    async def rollback(self) -> None:
        """Undo every session; a broken connection has undone its part by itself."""
        for name, session in self.sessions.items():
            await self.layers[name].rollback(session)

    def release(self) -> None:
        """Give every session back."""
        self.open = False
        sessions, self.sessions = self.sessions, {}
        for name, session in sessions.items():
            self.layers[name].release(session)


def current(of: Mapping[str, DataLayer]) -> Transaction | None:
    """The open transaction of this task on an application's layers, or None.

    Raises:
        TransactionElsewhere: it was opened by the task that started this one.
    """
    found = _current.get()
    if found is None or not found.open or found.layers is not of:
        return None
    if found.task is not asyncio.current_task():
        raise TransactionElsewhere
    return found


@asynccontextmanager
async def transaction(
    layers: Mapping[str, DataLayer], *, nested: bool = False, by: str = "a block"
) -> AsyncGenerator[Transaction]:
    """Join the task's transaction, or open one; what was queued for after the commit runs after it.

    An error that leaves a block which has joined spoils the whole: it can be rolled back only.

    Args:
        nested: inside an open transaction, an error undoes this block alone.
        by: whose block it is, for the error at the commit of a transaction that it has spoilt.

    Raises:
        AfterCommitFailed: everything is committed, but callbacks that were queued for after it failed.
        TransactionSpoilt: an action or block in it had failed halfway, and the error was swallowed.
    """
    outer = current(layers)
    if outer is not None:
        if nested:
            async with _part(outer):
                yield outer
        else:
            async with _joined(outer, by):
                yield outer
        return
    opened = Transaction(layers)
    token = _current.set(opened)
    try:
        try:
            yield opened
            await opened.commit()
        except BaseException:
            await opened.rollback()
            raise
        finally:
            opened.release()
    finally:
        _current.reset(token)
    await run_after_commit(opened.on_commit)


@asynccontextmanager
async def _joined(outer: Transaction, by: str) -> AsyncGenerator[None]:
    try:
        yield
    except BaseException as error:
        outer.spoil(by, error)
        raise


@asynccontextmanager
async def _part(outer: Transaction) -> AsyncGenerator[None]:
    part = await outer.begin_part()
    try:
        yield
        await outer.keep_part(part)
    except BaseException:
        await outer.undo_part(part)
        raise


async def run_after_commit(callbacks: Iterable[OnCommit]) -> None:
    """Run every callback, whatever happens to the others: what they follow is committed and stays so.

    Raises:
        AfterCommitFailed: some failed; each is logged with its trace.
    """
    failures: list[Exception] = []
    for callback in callbacks:
        try:
            await callback()
        except AfterCommitFailed as inner:
            failures.extend(inner.errors)
        except Exception as error:
            logger.exception("a callback failed after the commit")
            failures.append(error)
    if failures:
        raise AfterCommitFailed(failures) from failures[0]
