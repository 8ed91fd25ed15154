"""Migrations of the tables that each tenant has for itself: the same ones in one schema after the other.

The statements name no schema, so all that is needed is a search path that begins with the tenant's; a tenant's
books lie in its own schema. The application's schema comes next: that is where foreign keys to shared tables lead.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from sorbus.data_layers.postgres.migrations.books import tenant_names
from sorbus.data_layers.postgres.migrations.catalog import Connection, sql
from sorbus.data_layers.postgres.migrations.ddl import quoted
from sorbus.data_layers.postgres.migrations.drift import Drift, check
from sorbus.data_layers.postgres.migrations.push import push
from sorbus.data_layers.postgres.migrations.runner import Report, Runner, Standing, SystemScript
from sorbus.data_layers.postgres.tables import Schema
from sorbus.errors.base import SorbusError
from sorbus.errors.migrations import ManagedByFiles
from sorbus.errors.tenancy import TenantNotMigrated

FOLDER = "tenants"
"""The folder of tenants' migrations, inside that of the application's."""

REGISTRY = SystemScript("tenants", 1, sql("tenants"))
"""The table that holds the tenants' names."""


@asynccontextmanager
async def inside(conn: Connection, name: str) -> AsyncGenerator[None]:
    """Work in a tenant's schema. For a connection of the migrations' own: the path is the session's."""
    path = await conn.fetchval("SHOW search_path")
    await conn.execute("SELECT set_config('search_path', $1, false)", f"{quoted(name)}, {path}")
    try:
        yield
    finally:
        if not conn.is_closed():
            await conn.execute("SELECT set_config('search_path', $1, false)", path)


async def _each[R](conn: Connection, work: Callable[[], Awaitable[R]]) -> dict[str, R]:
    """What the work answers in each tenant. Raises `TenantNotMigrated`; tenants before stay as they are then."""
    found: dict[str, R] = {}
    for name in await tenant_names(conn):
        async with inside(conn, name):
            try:
                found[name] = await work()
            except SorbusError as error:
                raise TenantNotMigrated(name, error) from error
    return found


async def push_tenants(
    conn: Connection, schema: Schema, *, allow_destructive: bool = False
) -> dict[str, tuple[str, ...]]:
    """Bring the tables of every tenant to the declarations, without files; answers with the steps of each.

    A tenant that is managed by files is left to them. Raises `TenantNotMigrated`.
    """

    async def work() -> tuple[str, ...]:
        try:
            return await push(conn, schema, allow_destructive=allow_destructive)
        except ManagedByFiles:
            return ()

    return await _each(conn, work)


async def migrate_tenants(conn: Connection, folder: Path, *, to: str | None = None) -> dict[str, Report]:
    """Apply what is pending in every tenant. Raises `TenantNotMigrated`."""
    return await _each(conn, lambda: Runner(conn=conn, folder=folder).up(to=to))


async def revert_tenants(
    conn: Connection, folder: Path, *, steps: int = 1, to: str | None = None
) -> dict[str, Report]:
    """Undo the newest migrations in every tenant. Raises `TenantNotMigrated`."""
    return await _each(conn, lambda: Runner(conn=conn, folder=folder).down(steps=steps, to=to))


async def tenant_standings(conn: Connection, folder: Path) -> dict[str, list[Standing]]:
    """Where each migration stands in each tenant."""
    return await _each(conn, lambda: Runner(conn=conn, folder=folder).status())


async def check_tenants(schema: Schema, folder: Path, conn: Connection) -> dict[str, Drift]:
    """What differs in each tenant; tenants without a difference are left out."""
    found = await _each(conn, lambda: check(schema, folder, conn))
    return {name: drift for name, drift in found.items() if drift}
