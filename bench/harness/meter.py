"""The server of the pipelines suite, and what it counts: statements by database, connections, and its own CPU time."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.machine import cpu_seconds
from sorbus.data_layers.postgres.database import Database
from sorbus.data_layers.postgres.embedded import start_embedded

# Loaded, but idle until it is asked to count: it costs a little for every statement.
SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track": "none",
    "max_connections": "200",
}
_COUNT = """
    SELECT coalesce(sum(s.calls), 0) FROM pg_stat_statements AS s JOIN pg_database AS d ON d.oid = s.dbid
    WHERE d.datname = $1
"""
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'"


class Meter:
    """A private server in a folder, whose statements can be counted. Used inside `async with`.

    Args:
        home: a folder that the server's account may enter.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._server = await self._stack.enter_async_context(
            await start_embedded(self._home / "postgres", settings=SETTINGS)
        )
        self._own = await self.database("bench_meter")
        async with self._own.pool.connection() as connection:
            await connection.execute("CREATE EXTENSION pg_stat_statements")
            self.postgres = str(await connection.fetchval("SHOW server_version"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def database(self, name: str) -> Database:
        """A database on the server, made now."""
        database = Database(None, home=self._home, name=name, pool={"size": 2})
        return await self._stack.enter_async_context(database)

    def cpu(self) -> float:
        """The CPU seconds that the server's processes have used, those that have ended included."""
        return cpu_seconds(self._server.pid)

    async def count(self) -> None:
        """Count statements from now on."""
        await self._track("top")
        async with self._own.pool.connection() as connection:
            await connection.fetchval("SELECT pg_stat_statements_reset()")

    async def counted(self, name: str) -> tuple[int, int]:
        """The statements in a database since `count`, and its connections; ends the count.

        Transactions' BEGIN and COMMIT are statements, too; what a function does inside the server is not.
        """
        async with self._own.pool.connection() as connection:
            statements = int(await connection.fetchval(_COUNT, name))
            connections = int(await connection.fetchval(_CONNECTIONS, name))
        await self._track("none")
        return statements, connections

    async def _track(self, what: str) -> None:
        async with self._own.pool.connection() as connection:
            await connection.execute(f"ALTER SYSTEM SET pg_stat_statements.track = '{what}'")
            await connection.execute("SELECT pg_reload_conf()")
        # Sessions take it up before their next statement, once the server has passed it on.
        await asyncio.sleep(0.2)
