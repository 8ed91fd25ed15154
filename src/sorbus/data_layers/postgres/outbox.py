"""The outbox: messages that commit with their write, put into one order by whichever node comes first."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sorbus.data_layers.messages import Batch, Message, Route
from sorbus.data_layers.postgres.courier import (
    CHANNEL,
    LONGEST_PAUSE,
    NOTIFY,
    PostgresCourier,
    encode_advanced,
)
from sorbus.data_layers.postgres.faults import DRIVER_ERRORS, translate
from sorbus.data_layers.postgres.layer import PostgresLayer
from sorbus.data_layers.postgres.sql import sql
from sorbus.errors.base import SorbusError
from sorbus.errors.notifications import PositionGone

logger = logging.getLogger(__name__)

BATCH = 1000
"""Rows that one relay transaction takes."""
PRUNE_EVERY = timedelta(minutes=10)


class PostgresOutbox:
    """Rows of `sorbus_outbox`: written with the work, relayed after its commit, read by position.

    A relay gives the waiting rows their positions under a lock, and tells the nodes in the same transaction;
    so what has a position is visible in the order of the positions, and has been told. Every node relays after
    its own commits; besides, each looks every `sweep` seconds for rows whose node died before it could.

    Args:
        keep: how long relayed rows are kept.
        sweep: seconds between two looks for rows that were left behind.
        window: the least time between two relays, in seconds. The first goes at once.
    """

    def __init__(
        self,
        layer: PostgresLayer,
        courier: PostgresCourier,
        *,
        keep: timedelta,
        sweep: float = 1.0,
        window: float = 0.02,
    ) -> None:
        self._layer = layer
        self._line = courier.line
        self.keep = keep
        self._sweep = sweep
        self._window = window
        self._woken = False
        self._relay: asyncio.Task[None] | None = None
        self._sweeper: asyncio.Task[None] | None = None

    # writing

    async def append(self, transaction: Any, messages: Sequence[Message]) -> None:
        """Keep messages, if the transaction commits; one statement for all of them.

        Raises:
            SorbusError: what PostgreSQL refused, translated.
        """
        await self._execute(transaction, "outbox_append", [_row(each) for each in messages])

    async def move_tenant(
        self, transaction: Any, name: str, new: str | None, resources: Sequence[str]
    ) -> None:
        """Give a tenant's messages about some resources to its new name; without one, forget them.

        Raises:
            SorbusError: what PostgreSQL refused, translated.
        """
        if new is None:
            await self._execute(transaction, "outbox_forget_tenant", name, resources)
        else:
            await self._execute(transaction, "outbox_rename_tenant", name, new, resources)

    async def _execute(self, transaction: Any, statement: str, *values: Any) -> None:
        session = await transaction.session(self._layer)
        try:
            await session.execute(sql(statement), *values)
        except Exception as error:
            known = translate(error)
            if known is None:
                raise
            raise known from error

    # relaying

    def wake(self) -> None:
        """Say that messages were committed. Returns at once."""
        self._woken = True
        if self._relay is None or self._relay.done():
            self._relay = asyncio.get_running_loop().create_task(self._run(), name="sorbus-relay")

    async def _run(self) -> None:
        pause = 0.05
        while self._woken:
            self._woken = False
            try:
                while await self.relay() == BATCH:
                    pass
                pause = 0.05
                await asyncio.sleep(self._window)
            except (SorbusError, *DRIVER_ERRORS) as error:
                logger.warning("the outbox waits for the database: %s", error)
                self._woken = True
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def relay(self) -> int:
        """Give waiting messages their positions and tell the nodes; answers with how many there were."""
        async with self._line.lend() as connection, connection.transaction():
            last = await connection.fetchval(sql("outbox_lock"), timeout=30)
            rows = await connection.fetch(sql("outbox_relay"), BATCH, last, timeout=30)
            if rows:
                routes = [(tenant, topic) for tenant, topics in rows for topic in topics]
                await connection.execute(NOTIFY, CHANNEL, [encode_advanced(routes)], timeout=30)
            return len(rows)

    async def start(self) -> None:
        """Begin to look for messages that a node left behind when it died, and to prune."""
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().create_task(self._look(), name="sorbus-outbox")

    async def _look(self) -> None:
        pruned = datetime.now(UTC)
        while True:
            try:
                async with self._line.lend() as connection:
                    waiting = await connection.fetchval(sql("outbox_waiting"), timeout=30)
                if waiting:
                    self.wake()
                if datetime.now(UTC) - pruned > PRUNE_EVERY:
                    pruned = datetime.now(UTC)
                    await self.prune(pruned - self.keep)
            except (SorbusError, *DRIVER_ERRORS) as error:
                logger.warning("the outbox could not be looked at: %s", error)
            await asyncio.sleep(self._sweep)

    # reading

    async def tail(self) -> int:
        """The last position; what is committed by now lies before it or at it."""
        while True:
            async with self._layer.pool.connection() as connection:
                ((last, waiting),) = await connection.fetch(sql("outbox_tail"))
            if not waiting:
                return int(last)
            await self.relay()

    async def read(self, after: int, routes: Sequence[Route], *, limit: int) -> Batch:
        """The next messages for some routes, all of one tenant or of none.

        Raises:
            PositionGone: some of them have been pruned.
        """
        tenant = next((each for each, _ in routes if each is not None), None)
        own = [topic for each, topic in routes if each is not None]
        common = [topic for each, topic in routes if each is None]
        async with self._layer.pool.connection() as connection:
            rows = await connection.fetch(sql("outbox_read"), after, tenant, own, common, limit)
        last, pruned = rows[0]["last"], rows[0]["pruned"]
        if after < pruned:
            raise PositionGone(after, oldest=pruned)
        messages = [_message(row) for row in rows if row["position"] is not None]
        full = len(messages) == limit
        return Batch(messages, messages[-1].position or 0 if full else max(after, last))

    # forgetting

    async def prune(self, before: datetime) -> int:
        """Forget what was relayed before a moment, and answer with how many messages that were."""
        async with self._layer.pool.connection() as connection:
            return int(await connection.fetchval(sql("outbox_prune"), before))

    async def close(self) -> None:
        """Relay what this process has committed, and stop."""
        if self._relay is not None:
            await asyncio.wait([self._relay], timeout=5)
        for task in (self._sweeper, self._relay):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._sweeper = self._relay = None


def _row(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "resource": message.resource,
        "action": message.action,
        "kind": message.kind,
        "key": message.key,
        "topics": message.topics,
        "tenant": message.tenant,
        "actor": message.actor,
        "at": message.at,
        "data": dict(message.data),
        "previous": dict(message.previous),
    }


def _message(row: Any) -> Message:
    return Message(
        id=row["id"],
        resource=row["resource"],
        action=row["action"],
        kind=row["kind"],
        key=row["key"],
        topics=tuple(row["topics"]),
        tenant=row["tenant"],
        actor=row["actor"],
        at=row["at"],
        data=row["data"],
        previous=row["previous"],
        position=row["position"],
    )
