"""One connection of the node's own, opened when needed and opened again when it breaks."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import asyncpg

from sorbus.data_layers.postgres.connection import keep_watch

# Plans are cached while the table is small; without this they would stay sequential scans when a burst
# arrives.
FORSAKEN: dict[str, str] = {
    "idle_in_transaction_session_timeout": "10s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10s",
}
"""Settings of a session whose locks others wait for: the server ends it when its node is out of reach."""

_SETTINGS = {"application_name": "sorbus-jobs", "enable_seqscan": "off", **FORSAKEN}
# The same for psycopg's connections: a link that is cut is noticed within about ten seconds.
WATCHED: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
BROKEN = (
    OSError,
    asyncpg.InterfaceError,
    # what asyncpg says when the server ended an idle connection just as a statement began
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)


class Line:
    """A single asyncpg connection, shared by callers one after the other.

    Args:
        url: the database.
        timeout: the longest a statement or a connection attempt may take, in seconds.
    """

    def __init__(self, url: str, *, timeout: float = 30.0) -> None:
        self._url = url
        self._timeout = timeout
        self._conn: asyncpg.Connection[asyncpg.Record] | None = None
        self._lock = asyncio.Lock()

    async def fetch(self, query: str, *args: object) -> list[Any]:
        """Run one statement; returns its rows. Opens the connection first when there is none.

        Raises:
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: as the driver reports it; those in
            `BROKEN` mean
                that the database could not be reached, and the next call connects anew.
        """
        async with self._lock:
            if self._conn is None or self._conn.is_closed():
                self._conn = await asyncpg.connect(
                    self._url, timeout=self._timeout, server_settings=_SETTINGS
                )
                keep_watch(self._conn)
            try:
                return await self._conn.fetch(query, *args, timeout=self._timeout)
            except BROKEN:
                self._conn.terminate()
                self._conn = None
                raise

    async def close(self) -> None:
        """Close the connection if it is open."""
        async with self._lock:
            conn, self._conn = self._conn, None
            if conn is not None:
                with suppress(*BROKEN):
                    await conn.close(timeout=5)
