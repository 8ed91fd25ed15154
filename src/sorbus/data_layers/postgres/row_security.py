# ruff: noqa: ASYNC109 - the timeout is that of the driver
"""Row-level security: a second wall between tenants, in the database, made of the same declarations.

The engine puts the tenant into every statement; this wall is for the day on which it would forget. PostgreSQL learns
the tenant from a setting of the session, sent only when it differs from what the connection has (decision 007).
Inside a transaction it is set for the transaction alone. A connection that is lent for SQL of the caller's own has
no tenant, whoever had it before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import asyncpg

from sorbus.data_layers.base import Bindings, Executable, Row
from sorbus.data_layers.postgres.faults import translate
from sorbus.data_layers.postgres.frames import quote
from sorbus.data_layers.postgres.tables import RowPolicy
from sorbus.errors.tenancy import InvalidTenant
from sorbus.schema.names import fitted
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.schema.tenancy import TenantCast
from sorbus.scope import EveryTenant, tenant_key

TENANT = "sorbus.tenant"
"""The setting that holds the tenant's key as text."""
TENANTS = "sorbus.tenants"
"""The setting that opens the wall for work over all tenants when it is `all`."""
ALL = "all"

_WORD = re.compile(r"[a-z_][a-z0-9_]*\Z")
_NOBODY = object()
_UNKNOWN = object()


if TYPE_CHECKING:
    _DriverConnection = asyncpg.Connection[asyncpg.Record]
else:
    # The class is generic for type checkers alone.
    _DriverConnection = asyncpg.Connection


class WalledConnection(_DriverConnection):
    """A connection that remembers which tenant the server has been told.

    Attributes:
        told: the tenant of the session.
        told_here: the tenant of the open transaction.
    """

    __slots__ = ("told", "told_here")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.told: Any = _NOBODY
        self.told_here: Any = _UNKNOWN

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        """As the driver's. A command without arguments may begin or end a transaction or go back to a savepoint."""
        if not args:
            self.told_here = _UNKNOWN
        status: str = await super().execute(query, *args, timeout=timeout)
        return status


def setting_of(spec: ResourceSpec) -> str:
    """The setting that holds the tenant for a resource: one for all that take the scope's key as it is."""
    if spec.tenancy is None or spec.tenancy.cast.parse is None:
        return TENANT
    table = spec.table or spec.name
    safe = table if _WORD.match(table) else sha256(table.encode()).hexdigest()[:12]
    return f"{TENANT}_of_{safe}"


def policies_of(spec: ResourceSpec) -> tuple[RowPolicy, ...]:
    """The policy of a resource whose rows belong to tenants; none for others."""
    if spec.tenancy is None:
        return ()
    attribute = spec.attributes[spec.tenancy.attribute]
    # The settings are read once for a statement: a bare function would be called for each row.
    mine = f"(SELECT nullif(current_setting('{setting_of(spec)}', true), '')::{attribute.type.sql})"
    every = f"(SELECT current_setting('{TENANTS}', true) = '{ALL}')"
    condition = f"{quote(attribute.column)} = {mine} OR {every}"
    return (RowPolicy(fitted(f"{spec.table}_tenancy"), condition, condition),)


class Wall:
    """Tells PostgreSQL for which tenant a statement runs."""

    def __init__(self, application: ApplicationSpec) -> None:
        walled = [
            each for each in application.resources.values() if each.layer == "postgres" and each.tenancy
        ]
        self.tables = frozenset(each.table or each.name for each in walled)
        self._quoted = tuple(map(quote, self.tables))
        casts: dict[str, TenantCast | None] = {TENANT: None}
        for each in walled:
            if each.tenancy is not None and each.tenancy.cast.parse is not None:
                casts[setting_of(each)] = each.tenancy.cast
        self._casts = tuple(casts.values())
        names = [TENANTS, *casts]
        self._in_session = _tell(names, local=False)
        self._in_transaction = _tell(names, local=True)
        nothing = ", ".join(f"set_config('{name}', '', true)" for name in names)
        self.begin = f"BEGIN; SELECT {nothing}"  # names of settings only

    @property
    def pool_options(self) -> dict[str, Any]:
        """What a pool needs to keep the wall."""
        return {"kind": WalledConnection, "on_lend": self.hide}

    def around(self, executable: Executable, sql: str) -> Executable:
        """The statement behind the wall; itself when it touches no tenant's rows."""
        return Walled(executable, self) if any(each in sql for each in self._quoted) else executable

    async def tell(self, connection: WalledConnection, tenant: Any) -> None:
        """Let the connection's next statements see the rows of a tenant, of all (`EveryTenant`), or none (None)."""
        if connection.is_in_transaction():
            if connection.told_here == tenant:
                return
            connection.told_here = _UNKNOWN
            await connection.fetch(self._in_transaction, *self._values(tenant))
            connection.told_here = tenant
        elif connection.told != tenant:
            # What a failed message leaves behind is not known.
            connection.told = _UNKNOWN
            await connection.fetch(self._in_session, *self._values(tenant))
            connection.told = tenant

    async def hide(self, connection: WalledConnection) -> None:
        """Let the connection see no tenant's rows, for SQL that does not come from the engine."""
        if connection.told is not _NOBODY:
            await self.tell(connection, None)
            connection.told = _NOBODY

    def _values(self, tenant: Any) -> Iterable[str]:
        if tenant.__class__ is EveryTenant:
            return (ALL, *("" for _ in self._casts))
        return ("", *(_text(tenant, cast) for cast in self._casts))


def _tell(names: Sequence[str], *, local: bool) -> str:
    calls = (
        f"set_config('{name}', ${number}::text, {str(local).lower()})" for number, name in enumerate(names, 1)
    )
    return f"SELECT {', '.join(calls)}"


def _text(tenant: Any, cast: TenantCast | None) -> str:
    try:
        value = tenant_key(tenant) if cast is None else cast(tenant)
    except InvalidTenant:
        return ""  # no tenant of that resource, so it has no rows there
    if value is None:
        return ""
    return str(value.value if isinstance(value, Enum) else value)


@dataclass(frozen=True, slots=True)
class Walled:
    """A compiled statement that runs once PostgreSQL knows the tenant."""

    inner: Executable
    wall: Wall

    async def fetch(self, session: Any, bindings: Bindings) -> Sequence[Row]:
        """Tell the tenant where it differs, and run the statement.

        Raises:
            RowSecurityRefused: a row that was to be written is another tenant's.
            SorbusError: as the statement's own `fetch`.
        """
        try:
            await self.wall.tell(session, bindings.tenant)
        except Exception as error:
            known = translate(error)
            if known is None:
                raise
            raise known from error
        return await self.inner.fetch(session, bindings)
