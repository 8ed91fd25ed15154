"""The role that an application with row-level security runs as, and the proof that the wall stands."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from functools import partial
from typing import Any

import asyncpg

from sorbus.data_layers.postgres.connection import Connection
from sorbus.data_layers.postgres.frames import quote
from sorbus.data_layers.postgres.migrations import SystemScript
from sorbus.data_layers.postgres.migrations.catalog import transaction
from sorbus.errors.tenancy import RowSecurityBypassed, RowSecurityMissing, RowSecurityRole

_UNWALLED = """
SELECT w.name
FROM unnest($1::text[]) AS w (name)
JOIN pg_class AS c ON c.oid = to_regclass(quote_ident(w.name))
WHERE NOT (c.relrowsecurity AND c.relforcerowsecurity
           AND EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid))
"""


def role_script(role: str, *, makes_schemas: bool) -> SystemScript:
    """Makes the role where it is missing, and lets it read and write rows, but alter no table.

    What the same migrating role makes later is granted by default. Runs once for each database and role.

    Args:
        makes_schemas: whether the application makes schemas for its tenants.
    """
    label = f"role {role}{' with schemas' if makes_schemas else ''}"
    return SystemScript(label, 1, partial(_prepare, role=role, makes_schemas=makes_schemas))


async def _prepare(conn: Any, *, role: str, makes_schemas: bool) -> None:
    name, login = quote(role), await conn.fetchval("SELECT session_user")
    if not await conn.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role):
        try:
            # Roles belong to the whole server: another database's migration may be quicker.
            with suppress(asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
                async with transaction(conn):
                    await conn.execute(f"CREATE ROLE {name} NOLOGIN NOSUPERUSER NOBYPASSRLS")
        except asyncpg.InsufficientPrivilegeError as error:
            raise RowSecurityRole(
                role, problem="there is none, and it may not be made", login=login
            ) from error
    schema = quote(await conn.fetchval("SELECT current_schema()"))
    database = quote(await conn.fetchval("SELECT current_database()"))
    # Tenants' tables may refer to those that all tenants share.
    rights = "SELECT, INSERT, UPDATE, DELETE" + (", REFERENCES" if makes_schemas else "")
    grants = [
        f"GRANT USAGE ON SCHEMA {schema} TO {name}",
        f"GRANT {rights} ON ALL TABLES IN SCHEMA {schema} TO {name}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {name}",
        f"ALTER DEFAULT PRIVILEGES GRANT {rights} ON TABLES TO {name}",
        f"ALTER DEFAULT PRIVILEGES GRANT USAGE, SELECT ON SEQUENCES TO {name}",
    ]
    if makes_schemas:
        grants.append(f"GRANT CREATE ON DATABASE {database} TO {name}")
    for grant in grants:
        await conn.execute(grant)


async def prove_wall(conn: Connection, role: str, tables: Collection[str]) -> None:
    """Look whether the wall stands for a role; the application opens only then.

    Args:
        conn: of the role that logs in.
        tables: those whose rows belong to tenants.

    Raises:
        RowSecurityRole: there is no such role, or the login may not act as it.
        RowSecurityBypassed: PostgreSQL does not apply policies to the role.
        RowSecurityMissing: a table that is there has none that is enforced.
    """
    login = str(await conn.fetchval("SELECT session_user"))
    row = await conn.fetchrow(
        "SELECT rolsuper, rolbypassrls, pg_has_role(session_user, oid, 'MEMBER') AS may"
        " FROM pg_roles WHERE rolname = $1",
        role,
    )
    if row is None:
        raise RowSecurityRole(role, problem="there is no such role", login=login)
    if not row["may"]:
        raise RowSecurityRole(role, problem=f"`{login}`, which logs in, is no member of it", login=login)
    if row["rolsuper"] or row["rolbypassrls"]:
        why = "it is a superuser" if row["rolsuper"] else "it has BYPASSRLS"
        raise RowSecurityBypassed(role, reason=why)
    bare = [str(each["name"]) for each in await conn.fetch(_UNWALLED, list(tables))]
    if bare:
        raise RowSecurityMissing(bare)
