"""One connection of the node's own, apart from the pool, opened when needed and again when it broke."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from sorbus.data_layers.postgres.connection import DriverConnection
from sorbus.data_layers.postgres.faults import DRIVER_ERRORS
from sorbus.data_layers.postgres.pool import Pool


class OwnConnection:
    """Lends its connection to one task at a time.

    Args:
        pool: whose server it connects to.
        name: what `pg_stat_activity` shows.
    """

    def __init__(self, pool: Pool, *, name: str) -> None:
        self._pool = pool
        self._name = name
        self._connection: DriverConnection | None = None
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def lend(self) -> AsyncGenerator[DriverConnection]:
        """The connection, for the block. After an error it is thrown away: nobody gets a broken one.

        Raises:
            DatabaseUnavailable: the server cannot be reached.
        """
        async with self._lock:
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._pool.connect(application_name=self._name)
            try:
                yield self._connection
            except BaseException:
                self._connection.terminate()
                self._connection = None
                raise

    async def close(self) -> None:
        """Close it."""
        async with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                with suppress(*DRIVER_ERRORS):
                    await connection.close(timeout=5)
