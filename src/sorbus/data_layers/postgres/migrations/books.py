"""What a database remembers about its migrations, and the lock that lets one process at a time change it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from time import monotonic

from sorbus.data_layers.postgres.migrations.catalog import Connection, sql, transaction
from sorbus.data_layers.postgres.migrations.files import Migration
from sorbus.data_layers.postgres.tables import Schema
from sorbus.errors.migrations import MigrationLockTimeout

_LOCK = int.from_bytes(sha256(b"sorbus migrations").digest()[:8], signed=True)
_PAUSE = 0.1
DEFAULT_WAIT = 600.0
"""How long a process waits for another that migrates, in seconds."""


@dataclass(frozen=True, slots=True)
class Applied:
    """One migration that the database has."""

    id: str
    name: str
    checksum: str
    adopted: bool
    applied_at: datetime
    duration: timedelta


@asynccontextmanager
async def migration_lock(conn: Connection, *, wait: float = DEFAULT_WAIT) -> AsyncGenerator[None]:
    """Hold the database's one migration lock on this connection (it ends with the connection at the latest).

    Raises `MigrationLockTimeout` after `wait` seconds.
    """
    until = monotonic() + wait
    # Asked again and again, not waited for: a waiting query holds a snapshot, and the other process's
    # CREATE INDEX CONCURRENTLY would wait for that snapshot for ever.
    while not await conn.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
        if monotonic() >= until:
            raise MigrationLockTimeout(wait)
        await asyncio.sleep(_PAUSE)
    try:
        yield
    finally:
        if not conn.is_closed():
            await conn.execute("SELECT pg_advisory_unlock($1)", _LOCK)


async def share_lock(conn: Connection, *, wait: float = 30.0) -> None:
    """Keep migrations away until the open transaction ends; several transactions may do so at once.

    Raises `MigrationLockTimeout` after `wait` seconds.
    """
    until = monotonic() + wait
    while not await conn.fetchval("SELECT pg_try_advisory_xact_lock_shared($1)", _LOCK):
        if monotonic() >= until:
            raise MigrationLockTimeout(wait)
        await asyncio.sleep(_PAUSE)


async def tenant_names(conn: Connection) -> list[str]:
    """The tenants that have schemas of their own, sorted; none in a database that has never heard of any."""
    if await conn.fetchval("SELECT to_regclass('sorbus_tenants') IS NULL"):
        return []
    return [str(row["name"]) for row in await conn.fetch("SELECT name FROM sorbus_tenants ORDER BY name")]


async def open_books(conn: Connection) -> None:
    """Create our tables where they are missing."""
    if not await has_books(conn):
        async with transaction(conn):
            await conn.execute(sql("bookkeeping"))


async def has_books(conn: Connection) -> bool:
    """Whether our tables are there; false in a database that Sorbus has never touched."""
    return bool(
        await conn.fetchval(
            "SELECT count(*) = 3 FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
            " AND relname IN ('sorbus_migrations', 'sorbus_system_scripts', 'sorbus_pushed_schema')"
        )
    )


async def applied(conn: Connection) -> dict[str, Applied]:
    """The migrations that the database has, by id, oldest first; none when it has no books."""
    if not await has_books(conn):
        return {}
    rows = await conn.fetch(
        "SELECT id, name, checksum, adopted, applied_at, duration FROM sorbus_migrations"
        " ORDER BY applied_at, name"
    )
    return {row["id"]: Applied(*row.values()) for row in rows}


async def note_applied(
    conn: Connection, migration: Migration, *, seconds: float = 0.0, adopted: bool = False
) -> None:
    """Write down that a migration was applied."""
    await conn.execute(
        "INSERT INTO sorbus_migrations (id, name, checksum, adopted, duration) VALUES ($1, $2, $3, $4, $5)",
        migration.id,
        migration.name,
        migration.checksum,
        adopted,
        timedelta(seconds=seconds),
    )


async def note_reverted(conn: Connection, migration: Migration) -> None:
    """Write down that a migration was undone."""
    await conn.execute("DELETE FROM sorbus_migrations WHERE id = $1", migration.id)


async def note_names(conn: Connection, migrations: list[Migration], known: dict[str, Applied]) -> None:
    """Follow migrations that a merge gave another number."""
    for each in migrations:
        if each.id in known and known[each.id].name != each.name:
            await conn.execute("UPDATE sorbus_migrations SET name = $2 WHERE id = $1", each.id, each.name)


async def pushed_schema(conn: Connection) -> Schema | None:
    """The schema that was last pushed to this database without files, or None."""
    pushed = await last_push(conn)
    return None if pushed is None else pushed[0]


async def last_push(conn: Connection) -> tuple[Schema, str] | None:
    """The schema that was last pushed and the checksum of the catalog that came of it, or None."""
    if not await has_books(conn):
        return None
    row = await conn.fetchrow("SELECT snapshot, catalog FROM sorbus_pushed_schema")
    return None if row is None else (Schema.from_json(row["snapshot"]), row["catalog"])


async def note_pushed(conn: Connection, schema: Schema, live: Schema) -> None:
    """Write down what was pushed, and what the catalog says of it."""
    await conn.execute(
        "INSERT INTO sorbus_pushed_schema (snapshot, catalog) VALUES ($1, $2)"
        " ON CONFLICT (one_row) DO UPDATE"
        " SET snapshot = EXCLUDED.snapshot, catalog = EXCLUDED.catalog, pushed_at = clock_timestamp()",
        schema.to_json(),
        live.checksum,
    )


async def forget_pushed(conn: Connection) -> None:
    """From now on the database is migrated by files."""
    await conn.execute("DELETE FROM sorbus_pushed_schema")


async def script_versions(conn: Connection) -> set[tuple[str, int]]:
    """The system scripts that have run, as (name, version)."""
    if not await has_books(conn):
        return set()
    rows = await conn.fetch("SELECT name, version FROM sorbus_system_scripts")
    return {(row["name"], row["version"]) for row in rows}


async def note_script(conn: Connection, name: str, version: int, *, seconds: float) -> None:
    """Write down that a system script has run."""
    await conn.execute(
        "INSERT INTO sorbus_system_scripts (name, version, duration) VALUES ($1, $2, $3)",
        name,
        version,
        timedelta(seconds=seconds),
    )
