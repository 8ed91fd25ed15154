"""Statements over many runs, which may meet somebody's transaction over some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
