"""Running jobs: one node."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from sorbus.errors.jobs import BadJobOption
from sorbus.jobs import oban_hooks
from sorbus.jobs.backoff import Backoff
from sorbus.jobs.context import Handler
from sorbus.jobs.cron import Clock, Cron
from sorbus.jobs.dispatch import Dispatcher
from sorbus.jobs.heart import Heart
from sorbus.jobs.ledger import Ledger
from sorbus.jobs.line import Line
from sorbus.jobs.steward import Steward
from sorbus.jobs.waker import Waker

if TYPE_CHECKING:
    from oban import Oban
    from psycopg_pool import AsyncConnectionPool

logger = logging.getLogger(__name__)


class JobRunner:
    """Runs the jobs of some queues in this process, on Oban.

    Args:
        url: the database, as a `postgresql://` URL.
        handlers: what runs each worker name. An async handler runs on the event loop, a sync one in a thread.
        queues: how many jobs of each queue run at once in this process.
        crons: jobs by the clock; give the same ones to every node.
        node: a name for people; a random suffix makes it unique to this start. Default: machine and process
            number.
        beat_every: seconds between two signs of life.
        dead_after: when this node gave no sign of life for so many seconds, others take its jobs; at least
            three beats.
        backoff: how long failed jobs wait.
        timeout: seconds that an attempt may take unless the job says otherwise; None for no limit.
        poll: seconds between two looks at the table for work that nobody announced and for jobs that became
            due.
        threads: how many sync handlers run side by side.
        keep: seconds that finished jobs stay in the table.
        pool_size: the most connections that Oban itself may open.
        waker: the process's waker, if there is one already; otherwise the runner makes one.
        watch_processes: notice at once when a process of this machine has ended, instead of waiting for its
            beats.

    Raises:
        BadJobOption: a value that is not allowed; the message says what is.
    """

    def __init__(
        self,
        url: str,
        *,
        handlers: Mapping[str, Handler],
        queues: Mapping[str, int] | None = None,
        crons: Sequence[Cron] = (),
        node: str | None = None,
        beat_every: float = 5.0,
        dead_after: float = 15.0,
        backoff: Backoff | None = None,
        timeout: float | None = None,
        poll: float = 1.0,
        threads: int = 16,
        keep: int = 86_400,
        pool_size: int = 4,
        waker: Waker | None = None,
        watch_processes: bool = True,
    ) -> None:
        self._queues = dict({"default": 10} if queues is None else queues)
        for queue, limit in self._queues.items():
            if not queue.strip() or limit < 1:
                raise BadJobOption("queues", {queue: limit}, allowed="names with limits of at least 1")
        for option, value in (("poll", poll), ("threads", threads), ("keep", keep), ("pool_size", pool_size)):
            if value <= 0:
                raise BadJobOption(option, value, allowed="above 0")
        self.node = f"{node or f'{socket.gethostname()}.{os.getpid()}'}.{uuid4().hex[:8]}"
        self._url = url
        self._poll = poll
        self._keep = keep
        self._pool_size = pool_size
        self.waker = waker or Waker(url)
        self._owns_waker = waker is None
        self._line = Line(url)
        self._ledger = Ledger(self._line, node=self.node)
        self._dispatcher = Dispatcher(
            handlers=handlers,
            ledger=self._ledger,
            backoff=backoff or Backoff(),
            timeout=timeout,
            threads=threads,
        )
        self._heart = Heart(
            url,
            node=self.node,
            queues=list(self._queues),
            beat_every=beat_every,
            dead_after=dead_after,
            living=self._living,
            rescued=self._rescued,
            watch_processes=watch_processes,
        )
        self._steward_line = Line(url)
        self._steward = Steward(
            self._steward_line,
            self._dispatcher,
            self._ledger,
            node=self.node,
            every=beat_every,
            wake=self._wake_all,
            watch=self._heart.look,
        )
        self._claims = oban_hooks.Claims(url, node=self.node)
        self._clock = Clock(self._steward_line, crons, wake=self._wake_all)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool: AsyncConnectionPool[Any] | None = None
        self._oban: Oban | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> Self:
        """Sign on and start claiming jobs.

        Raises:
            JobsNotInstalled: the tables are missing.
            psycopg.Error: the database cannot be reached.
        """
        self._loop = asyncio.get_running_loop()
        self._pool = await oban_hooks.open_pool(self._url, size=self._pool_size)
        try:
            await self._claims.open()
            await asyncio.to_thread(self._heart.start)
            self._ledger.start()
            self._oban = oban_hooks.make_oban(
                self._pool,
                self._dispatcher,
                node=self.node,
                queues=self._queues,
                poll=self._poll,
                keep=self._keep,
            )
            await self._oban.start()
        except BaseException:
            await self.stop(grace=0)
            raise
        self.waker.add_local(self._wake_local)
        self._tasks = [
            asyncio.create_task(self._steward.run(), name="sorbus-job-steward"),
            asyncio.create_task(self._clock.run(), name="sorbus-job-clock"),
        ]
        return self

    async def stop(self, grace: float = 15.0) -> None:
        """Stop claiming, wait for what runs, then put the rest back without counting the attempt.

        Async handlers are cancelled after `grace` seconds. A sync handler cannot be: it sees
        `JobContext.cancelled`; if it does not end, its job is taken back by the other nodes once this process
        has stopped beating.

        Args:
            grace: seconds to wait before handlers are interrupted.
        """
        self.waker.remove_local(self._wake_local)
        if self._oban is not None:
            await oban_hooks.pause(self._oban)
        await self._dispatcher.drain(grace)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._oban is not None:
            oban, self._oban = self._oban, None
            await oban_hooks.stop(oban)
            await self._dispatcher.stop()
        if not await self._ledger.flush(10):
            logger.warning("node %s stops before all outcomes were written; those jobs run again", self.node)
        await self._ledger.stop()
        await asyncio.to_thread(self._heart.stop)
        if self._owns_waker:
            await self.waker.close()
        for line in (self._line, self._steward_line):
            await line.close()
        await self._claims.close()
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.close()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def running(self) -> list[int]:
        """The ids of the jobs that this process runs now."""
        return [job_id for job_id, _ in self._dispatcher.running]

    def _living(self) -> bool:
        return self._loop is not None and not self._loop.is_closed()

    def _rescued(self, queues: frozenset[str]) -> None:
        """Called from the heart's thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop was closed in between; the poll finds the jobs
                self._loop.call_soon_threadsafe(self._wake_all, queues)

    def _wake_all(self, queues: frozenset[str]) -> None:
        self.waker.wake(queues)

    def _wake_local(self, queues: frozenset[str]) -> None:
        if self._oban is not None:
            oban_hooks.wake(self._oban, queues)
