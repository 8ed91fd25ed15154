# ruff: noqa: ASYNC109 - the timeouts are those of the driver
"""What the engine needs of a database connection, and how one is opened.

asyncpg's own connection satisfies the protocol as it is, so no wrapper stands between a plan and the driver.

One rule holds for all who use a pooled connection: session state is set with SET LOCAL (or
`set_config(…, true)`) only. Connections are handed on without a reset query, which would cost forty per cent
of a get by key.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

import asyncpg

from sorbus.data_layers.postgres.faults import DRIVER_ERRORS, translate_connect
from sorbus.data_layers.postgres.json_codec import decode_json, decode_jsonb, encode_json, encode_jsonb
from sorbus.errors.database import BadDatabaseUrl, DatabaseUnavailable

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0
_WATCH = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 10_000}

type Row = asyncpg.Record
type DriverConnection = asyncpg.Connection[asyncpg.Record]


class Connection(Protocol):
    """A connection to PostgreSQL, used by one task at a time.

    Parameters are `$1`, `$2`, … and bound, never pasted.

    Every method raises the driver's exceptions; `faults.translate` turns them into typed leaves.
    `timeout` is in seconds; None means no limit.
    """

    async def fetch(self, query: str, *args: object, timeout: float | None = None) -> list[Row]:
        """All rows of a statement."""
        ...

    async def fetchrow(self, query: str, *args: object, timeout: float | None = None) -> Row | None:
        """The first row, or None when there is none."""
        ...

    async def fetchval(self, query: str, *args: object, column: int = 0, timeout: float | None = None) -> Any:
        """One value of the first row, or None when there is none."""
        ...

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
        """The server's command tag, such as `UPDATE 3`.

        Without arguments the query may hold several statements. `BEGIN`, `COMMIT` and `ROLLBACK` go through
        here: one short message each, cheaper than the driver's transaction objects.
        """
        ...

    async def executemany(
        self, command: str, args: Iterable[Sequence[object]], *, timeout: float | None = None
    ) -> None:
        """Run one statement for each tuple of arguments, atomically."""
        ...

    async def copy_records_to_table(
        self,
        table_name: str,
        *,
        records: Iterable[Sequence[object]],
        columns: Iterable[str] | None = None,
        schema_name: str | None = None,
        timeout: float | None = None,
    ) -> str:
        """Append rows by COPY, the fastest way in; answers with the command tag."""
        ...

    def is_in_transaction(self) -> bool:
        """Whether a transaction is open, also a failed one."""
        ...

    def is_closed(self) -> bool:
        """Whether the connection is gone."""
        ...


def checked_url(url: str) -> str:
    """The URL as both drivers take it.

    Raises:
        BadDatabaseUrl: it is not a PostgreSQL URL. The message never shows the password.
    """
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError as cause:
        raise BadDatabaseUrl(str(cause)) from None
    scheme = parts.scheme.partition("+")[0]
    if scheme not in {"postgresql", "postgres"}:
        shown = f"its scheme is `{parts.scheme}`" if parts.scheme else "it has no scheme"
        raise BadDatabaseUrl(f"{shown}, not `postgresql`")
    # Not through urlunsplit, which drops the empty host of `postgresql:///name`.
    return "postgresql" + url.strip()[len(parts.scheme) :]


def place(url: str) -> str:
    """Where a URL points, for messages: no user, no password."""
    parts: SplitResult = urlsplit(url)
    folder = next((each[5:] for each in parts.query.split("&") if each.startswith("host=")), "")
    return f"{parts.netloc.rpartition('@')[2] or folder or 'localhost'}{parts.path}"


def keep_watch(connection: DriverConnection) -> None:
    """Have the kernel notice within about ten seconds that the way to the server is cut.

    Without it a connection whose packets vanish is waited on for a quarter of an hour, or for ever.
    """
    found: Any = connection
    opened: socket.socket | None = found._transport.get_extra_info("socket")
    if opened is None or opened.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _WATCH.items():
        option = getattr(socket, name, None)  # not every system has each of them
        if option is not None:
            opened.setsockopt(socket.IPPROTO_TCP, option, value)


async def open_connection(
    url: str,
    *,
    seconds: float,
    statement_cache: int = 512,
    statement_timeout: float | None = None,
    application_name: str = "sorbus",
    settings: Mapping[str, str] | None = None,
    kind: type[DriverConnection] = asyncpg.Connection,
) -> DriverConnection:
    """A new connection with Sorbus' session: UTC, and JSON as plain Python values.

    Args:
        url: as `checked_url` returns it.
        seconds: how long the server may take to answer.
        statement_cache: prepared statements kept per connection; 0 behind a pooler in transaction mode.
        statement_timeout: seconds after which a statement is given up with TimeoutError; None for no limit.
        application_name: what `pg_stat_activity` shows.
        settings: further settings of the session.
        kind: the class of the connection.
    """
    connection = await asyncpg.connect(
        url,
        connection_class=kind,
        timeout=seconds,
        statement_cache_size=statement_cache,
        command_timeout=statement_timeout,
        server_settings={**(settings or {}), "TimeZone": "UTC", "application_name": application_name},
    )
    keep_watch(connection)
    try:
        await connection.set_type_codec(
            "jsonb", schema="pg_catalog", encoder=encode_jsonb, decoder=decode_jsonb, format="binary"
        )
        await connection.set_type_codec(
            "json", schema="pg_catalog", encoder=encode_json, decoder=decode_json, format="binary"
        )
    except BaseException:
        connection.terminate()
        raise
    return connection


async def open_patiently(
    url: str,
    *,
    seconds: float,
    statement_cache: int = 512,
    statement_timeout: float | None = None,
    application_name: str = "sorbus",
    settings: Mapping[str, str] | None = None,
    revive: Callable[[], Awaitable[None]] | None = None,
    kind: type[DriverConnection] = asyncpg.Connection,
) -> DriverConnection:
    """As `open_connection`, trying again with longer and longer pauses while the server is away.

    Args:
        url: as `checked_url` returns it.
        seconds: how long to try.
        statement_cache: prepared statements kept per connection.
        statement_timeout: seconds after which a statement is given up.
        application_name: what `pg_stat_activity` shows.
        settings: further settings of the session.
        revive: called after a failed try (the embedded server starts again).
        kind: the class of the connection.

    Raises:
        DatabaseUnavailable: the server could not be reached in time.
        DatabaseLoginFailed, NoSuchDatabase, or what `revive` raises: at once.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    pause = FIRST_PAUSE
    while True:
        try:
            return await open_connection(
                url,
                seconds=seconds,
                statement_cache=statement_cache,
                statement_timeout=statement_timeout,
                application_name=application_name,
                settings=settings,
                kind=kind,
            )
        except DRIVER_ERRORS as cause:
            waited = loop.time() - started
            found = translate_connect(cause, where=place(url), waited=waited)
            if not isinstance(found, DatabaseUnavailable):
                raise (found or cause) from cause
            if waited + pause > seconds:
                raise found from cause
        if revive is not None:
            await revive()
        # Spread, so that the connections of many processes do not come back in step.
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
        pause = min(pause * 2, LONGEST_PAUSE)
