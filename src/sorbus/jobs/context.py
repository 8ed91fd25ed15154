"""What a handler is given: the job, and its hold on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sorbus.jobs import leases
from sorbus.jobs.connection import SqlConnection
from sorbus.jobs.leases import Lease
from sorbus.jobs.outcomes import Outcome


@dataclass(slots=True, eq=False, kw_only=True)
class JobContext:
    """One attempt at a job.

    Attributes:
        id: the job.
        attempt: the number of this attempt, from 1.
        max_attempts: after this many the job is discarded.
        args: the arguments as they were inserted.
        meta: the free data of the job, among it `actor` and `tenant` if they were given.
        queue: its queue.
        worker: the name of its handler.
        node: the process that runs it.
        tags: its words.
        deadline: when this attempt is stopped, by this machine's clock in UTC; None without a time limit.
        cancelled: set when the attempt is to end early: somebody cancelled the job, the node stops, or the
            lease was lost. An async handler also gets a `CancelledError` at its next await; a sync one looks
            here.
        lease: what `ack_many` and statements of your own need to complete the job.
    """

    id: int
    attempt: int
    max_attempts: int
    args: Mapping[str, Any]
    meta: Mapping[str, Any]
    queue: str
    worker: str
    node: str
    tags: tuple[str, ...]
    deadline: datetime | None
    lease: Lease
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    _acked: bool = False

    @property
    def actor(self) -> Any:
        """The actor that the job was inserted for, as stored in its meta, or None."""
        return self.meta.get("actor")

    @property
    def tenant(self) -> Any:
        """The tenant that the job was inserted for, as stored in its meta, or None."""
        return self.meta.get("tenant")

    @property
    def acked(self) -> bool:
        """Whether the handler has completed the job itself; no further statement is then sent for it."""
        return self._acked

    async def ack_in(self, conn: SqlConnection) -> None:
        """Complete this job in the caller's transaction: its effects and its completion commit together.

        Raises:
            LeaseLost: another node holds the job, or it was cancelled; let it leave the transaction, so that
                all is rolled back.
        """
        await leases.ack(conn, self.lease)
        self._acked = True

    async def hold_in(self, conn: SqlConnection) -> None:
        """Check that this attempt still holds the job, and keep it so until the caller's transaction ends.

        Raises:
            LeaseLost: another node holds the job; let it leave the transaction, so that all is rolled back.
        """
        await leases.hold(conn, self.lease)

    def already_acked(self) -> None:
        """Say that the job was completed by a statement of your own (`ack_many`), after its commit."""
        self._acked = True


type Handler = Callable[[JobContext], Awaitable[Outcome | None] | Outcome | None]
