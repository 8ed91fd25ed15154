"""The one place that knows how Oban is put together.

Public of Oban: `Oban(pool, dispatcher, name, node, queues, lifeline, stager, pruner,
shutdown_grace_period)`, its `start` and `stop`, `oban.telemetry.execute`, `oban.schema.install_sql`, and the
channels `oban_insert` and `oban_signal`, which Elixir's Oban uses too. Private: the attribute
`Oban._producers`, `Producer.notify()`, `Producer.pause()`, what `Claims` reads of a producer, the extension
`producer.get_jobs`, the two methods of the dispatcher protocol, and `oban._scheduler.Expression`.
`tests/unit/jobs/test_oban_hooks.py` fails when a new version of Oban changes any of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, cast

import msgspec

from sorbus.errors.jobs import JobsNotInstalled
from sorbus.jobs.line import FORSAKEN, WATCHED
from sorbus.jobs.sql import sql

if TYPE_CHECKING:
    from oban import Oban
    from oban._producer import Producer
    from oban.job import Job
    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

    from sorbus.jobs.dispatch import Dispatcher

logger = logging.getLogger(__name__)

SIGNAL_CHANNEL = "public.oban_signal"
_INSTANCE = "sorbus"
_NEVER = 1_000_000_000.0
_STOP_SECONDS = 10.0
_STATEMENT_SECONDS = 20.0
# How many tenants one claim looks at, and how many jobs beyond those that it wants.
_TENANTS = 16
_SLACK = 8
_TABLES = ("oban_jobs", "oban_leaders", "oban_producers", "sorbus_nodes")


def _limited() -> type[AsyncConnection[Any]]:
    """A connection that gives up a statement without an answer: a link may hang though somebody acknowledges."""
    from psycopg import AsyncConnection, OperationalError

    class Limited(AsyncConnection[Any]):
        async def wait(self, *args: Any, **options: Any) -> Any:
            try:
                async with asyncio.timeout(_STATEMENT_SECONDS):
                    return await super().wait(*args, **options)
            except TimeoutError:
                self.pgconn.finish()
                raise OperationalError("a statement was not answered in time") from None

    return Limited


async def open_pool(url: str, *, size: int) -> AsyncConnectionPool[Any]:
    """Oban's own connections, and a check that the tables are there.

    Raises:
        JobsNotInstalled: a table is missing.
        psycopg_pool.PoolTimeout: the database cannot be reached.
    """
    from psycopg.conninfo import make_conninfo
    from psycopg_pool import AsyncConnectionPool

    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        # Oban opens its LISTEN connection with this text alone.
        make_conninfo(url, application_name="sorbus-oban", **WATCHED),
        connection_class=_limited(),
        min_size=1,
        max_size=size,
        timeout=10,
        open=False,
        configure=_configure,
        name="sorbus-oban",
    )
    await pool.open(wait=True, timeout=30)
    missing = await _missing_tables(pool)
    if missing:
        await pool.close()
        raise JobsNotInstalled(missing)
    return pool


async def _missing_tables(pool: AsyncConnectionPool[Any]) -> list[str]:
    query = "SELECT t FROM unnest(%s::text[]) AS t WHERE to_regclass('public.' || t) IS NULL"
    async with pool.connection() as conn:
        cursor = await conn.execute(query, [list(_TABLES)])
        return [row[0] for row in await cursor.fetchall()]


async def _configure(conn: AsyncConnection[Any]) -> None:
    await _configure_json(conn)
    # A lost claim only runs again, fenced: its commit need not wait for the disk. Outcomes are written
    # elsewhere.
    await conn.execute("SET synchronous_commit TO off")
    settings = "; ".join(f"SET {name} TO '{value}'" for name, value in FORSAKEN.items())
    await conn.execute(settings.encode())
    # plans are cached while the table is small and would stay sequential scans when a burst arrives
    await conn.execute("SET enable_seqscan TO off")
    await conn.commit()


class Claims:
    """Claims jobs for the queues of a node, in the place of Oban's own statement: tenants take turns.

    Oban's statement takes the oldest jobs first, so whoever puts in ten thousand keeps all others waiting. Priorities
    count as before: turns are taken among equally urgent jobs.

    Args:
        url: the database. Claims have a connection of their own, since their statement wants a plan that is made once.
    """

    _all: ClassVar[dict[str, Claims]] = {}

    def __init__(self, url: str, *, node: str) -> None:
        self._url = url
        self._node = node
        self._last: dict[str, str] = {}
        self._pool: AsyncConnectionPool[Any] | None = None

    async def open(self) -> None:
        """Connect, and have the queues of the node claim through this from now on.

        Raises:
            psycopg_pool.PoolTimeout: the database cannot be reached.
        """
        from oban import _extensions
        from psycopg_pool import AsyncConnectionPool

        self._pool = AsyncConnectionPool(
            self._url,
            connection_class=_limited(),
            kwargs={
                "application_name": "sorbus-claims",
                "autocommit": True,
                "prepare_threshold": 0,
                **WATCHED,
            },
            min_size=1,
            max_size=1,
            timeout=10,
            open=False,
            configure=_configure_claims,
            name="sorbus-claims",
        )
        await self._pool.open(wait=True, timeout=30)
        self._all[self._node] = self
        cast("Any", _extensions).put_ext("producer.get_jobs", _claimed)

    async def close(self) -> None:
        """Disconnect; the queues of the node claim nothing any more."""
        self._all.pop(self._node, None)
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    @classmethod
    def of(cls, node: str) -> Claims | None:
        """Those of a node."""
        return cls._all.get(node)

    async def claim(self, producer: Producer) -> list[Job]:
        """As many jobs as a queue has room for."""
        from oban.job import Job
        from psycopg.rows import class_row

        running: dict[int, tuple[Job, Any]] = cast("Any", producer)._running_jobs
        demand = producer._limit - len(running)
        if demand <= 0 or self._pool is None:
            return []
        queue = producer._queue
        busy = Counter(_tenant(job) for job, _ in running.values())
        values = {
            "queue": queue,
            "demand": demand,
            "look": 2 * demand + _SLACK,
            "last": self._last.get(queue, ""),
            "tenants": _TENANTS,
            "busy": msgspec.json.encode(busy).decode(),
            "attempted_by": [producer._node, producer._uuid],
        }
        async with self._pool.connection() as conn, conn.cursor(row_factory=class_row(Job)) as cursor:
            await cursor.execute(sql("claim").encode(), values)
            jobs: list[Job] = await cursor.fetchall()
        if jobs:
            self._last[queue] = _tenant(jobs[-1])
        return jobs


def _tenant(job: Job) -> str:
    return str(job.meta.get("tenant") or "")


async def _claimed(producer: Producer) -> list[Job]:
    from oban._producer import _get_jobs

    claims = Claims.of(producer._node)
    return await (_get_jobs(producer) if claims is None else claims.claim(producer))


async def _configure_claims(conn: AsyncConnection[Any]) -> None:
    await _configure_json(conn)
    await conn.execute("SET synchronous_commit TO off")
    await conn.execute("SET enable_seqscan TO off")
    # Its steps through the index are the right ones for every value, and planning takes longer than they do.
    await conn.execute("SET plan_cache_mode TO force_generic_plan")


async def _configure_json(conn: AsyncConnection[Any]) -> None:
    from psycopg.types.json import set_json_loads

    set_json_loads(msgspec.json.decode, conn)


def make_oban(
    pool: AsyncConnectionPool[Any],
    dispatcher: Dispatcher,
    *,
    node: str,
    queues: Mapping[str, int],
    poll: float,
    keep: int,
) -> Oban:
    """An Oban whose jobs our dispatcher runs, and whose rescue by age never happens."""
    from oban import Oban

    return Oban(
        pool=pool,
        dispatcher=dispatcher,
        name=_INSTANCE,
        node=node,
        queues=dict(queues),
        lifeline={"interval": _NEVER, "rescue_after": _NEVER},
        pruner={"max_age": keep},
        stager={"interval": poll},
        shutdown_grace_period=1.0,
    )


def wake(oban: Oban, queues: Iterable[str]) -> None:
    """Have local queues look for work now."""
    for queue in queues:
        producer = oban._producers.get(queue)
        if producer is not None:
            producer.notify()


async def pause(oban: Oban) -> None:
    """Have all local queues claim nothing any more."""
    pauses = asyncio.gather(
        *(producer.pause() for producer in oban._producers.values()), return_exceptions=True
    )
    # they claim nothing from the first moment on; telling the database may take for ever when it is away
    with suppress(TimeoutError):
        await asyncio.wait_for(pauses, 5)


async def stop(oban: Oban) -> None:
    """Stop Oban. What it still wants to tell a database that does not answer is left out."""
    import psycopg

    try:
        await asyncio.wait_for(oban.stop(), _STOP_SECONDS)
    except TimeoutError:
        logger.warning("the queues were stopped without a word to the database, which does not answer")
    except psycopg.Error as error:
        logger.warning("the queues were stopped without a word to the database: %s", error)


def emitter() -> Callable[[str, dict[str, Any]], None]:
    """What sends one of Oban's telemetry events, so that its loggers and dashboards see our jobs."""
    from oban import telemetry

    return telemetry.execute
