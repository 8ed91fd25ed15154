"""Statements over many runs, which may meet somebody's transaction over some of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sorbus.data_layers.postgres.faults import translate_limited
from sorbus.data_layers.postgres.pool import Pool
from sorbus.errors.database import Deadlock
from sorbus.pipelines.running.sql import sql

_DEADLOCKS = 4


async def patient[Found](work: Callable[[], Awaitable[Found]]) -> Found:
    """Do work in the database, and do it again after a deadlock: it did nothing then.

    Args:
        work: one statement, or one transaction.

    Raises:
        SorbusError: what the database says otherwise; a Deadlock after four of them.
    """
    for left in reversed(range(_DEADLOCKS)):
        try:
            return await work()
        except Exception as error:
            known = translate_limited(error)
            if isinstance(known, Deadlock) and left:
                continue
            if known is None:
                raise
            raise known from error
    raise AssertionError("the last attempt answers or raises")


async def fetched(pool: Pool, name: str, *args: Any) -> Sequence[Any]:
    """The rows of one of the static statements.

    Raises:
        SorbusError: as `patient`.
    """

    async def work() -> Sequence[Any]:
        async with pool.connection() as connection:
            return await connection.fetch(sql(name), *args)

    return await patient(work)
