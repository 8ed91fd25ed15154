"""Statements over many runs, which may meet somebody's transaction over some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sorbus.data_layers.postgres.patience import patient
from sorbus.data_layers.postgres.pool import Pool
from sorbus.pipelines.running.sql import sql


async def fetched(pool: Pool, name: str, *args: Any) -> Sequence[Any]:
    """The rows of one of the static statements.

    Raises:
        SorbusError: as `patient`.
    """

    async def work() -> Sequence[Any]:
        async with pool.connection() as connection:
            return await connection.fetch(sql(name), *args)

    return await patient(work)


async def signalled(pool: Pool, runs: Sequence[UUID]) -> tuple[Sequence[Any], Sequence[Any]]:
    """Let runs know that they may go on: the rows of those that are not over, and of the jobs that were woken for it.

    Raises:
        SorbusError: as `patient`.
    """

    async def work() -> tuple[Sequence[Any], Sequence[Any]]:
        async with pool.transaction() as connection:
            told = await connection.fetch(sql("signal_runs"), runs)
            woken = await connection.fetch(sql("wake_runs"), [str(row["id"]) for row in told]) if told else ()
            return told, woken

    return await patient(work)
