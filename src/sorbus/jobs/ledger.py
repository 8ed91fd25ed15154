"""Outcomes on their way into the job rows: written in batches, kept until the database has them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import asyncpg

from sorbus.jobs.leases import Lease
from sorbus.jobs.line import BROKEN, Line
from sorbus.jobs.new_job import JobState
from sorbus.jobs.sql import sql

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One outcome to write.

    Attributes:
        lease: the attempt's hold on the job; the row is left alone when it is lost.
        state: the job's next state.
        delay: seconds until it is due, or None to leave its time as it is.
        error: what to append to the job's errors, as JSON text.
        counts: False when the attempt is not to be counted.
    """

    lease: Lease
    state: JobState = JobState.COMPLETED
    delay: float | None = None
    error: str | None = None
    counts: bool = True


class Ledger:
    """Collects outcomes and writes all that have gathered with one statement per kind.

    A statement that fails because the database is away is repeated until it succeeds: the fence makes that
    harmless.

    Args:
        line: the connection to write on.
        node: the node whose jobs these are.
        gather: how long outcomes gather before they are written, in seconds.
    """

    def __init__(self, line: Line, *, node: str, gather: float = 0.002) -> None:
        self._line = line
        self._node = node
        self._gather = gather
        self._pending: list[Entry] = []
        self._writing: list[Entry] = []
        self._filled = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start writing."""
        self._task = asyncio.create_task(self._run(), name="sorbus-job-ledger")

    def add(self, entry: Entry) -> None:
        """Take an outcome; it is written soon."""
        self._pending.append(entry)
        self._empty.clear()
        self._filled.set()

    def holds(self) -> set[tuple[int, int]]:
        """Id and attempt of the jobs whose outcome is not written yet."""
        return {(each.lease.id, each.lease.attempt) for each in (*self._pending, *self._writing)}

    async def flush(self, seconds: float) -> bool:
        """Wait until everything is written; False when that took longer than `seconds`."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), seconds)
        return self._empty.is_set()

    async def stop(self) -> None:
        """Stop writing; what is not written by now is left to the rescue."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            await self._filled.wait()
            await asyncio.sleep(self._gather)
            self._filled.clear()
            self._writing, self._pending = self._pending, []
            await self._write_until_done(self._writing)
            self._writing = []
            if not self._pending:
                self._empty.set()

    async def _write_until_done(self, entries: Sequence[Entry]) -> None:
        wait = 0.1
        while True:
            try:
                return await self._write(entries)
            except BROKEN as error:
                logger.warning("outcomes of %d jobs wait for the database: %s", len(entries), error)
            except asyncpg.PostgresError as error:
                if _passes(error):
                    logger.warning("outcomes of %d jobs are written again: %s", len(entries), error)
                elif len(entries) > 1:
                    # one bad entry must not keep the others from being written
                    for entry in entries:
                        await self._write_until_done([entry])
                    return None
                else:
                    logger.exception("the outcome of job %d cannot be written", entries[0].lease.id)
                    return None
            await asyncio.sleep(wait)
            wait = min(wait * 2, 2.0)

    async def _write(self, entries: Sequence[Entry]) -> None:
        ordered = sorted(entries, key=lambda each: each.lease.id)
        done = [each for each in ordered if each.state is JobState.COMPLETED]
        other = [each for each in ordered if each.state is not JobState.COMPLETED]
        written = 0
        if done:
            written += len(await self._line.fetch(sql("complete_jobs"), self._node, *_leases(done)))
        if other:
            rows = await self._line.fetch(
                sql("record_jobs"),
                self._node,
                *_leases(other),
                [each.state.value for each in other],
                [each.delay for each in other],
                [each.error for each in other],
                [int(each.counts) for each in other],
            )
            written += len(rows)
        if written < len(ordered):
            logger.warning(
                "%d of %d leases were lost before their outcome was written",
                len(ordered) - written,
                len(ordered),
            )


def _leases(entries: Sequence[Entry]) -> tuple[list[object], list[object], list[object]]:
    leases = [each.lease for each in entries]
    return (
        [each.id for each in leases],
        [each.attempt for each in leases],
        [each.attempted_at for each in leases],
    )


def _passes(error: asyncpg.PostgresError) -> bool:
    """Whether the same statement may succeed later, as after a conflict or without resources."""
    return (error.sqlstate or "")[:2] in {"40", "53", "55", "57", "58"}
