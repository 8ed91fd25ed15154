"""PostgreSQL as a data layer: a pool, compiled statements, plain transactions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from sorbus.data_layers.base import Capability, Executable, Loader
from sorbus.data_layers.postgres.ddl import tenant_schema_of
from sorbus.data_layers.postgres.faults import translate
from sorbus.data_layers.postgres.frames import TENANT, table_of
from sorbus.data_layers.postgres.json_texts import json_of
from sorbus.data_layers.postgres.migrations.files import Migration
from sorbus.data_layers.postgres.pool import Pool
from sorbus.data_layers.postgres.row_security import Wall
from sorbus.data_layers.postgres.statements import compile_statement
from sorbus.data_layers.postgres.tenants import KnownTenants, PostgresTenants, TenantStatement
from sorbus.errors.database import TransactionAborted
from sorbus.errors.framework import UnknownStoredValue
from sorbus.query.statements import Statement
from sorbus.schema.resource import ApplicationSpec
from sorbus.types.base import FieldType

_RETURNS_OLD = 18
"""The first version whose UPDATE can answer with the values from before it."""


class EnumLoader(dict[Any, Any]):
    """Stored values to members of an enumeration; an unknown one is a typed error."""

    def __init__(self, kind: FieldType) -> None:
        super().__init__({member.value: member for member in kind.enum or ()})
        self._name = kind.describe()

    def __missing__(self, value: Any) -> Any:
        raise UnknownStoredValue(self._name, value, allowed=map(str, self))


class PostgresLayer:
    """Rows in PostgreSQL tables.

    Args:
        version: the server's major version.
        tenant_chain: reads the migrations of the tables that each tenant has for itself.
        wall: tells PostgreSQL the tenant, where row-level security is on; its pool then opens `WalledConnection`s.

    Attributes:
        tenants: makes, renames and drops the schemas of tenants.
    """

    name = "postgres"

    def __init__(
        self,
        application: ApplicationSpec,
        pool: Pool,
        *,
        version: int = 15,
        tenant_chain: Callable[[], Sequence[Migration]] = tuple,
        wall: Wall | None = None,
    ) -> None:
        self.application = application
        self.pool = pool
        self.version = version
        self.wall = wall
        self._marks = count()
        self._known = KnownTenants(application)
        self.tenants = PostgresTenants(tenant_schema_of(application), tenant_chain, self._known)

    def can(self, capability: Capability) -> bool:
        """Everything; only RETURNING knows what a row was that an upsert updates, and a wall is there or not."""
        if capability is Capability.WALL:
            return self.wall is not None
        return capability is not Capability.UPSERT_OLD or self.version >= _RETURNS_OLD

    def loader(self, kind: FieldType) -> Loader | None:
        """What the type itself asks for; the driver answers with everything else as it should be."""
        if kind.enum is not None:
            return EnumLoader(kind).__getitem__
        return kind.codec.load

    def writes(self, kind: FieldType) -> bool:
        """The plain types of columns; those with a form of their own are for Python."""
        return json_of(kind) is not None

    def compile(self, statement: Statement) -> Executable:
        """The SQL of a statement."""
        compiled = compile_statement(self.application, statement, returns_old=self.version >= _RETURNS_OLD)
        found: Executable = compiled
        if TENANT in compiled.sql:
            own = (self.application.resources[name] for name in self.application.schema_tenants)
            touched = next((each.name for each in own if table_of(each) in compiled.sql), "")
            found = TenantStatement(compiled, self._known, touched, type(statement).__name__.lower())
        return found if self.wall is None else self.wall.around(found, compiled.sql)

    async def look(self, session: Any, tenant: Any) -> None:
        """Let SQL of one's own on this session see the rows of a tenant, or of all when it is `EveryTenant`."""
        if self.wall is not None:
            await self.wall.tell(session, tenant)

    async def acquire(self) -> Any:
        """A connection."""
        return await self.pool.acquire()

    def release(self, session: Any) -> None:
        """Give a connection back."""
        self.pool.release(session)

    async def begin(self, session: Any) -> None:
        """BEGIN."""
        await self._execute(session, "BEGIN" if self.wall is None else self.wall.begin)

    async def commit(self, session: Any) -> None:
        """COMMIT.

        Raises:
            TransactionAborted: a statement had failed, so PostgreSQL rolled back instead.
        """
        if await self._execute(session, "COMMIT") == "ROLLBACK":
            raise TransactionAborted

    async def rollback(self, session: Any) -> None:
        """ROLLBACK; nothing to do on a connection that is gone."""
        if not session.is_closed() and session.is_in_transaction():
            await self._execute(session, "ROLLBACK")

    async def savepoint(self, session: Any) -> str:
        """SAVEPOINT, under a name of its own."""
        name = f"sorbus_{next(self._marks)}"
        await self._execute(session, f"SAVEPOINT {name}")
        return name

    async def keep(self, session: Any, mark: str) -> None:
        """RELEASE SAVEPOINT.

        Raises:
            TransactionAborted: a statement has failed since.
        """
        await self._execute(session, f"RELEASE SAVEPOINT {mark}")

    async def rollback_to(self, session: Any, mark: str) -> None:
        """ROLLBACK TO SAVEPOINT; nothing to do on a connection that is gone."""
        if not session.is_closed() and session.is_in_transaction():
            await self._execute(session, f"ROLLBACK TO SAVEPOINT {mark}")
            await self._execute(session, f"RELEASE SAVEPOINT {mark}")

    async def _execute(self, session: Any, sql: str) -> str:
        try:
            status: str = await session.execute(sql)
        except Exception as error:
            known = translate(error)
            if known is None:
                raise
            raise known from error
        return status
