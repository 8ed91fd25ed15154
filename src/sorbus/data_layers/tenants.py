"""What a data layer does for tenants that have tables of their own."""

from __future__ import annotations

from typing import Any, Protocol


class TenantTables(Protocol):
    """The tenants of a data layer. Every method works in the transaction of the session that it is given."""

    async def create(self, session: Any, name: str, *, key: str | None = None) -> None:
        """Make a tenant's tables.

        Args:
            key: the key of the row that manages the tenant.

        Raises:
            TenantExists: the name is taken.
        """
        ...

    async def rename(self, session: Any, name: str, new: str) -> None:
        """Give a tenant another name.

        Raises:
            UnknownTenant, TenantExists: there is none of the one name, or one of the other.
        """
        ...

    async def drop(self, session: Any, name: str) -> None:
        """Remove a tenant's tables with everything in them.

        Raises:
            UnknownTenant: there is none.
        """
        ...

    async def names(self, session: Any) -> list[str]:
        """The names of all tenants, sorted."""
        ...

    async def name_of(self, session: Any, key: str) -> str | None:
        """The name of the tenant that a row with this key manages, or None."""
        ...
