"""Jobs by the clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import asyncpg

from sorbus.errors.jobs import BadCron, BadJobOption
from sorbus.jobs.connection import Fetches
from sorbus.jobs.insert import insert_jobs
from sorbus.jobs.line import BROKEN
from sorbus.jobs.new_job import JobRef, NewJob, UniqueScope

logger = logging.getLogger(__name__)

_MINUTE = timedelta(minutes=1)
# how far a loop that was blocked, or a laptop that slept, looks back
_CATCH_UP = timedelta(minutes=10)
_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Cron:
    """A job that is inserted whenever the clock matches, once for all nodes.

    Attributes:
        name: unique among all crons of the database.
        expression: five fields (minute hour day month weekday) or a word such as `@hourly`, read by Oban, in
            UTC. A day and a weekday both have to match.
        job: what to insert; it must have no unique key of its own.

    Raises:
        BadCron: the expression cannot be read.
        BadJobOption: the job has a unique key.
    """

    name: str
    expression: str
    job: NewJob

    def __post_init__(self) -> None:
        if self.job.unique_key is not None:
            raise BadJobOption(
                "unique_key", self.job.unique_key, allowed="None for a cron, which makes its own"
            )
        self.matches(datetime.now(UTC))

    def matches(self, minute: datetime) -> bool:
        """Whether the job is due in a minute (in UTC)."""
        from oban._scheduler import Expression

        try:
            return Expression.parse(self.expression).is_now(minute.astimezone(UTC))
        except ValueError as error:
            raise BadCron(self.name, self.expression, str(error)) from error

    def tick(self, minute: datetime) -> NewJob:
        """The job of one minute. Its unique key makes the database accept it once, whoever inserts it."""
        at = minute.astimezone(UTC).replace(second=0, microsecond=0).isoformat()
        return replace(
            self.job,
            unique_key=f"cron:{self.name}:{at}",
            unique_scope=UniqueScope.ALWAYS,
            meta={
                **self.job.meta,
                "cron": True,
                "cron_name": self.name,
                "cron_expr": self.expression,
                "cron_at": at,
            },
        )


async def insert_due(conn: Fetches, crons: Iterable[Cron], minute: datetime) -> list[JobRef]:
    """Insert the jobs that are due in a minute; `inserted=False` marks those of another node."""
    return await insert_jobs(conn, [cron.tick(minute) for cron in crons if cron.matches(minute)])


class Clock:
    """Inserts the due jobs of every minute; every node runs one, and the database decides who is first.

    Args:
        conn: the connection to insert on.
        crons: the jobs by the clock; their names must differ.
        wake: called with the queues that got jobs.
        now: asks for the time in UTC; by default the database is asked, so that a node whose clock is off inserts
            nothing hours too early or too late.

    Raises:
        BadJobOption: two crons share a name.
    """

    def __init__(
        self,
        conn: Fetches,
        crons: Sequence[Cron],
        *,
        wake: Callable[[frozenset[str]], None],
        now: Callable[[], Awaitable[datetime]] | None = None,
    ) -> None:
        names = [cron.name for cron in crons]
        if len(set(names)) < len(names):
            raise BadJobOption("crons", sorted(names), allowed="a list of crons with different names")
        self._conn = conn
        self._crons = crons
        self._wake = wake
        self._now = now or self._database_time

    async def run(self) -> None:
        """Run until cancelled."""
        last: datetime | None = None
        while self._crons:
            try:
                last = _minute(await self._now()) if last is None else await self._next(last)
            except (*BROKEN, asyncpg.PostgresError) as error:
                logger.warning("the time of the crons could not be asked: %s", error)
                await asyncio.sleep(_PAUSE)

    async def _next(self, last: datetime) -> datetime:
        """Wait for the end of the minute after one, and insert what is due; answers with the last that was done."""
        wait = min(last + _MINUTE - await self._now(), _MINUTE)
        await asyncio.sleep(wait.total_seconds())
        for minute in _minutes(last, await self._now()):
            if not await self._insert(minute):
                await asyncio.sleep(_PAUSE)
                break
            last = minute
        return last

    async def _database_time(self) -> datetime:
        found: datetime = (await self._conn.fetch("SELECT now()"))[0][0]
        return found

    async def _insert(self, minute: datetime) -> bool:
        try:
            refs = await insert_due(self._conn, self._crons, minute)
        except (*BROKEN, asyncpg.PostgresError) as error:
            logger.warning("the crons of %s could not be inserted yet: %s", minute, error)
            return False
        if any(ref.inserted for ref in refs):
            self._wake(frozenset(cron.job.queue for cron in self._crons))
        return True


def _minute(time: datetime) -> datetime:
    return time.replace(second=0, microsecond=0)


def _minutes(last: datetime, now: datetime) -> Iterator[datetime]:
    minute = max(last, _minute(now) - _CATCH_UP)
    while minute + _MINUTE <= now:
        minute += _MINUTE
        yield minute
