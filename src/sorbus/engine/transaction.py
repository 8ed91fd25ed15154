"""Transactions: one for each task, joined by every action inside it, with a queue for after the commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

from sorbus.data_layers.base import DataLayer
from sorbus.errors.framework import TransactionElsewhere

OnCommit = Callable[[], Awaitable[None]]

_current: ContextVar[Transaction | None] = ContextVar("sorbus_transaction", default=None)


class Transaction:
    """An open transaction. Sessions of the layers that take part are opened when first needed."""

    def __init__(self, layers: Mapping[str, DataLayer]) -> None:
        self.layers = layers
        self.sessions: dict[str, Any] = {}
        self.on_commit: list[OnCommit] = []
        self.open = True
        self.task = asyncio.current_task()

    async def session(self, layer: DataLayer) -> Any:
        """The transaction's session on a layer."""
        found = self.sessions.get(layer.name)
        if found is None:
            found = await layer.acquire()
            try:
                await layer.begin(found)
            except BaseException:
                layer.release(found)
                raise
            self.sessions[layer.name] = found
        return found

    async def commit(self) -> None:
        """Commit every session."""
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
async def transaction(layers: Mapping[str, DataLayer]) -> AsyncGenerator[Transaction]:
    """Join the task's transaction, or open one; what was queued for after the commit runs after it."""
    outer = current(layers)
    if outer is not None:
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
    for callback in opened.on_commit:
        await callback()
