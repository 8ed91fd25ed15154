"""The database of an application: the one that a URL names, or the embedded PostgreSQL."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from sorbus.data_layers.postgres.connection import Connection, checked_url, open_connection, place
from sorbus.data_layers.postgres.embedded import EmbeddedServer, sorbus_home, start_embedded
from sorbus.data_layers.postgres.pool import Pool
from sorbus.errors.database import DatabaseNotOpen, DatabaseTooOld

OLDEST = 15
NAME = "sorbus"


class Database:
    """One database with its pool. Made by `from_environment`, used inside `async with`.

    Args:
        url: a `postgresql://` URL, or None for the embedded server.
        home: the folder under which the embedded server lives, in `postgres`.
        name: the name of the database on the embedded server, made when it is missing.
        pool: keyword options for `Pool`, such as `size`.
        role: the role that its connections act as; by default the one that they log in as.

    Attributes:
        version: the server's major version, once the database is open.
    """

    version = OLDEST

    def __init__(
        self,
        url: str | None,
        *,
        home: Path,
        name: str = NAME,
        pool: dict[str, Any] | None = None,
        role: str | None = None,
    ) -> None:
        self.role = role
        self._given = checked_url(url) if url else None
        self._home = home
        self._name = name
        self._pool_options = pool or {}
        self._pool: Pool | None = None
        self._server: EmbeddedServer | None = None
        self._reviving: asyncio.Task[None] | None = None

    @classmethod
    def from_environment(
        cls,
        url: str | None = None,
        home: Path | None = None,
        *,
        name: str = NAME,
        pool: dict[str, Any] | None = None,
        role: str | None = None,
    ) -> Self:
        """The database that `url` names, else the one that DATABASE_URL names, else the embedded one.

        Args:
            url: a `postgresql://` URL.
            home: where the embedded server keeps its files; `sorbus_home()` by default.
            name: the name of the embedded database.
            pool: keyword options for `Pool`.
            role: the role that its connections act as.

        Raises:
            BadDatabaseUrl: the URL is not one of a PostgreSQL database.
        """
        return cls(
            url or os.environ.get("DATABASE_URL") or None,
            home=home or sorbus_home(),
            name=name,
            pool=pool,
            role=role,
        )

    @property
    def pool(self) -> Pool:
        """The connections.

        Raises:
            DatabaseNotOpen: the database is not open.
        """
        if self._pool is None:
            raise DatabaseNotOpen
        return self._pool

    @property
    def url(self) -> str:
        """The URL, also of the embedded server.

        Raises:
            DatabaseNotOpen: the embedded server has not been started yet.
        """
        if self._given is not None:
            return self._given
        return self.pool.url

    @property
    def server(self) -> EmbeddedServer | None:
        """The embedded server, or None when a URL is used or the database is not open."""
        return self._server

    def dsn_for_psycopg(self) -> str:
        """The same database as a connection string for psycopg, which the jobs use."""
        return self.url

    async def open(self) -> Self:
        """Start or find the server, make the embedded database when it is missing, and check the version.

        Raises:
            EmbeddedFault: one of its leaves, when the embedded server cannot be used.
            DatabaseUnavailable, DatabaseLoginFailed, NoSuchDatabase: the server cannot be reached or refuses.
            DatabaseTooOld: the server is older than PostgreSQL 15.
        """
        if self._pool is not None:
            return self
        options = self._options(self._pool_options)
        if self._given is not None:
            pool = Pool(self._given, **options)
        else:
            self._server = await start_embedded(self._home / "postgres")
            pool = Pool(_renamed(self._server.url, self._name), revive=self._revive, **options)
        try:
            if self._server is not None:
                await self._make_database(self._server.url)
            if self.role is None:
                await pool.open()
                async with pool.connection() as connection:
                    await self._check_version(connection, where=place(pool.url))
            else:
                # The role may not be there yet: migrations make it.
                connection = await pool.connect(plain=True)
                try:
                    await self._check_version(connection, where=place(pool.url))
                finally:
                    await connection.close()
        except BaseException:
            await pool.close()
            await self._stop_server()
            raise
        self._pool = pool
        return self

    def further_pool(self, **options: Any) -> Pool:
        """Another pool on the open database, with sessions of its own kind; whoever asks for it closes it."""
        revive = self._revive if self._server is not None else None
        if self.role is not None:
            # Its SQL is written by hand for all tenants: it goes through the wall's door, and says so.
            options = {**options, "settings": {"sorbus.tenants": "all", **(options.get("settings") or {})}}
        return Pool(self.pool.url, revive=revive, **self._options(options))

    def _options(self, options: dict[str, Any]) -> dict[str, Any]:
        if self.role is None:
            return options
        return {**options, "settings": {"role": self.role, **(options.get("settings") or {})}}

    async def connect_as_login(self, *, application_name: str = NAME) -> Any:
        """A connection of the role that logs in, which may alter tables; the caller closes it."""
        return await self.pool.connect(application_name=application_name, plain=True)

    async def close(self) -> None:
        """Close the pool and leave the embedded server, which stops when nobody else uses it."""
        pool, self._pool = self._pool, None
        try:
            if pool is not None:
                await pool.close()
        finally:
            await self._stop_server()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _check_version(self, connection: Connection, *, where: str) -> None:
        version = str(await connection.fetchval("SHOW server_version"))
        self.version = int(await connection.fetchval("SHOW server_version_num")) // 10_000
        if self.version < OLDEST:
            raise DatabaseTooOld(version=version, needed=OLDEST, where=where)

    async def _make_database(self, url: str) -> None:
        connection = await open_connection(url, seconds=30.0)
        try:
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", self._name):
                quoted = self._name.replace('"', '""')
                # Two processes may start at once; the second finds it made.
                try:
                    await connection.execute(f'CREATE DATABASE "{quoted}"')
                except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
                    return
        finally:
            await connection.close()

    async def _revive(self) -> None:
        """Start the embedded server again when it has died; many connections that miss it share one start."""
        if self._server is None:
            return
        if self._reviving is None or self._reviving.done():
            self._reviving = asyncio.ensure_future(self._server.ensure_running())
        await asyncio.shield(self._reviving)

    async def _stop_server(self) -> None:
        server, self._server = self._server, None
        if self._reviving is not None:
            await asyncio.gather(self._reviving, return_exceptions=True)
        if server is not None:
            await server.stop()


def _renamed(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path="/" + quote(name, safe="")))
