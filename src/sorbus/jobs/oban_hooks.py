"""The one place that knows how Oban is put together.

Public of Oban: `Oban(pool, dispatcher, name, node, queues, lifeline, stager, pruner,
shutdown_grace_period)`, its `start` and `stop`, `oban.telemetry.execute`, `oban.schema.install_sql`, and the
channels `oban_insert` and `oban_signal`, which Elixir's Oban uses too. Private: the attribute
`Oban._producers`, `Producer.notify()`, `Producer.pause()`, the two methods of the dispatcher protocol, and
`oban._scheduler.Expression`. `tests/unit/jobs/test_oban_hooks.py` fails when a new version of Oban changes
any of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from sorbus.errors.jobs import JobsNotInstalled
from sorbus.jobs.line import WATCHED

if TYPE_CHECKING:
    from oban import Oban
    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

    from sorbus.jobs.dispatch import Dispatcher

SIGNAL_CHANNEL = "public.oban_signal"
_INSTANCE = "sorbus"
_NEVER = 1_000_000_000.0
_TABLES = ("oban_jobs", "oban_leaders", "oban_producers", "sorbus_nodes")


async def open_pool(url: str, *, size: int) -> AsyncConnectionPool[Any]:
    """Oban's own connections, and a check that the tables are there.

    Raises:
        JobsNotInstalled: a table is missing.
        psycopg_pool.PoolTimeout: the database cannot be reached.
    """
    from psycopg_pool import AsyncConnectionPool

    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        url,
        kwargs={"application_name": "sorbus-oban", **WATCHED},
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
    from psycopg.types.json import set_json_loads

    set_json_loads(msgspec.json.decode, conn)
    # A lost claim only runs again, fenced: its commit need not wait for the disk. Outcomes are written
    # elsewhere.
    await conn.execute("SET synchronous_commit TO off")
    # plans are cached while the table is small and would stay sequential scans when a burst arrives
    await conn.execute("SET enable_seqscan TO off")
    await conn.commit()


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


def emitter() -> Callable[[str, dict[str, Any]], None]:
    """What sends one of Oban's telemetry events, so that its loggers and dashboards see our jobs."""
    from oban import telemetry

    return telemetry.execute
