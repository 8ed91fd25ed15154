"""Tenants with schemas of their own: how a statement reaches the right one, and how they come and go."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import asyncpg

from sorbus.data_layers.base import Bindings, Row
from sorbus.data_layers.postgres.faults import translate
from sorbus.data_layers.postgres.frames import TENANT, quote
from sorbus.data_layers.postgres.migrations import books
from sorbus.data_layers.postgres.migrations.births import build_tenant
from sorbus.data_layers.postgres.migrations.catalog import Connection
from sorbus.data_layers.postgres.migrations.files import Migration
from sorbus.data_layers.postgres.statements import SqlStatement
from sorbus.data_layers.postgres.tables import Schema
from sorbus.errors.database import UndefinedTable
from sorbus.errors.tenancy import TenantExists, UnknownTenant
from sorbus.schema.resource import ApplicationSpec
from sorbus.schema.tenant_names import TenantNames

_LARGEST_CACHE = 10_000


class KnownTenants:
    """The schemas that scopes may name. Only a registered tenant is one: other schemas are nobody's business."""

    def __init__(self, application: ApplicationSpec) -> None:
        self.names = TenantNames(application)
        self._quoted: dict[str, str] = {}

    async def schema(self, session: Any, tenant: Any, *, resource: str, action: str) -> str:
        """The schema of a scope's tenant, quoted. A name is looked up the first time that this process meets it.

        Raises:
            TenantRequired, InvalidTenant, TenantNameNotAllowed: the scope has none, or none that can be.
            UnknownTenant: there is none of this name.
        """
        if tenant.__class__ is str and (known := self._quoted.get(tenant)) is not None:
            return known
        name = self.names.name_of(tenant, resource=resource, action=action)
        if name not in self._quoted:
            if not await session.fetchval("SELECT true FROM sorbus_tenants WHERE name = $1", name):
                raise UnknownTenant(name)  # no near names: who asks need not know the others
            if len(self._quoted) >= _LARGEST_CACHE:
                self._quoted.clear()
            self._quoted[name] = quote(name)
        return self._quoted[name]

    def forget(self, name: str) -> None:
        """Look a name up again when it is met the next time."""
        self._quoted.pop(name, None)


@dataclass(frozen=True, slots=True)
class TenantStatement:
    """A compiled statement over tables of which each tenant has its own.

    The text names the tenant's schema, so nothing of a tenant is ever set on a connection, and the driver keeps a
    prepared statement for each tenant that is at work (see decision 007).

    Attributes:
        template: the statement, with `TENANT` where the schema stands.
        resource, action: what it is about, for errors.
    """

    template: SqlStatement
    tenants: KnownTenants
    resource: str
    action: str

    async def fetch(self, session: Any, bindings: Bindings) -> Sequence[Row]:
        """Run it in the schema of the bindings' tenant.

        Raises:
            TenantRequired, UnknownTenant: the scope has no tenant, or there is none of its name.
            SorbusError: as `SqlStatement.fetch`.
        """
        schema = await self.tenants.schema(
            session, bindings.tenant, resource=self.resource, action=self.action
        )
        statement = replace(self.template, sql=self.template.sql.replace(TENANT, schema))
        try:
            return await statement.fetch(session, bindings)
        except UndefinedTable as error:
            name = schema.strip('"')
            self.tenants.forget(name)
            if schema.strip('"') in str(error):
                raise UnknownTenant(name) from error
            raise


@asynccontextmanager
async def _changing(session: Connection, name: str) -> AsyncGenerator[None]:
    """Migrations stay away, and what PostgreSQL refuses becomes a typed error."""
    await books.share_lock(session)
    try:
        yield
    except (asyncpg.DuplicateSchemaError, asyncpg.UniqueViolationError) as error:
        # Another transaction was quicker.
        raise TenantExists(name) from error
    except asyncpg.PostgresError as error:
        raise translate(error) or error from error


class PostgresTenants:
    """The tenants of a database: a schema for each, and their names in `sorbus_tenants`.

    Args:
        schema: the tables that each tenant has.
        chain: the migrations of tenants' tables, read when they are needed.
        known: what the statements of this process know of tenants.
    """

    def __init__(self, schema: Schema, chain: Callable[[], Sequence[Migration]], known: KnownTenants) -> None:
        self.schema = schema
        self.chain = chain
        self.known = known

    async def create(self, session: Connection, name: str, *, key: str | None = None) -> None:
        """Make a tenant's schema and tables: by its migrations where there are any, else as declared.

        Raises:
            TenantExists: a tenant or another schema has the name.
            MigrationFailed, MigrationLockTimeout: the tables could not be made.
        """
        async with _changing(session, name):
            await self._need_free(session, name)
            await session.execute(f"CREATE SCHEMA {quote(name)}")
            await session.execute("INSERT INTO sorbus_tenants (name, key) VALUES ($1, $2)", name, key)
            await build_tenant(session, name, self.schema, self.chain)

    async def rename(self, session: Connection, name: str, new: str) -> None:
        """Rename the schema.

        Raises:
            UnknownTenant, TenantExists: as in `TenantTables.rename`.
        """
        async with _changing(session, new):
            await self._need(session, name)
            await self._need_free(session, new)
            await session.execute(f"ALTER SCHEMA {quote(name)} RENAME TO {quote(new)}")
            await session.execute("UPDATE sorbus_tenants SET name = $2 WHERE name = $1", name, new)
        self.known.forget(name)

    async def drop(self, session: Connection, name: str) -> None:
        """Drop the schema with everything in it.

        Raises:
            UnknownTenant: there is none.
        """
        async with _changing(session, name):
            await self._need(session, name)
            await session.execute(f"DROP SCHEMA IF EXISTS {quote(name)} CASCADE")
            await session.execute("DELETE FROM sorbus_tenants WHERE name = $1", name)
        self.known.forget(name)

    async def names(self, session: Connection) -> list[str]:
        """The names of all tenants, sorted."""
        return await books.tenant_names(session)

    async def name_of(self, session: Connection, key: str) -> str | None:
        """The name of the tenant that a row with this key manages, or None."""
        found: str | None = await session.fetchval("SELECT name FROM sorbus_tenants WHERE key = $1", key)
        return found

    async def _need_free(self, session: Connection, name: str) -> None:
        if await session.fetchval("SELECT true FROM pg_namespace WHERE nspname = $1", name):
            raise TenantExists(name)

    async def _need(self, session: Connection, name: str) -> None:
        if not await session.fetchval("SELECT true FROM sorbus_tenants WHERE name = $1 FOR UPDATE", name):
            raise UnknownTenant(name, known=await self.names(session))
