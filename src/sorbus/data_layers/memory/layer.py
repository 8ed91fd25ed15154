"""Memory as a data layer: the rows of an application in this process, with PostgreSQL's rules and errors."""

from __future__ import annotations

from functools import partial
from typing import Any

from sorbus.data_layers.base import Capability, Loader
from sorbus.data_layers.memory.constraints import Constraints
from sorbus.data_layers.memory.session import Mark, MemorySession, Store
from sorbus.data_layers.memory.statements import MemoryStatement, compile_statement
from sorbus.data_layers.memory.tenants import REGISTRY, MemoryTenants, Placing, registry
from sorbus.data_layers.memory.values import loader
from sorbus.query.statements import Statement
from sorbus.schema.resource import ApplicationSpec
from sorbus.types.base import FieldType

_CAPABILITIES = frozenset({Capability.TRANSACTION, Capability.LOCK, Capability.UPSERT, Capability.UPSERT_OLD})


class MemoryLayer:
    """Rows in this process, gone with it. For tests, and for data that may vanish.

    Keys, identities, references and checks hold as in PostgreSQL and raise the same errors. Readers see what
    is committed; one transaction writes at a time, and others see what it wrote once it is committed. Text
    sorts by its code points, as under PostgreSQL's collation `C`.

    Args:
        lock_timeout: seconds that a write waits for another transaction before it raises `LockNotAvailable`.

    Attributes:
        tenants: makes, renames and drops the tables of tenants.
    """

    name = "memory"

    def __init__(self, application: ApplicationSpec, *, lock_timeout: float = 30.0) -> None:
        self.application = application
        self._constraints = Constraints(application)
        tables = {
            name: self._constraints.empty_table(spec)
            for name, spec in application.resources.items()
            if spec.attributes and spec.schema_tenancy is None
        }
        tables[REGISTRY] = registry()
        self._placing = Placing(application)
        own = ((name, application.resources[name]) for name in application.schema_tenants)
        self.tenants = MemoryTenants(
            {name: partial(self._constraints.empty_table, spec) for name, spec in own}
        )
        self._store = Store(tables, lock_timeout=lock_timeout)

    def can(self, capability: Capability) -> bool:
        """Everything but jobs, which live in PostgreSQL."""
        return capability in _CAPABILITIES

    def loader(self, kind: FieldType) -> Loader | None:
        """Documents and lists are copied, so that nobody changes a stored row from outside."""
        return loader(kind)

    def writes(self, kind: FieldType) -> bool:
        """None: the values are in Python already."""
        del kind
        return False

    def compile(self, statement: Statement) -> MemoryStatement:
        """A statement that can run any number of times.

        Raises:
            NotCompilable: it asks for what only Python code computes.
        """
        return compile_statement(self._constraints, self._placing, statement)

    async def look(self, session: MemorySession, tenant: Any) -> None:
        """Nothing: there is no SQL here."""
        del session, tenant

    async def acquire(self) -> MemorySession:
        """A session."""
        return MemorySession(self._store)

    def release(self, session: MemorySession) -> None:
        """Give a session back; what was not committed is forgotten."""
        session.rollback()

    async def begin(self, session: MemorySession) -> None:
        """Open a transaction."""
        session.begin()

    async def commit(self, session: MemorySession) -> None:
        """Commit it.

        Raises:
            TransactionAborted: a statement had failed, so everything is undone instead.
        """
        session.commit()

    async def rollback(self, session: MemorySession) -> None:
        """Undo it."""
        session.rollback()

    async def savepoint(self, session: MemorySession) -> Mark:
        """Mark a place in the transaction."""
        return session.mark()

    async def keep(self, session: MemorySession, mark: Mark) -> None:
        """Keep what was done since a mark.

        Raises:
            TransactionAborted: a statement has failed since.
        """
        del mark
        session.check()

    async def rollback_to(self, session: MemorySession, mark: Mark) -> None:
        """Undo what was done since a mark."""
        session.go_back(mark)
