"""The contract of a data layer: compile statements once, run them in sessions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from sorbus.data_layers.tenants import TenantTables
from sorbus.query.statements import Statement
from sorbus.types.base import FieldType


class Capability(StrEnum):
    """What a data layer may be able to do beyond plain reads and writes.

    `UPSERT_OLD`: an upsert answers with the values that the row it updates had before.
    `WALL`: the store itself keeps the tenants' rows apart, so that a statement is best one tenant's.
    """

    TRANSACTION = "transaction"
    LOCK = "lock"
    UPSERT = "upsert"
    UPSERT_OLD = "upsert_old"
    JOBS = "jobs"
    WALL = "wall"


@dataclass(slots=True)
class Bindings:
    """The values of one run of a compiled statement.

    Attributes:
        params: the values of its `Param` nodes, by index.
        actor, tenant: those of the scope.
        inputs: the action's inputs, for `InputRef` nodes.
    """

    params: Sequence[Any]
    actor: Any = None
    tenant: Any = None
    inputs: dict[str, Any] | None = None


Row = Sequence[Any]
"""The outputs of one row, by position, as the layer stores them; `DataLayer.loader` makes them Python values."""

Loader = Callable[[Any], Any]
"""From a stored value to the Python value of a field."""


class Executable(Protocol):
    """A compiled statement."""

    async def fetch(self, session: Any, bindings: Bindings) -> Sequence[Row]:
        """Run it and answer with its rows.

        Raises:
            SorbusError: what the store refused, as a typed error.
        """
        ...


class DataLayer(Protocol):
    """A place where rows live."""

    name: str

    @property
    def tenants(self) -> TenantTables:
        """What makes, renames and drops tenants that have tables of their own."""
        ...

    async def look(self, session: Any, tenant: Any) -> None:
        """Let static SQL on a session see the rows of a tenant, or of all when it is `EveryTenant`."""
        ...

    def can(self, capability: Capability) -> bool:
        """Whether the layer has a capability."""
        ...

    def loader(self, kind: FieldType) -> Loader | None:
        """The function from a stored value to the Python value of a type; None where they are the same."""
        ...

    def writes(self, kind: FieldType) -> bool:
        """Whether the layer can write values of a type as JSON, as interfaces show them."""
        ...

    def compile(self, statement: Statement) -> Executable:
        """Compile a statement; called once for each shape."""
        ...

    async def acquire(self) -> Any:
        """A session: one connection, used by one task at a time."""
        ...

    def release(self, session: Any) -> None:
        """Give a session back."""
        ...

    async def begin(self, session: Any) -> None:
        """Open a transaction."""
        ...

    async def commit(self, session: Any) -> None:
        """Commit it."""
        ...

    async def rollback(self, session: Any) -> None:
        """Undo it."""
        ...

    async def savepoint(self, session: Any) -> Any:
        """Mark a place in the transaction; the answer is what the next two take."""
        ...

    async def keep(self, session: Any, mark: Any) -> None:
        """Forget a mark and keep what was done since.

        Raises:
            TransactionAborted: a statement has failed since.
        """
        ...

    async def rollback_to(self, session: Any, mark: Any) -> None:
        """Undo what was done since a mark, and go on with the transaction."""
        ...
