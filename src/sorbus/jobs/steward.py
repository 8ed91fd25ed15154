"""Compares what the database thinks this node runs with what it runs."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import asyncpg

from sorbus.errors.jobs import ClaimLost
from sorbus.jobs.connection import Fetches
from sorbus.jobs.dispatch import Dispatcher, Ending
from sorbus.jobs.ledger import Ledger
from sorbus.jobs.line import BROKEN
from sorbus.jobs.sql import sql

logger = logging.getLogger(__name__)


class Steward:
    """Looks once per beat, on the event loop, at the jobs that the database thinks this node runs.

    - One that somebody wants cancelled is cancelled (the NOTIFY that hastens this may have been lost).
    - One that this node does not run, seen twice, is put back: the answer to its claim was lost.
    - One that runs here but is not this node's any more, seen twice, is ended: this node was taken for dead.

    Args:
        conn: runs the statements.
        dispatcher: knows what runs.
        ledger: knows what has ended and is not written yet.
        node: this node.
        every: seconds between two looks.
        wake: called with the queues that got jobs back.
        watch: called once per beat, whether the database answers or not.
    """

    def __init__(
        self,
        conn: Fetches,
        dispatcher: Dispatcher,
        ledger: Ledger,
        *,
        node: str,
        every: float,
        wake: Callable[[frozenset[str]], None],
        watch: Callable[[], None] = lambda: None,
    ) -> None:
        self._conn = conn
        self._dispatcher = dispatcher
        self._ledger = ledger
        self._node = node
        self._every = every
        self._wake = wake
        self._watch = watch
        self._strays: set[tuple[int, int]] = set()
        self._lost: set[tuple[int, int]] = set()

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            await asyncio.sleep(self._every)
            self._watch()
            try:
                await self.look()
            except (*BROKEN, asyncpg.PostgresError) as error:
                logger.warning("node %s could not look at its jobs: %s", self._node, error)

    async def look(self) -> None:
        """Compare once.

        Raises:
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: the database could not be asked.
        """
        before = {key for key, each in self._dispatcher.running.items() if not each.context.acked}
        rows = await self._conn.fetch(sql("held_by_node"), self._node, self._every)
        held = {(row["id"], row["attempt"]): row for row in rows}
        for (job_id, _), row in held.items():
            if row["cancelled"]:
                self._dispatcher.end(job_id, Ending.CANCELLED)
        self._end_lost(before - held.keys())
        await self._put_back(held)

    def _end_lost(self, missing: set[tuple[int, int]]) -> None:
        # a job completed by its own handler looks lost until its context says so: only the second sight
        # counts
        for key in missing & self._lost:
            execution = self._dispatcher.running.get(key)
            if execution is not None and not execution.context.acked:
                logger.warning("attempt %d of job %d is not this node's any more", key[1], key[0])
                execution.end(Ending.LOST)
        self._lost = missing

    async def _put_back(self, held: dict[tuple[int, int], Any]) -> None:
        known = self._dispatcher.running.keys() | self._ledger.holds()
        strays = {key for key, row in held.items() if row["settled"] and key not in known}
        again = sorted(strays & self._strays)
        self._strays = strays - set(again)
        if not again:
            return
        error = ClaimLost()
        rows = await self._conn.fetch(
            sql("rescue_strays"),
            self._node,
            [job_id for job_id, _ in again],
            [attempt for _, attempt in again],
            [held[key]["attempted_at"] for key in again],
            json.dumps({"error": str(error), **error.to_dict()}),
        )
        logger.warning("put back %d jobs that node %s was given and does not run", len(rows), self._node)
        self._wake(frozenset(row["queue"] for row in rows))
