"""Tenants with tables of their own, in memory: a table's name is then the tenant's and the resource's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from sorbus.data_layers.memory.session import MemorySession, Writing
from sorbus.data_layers.memory.tables import Table
from sorbus.errors.tenancy import TenantExists, UnknownTenant
from sorbus.schema.resource import ApplicationSpec
from sorbus.schema.tenant_names import TenantNames

REGISTRY = "."
"""The name of the table of tenants; no resource can have it."""

type Place = Callable[[str], str]


def registry() -> Table:
    """An empty table of tenants, each with the key of the row that manages it."""
    return Table("name", [("key",)])


def table_of(tenant: str, resource: str) -> str:
    """The name of a tenant's own table."""
    return f"{tenant}.{resource}"


def places(writing: Writing, resource: str) -> Iterator[Place]:
    """For each tenant, from a resource to the name of its table."""
    for tenant in tuple(writing.tables[REGISTRY].rows):
        yield partial(_placed, writing, resource, table_of(tenant, resource))


def _placed(writing: Writing, resource: str, table: str, other: str) -> str:
    return table if other == resource else writing.place(other)


class Tables(Mapping[str, Table]):
    """The tables of one state as a tenant sees them."""

    __slots__ = ("_place", "_tables")

    def __init__(self, tables: Mapping[str, Table], place: Place) -> None:
        self._tables = tables
        self._place = place

    def __getitem__(self, resource: str) -> Table:
        return self._tables[self._place(resource)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


class Placing:
    """From a resource to the name of its table, for the tenant of each statement."""

    def __init__(self, application: ApplicationSpec) -> None:
        self.resources = application.schema_tenants
        self.names = TenantNames(application)

    def place(self, tables: Mapping[str, Table], tenant: Any, action: str) -> Place:
        """Where the resources of a statement lie.

        Its answer raises TenantRequired or UnknownTenant when it is asked for a table of a tenant's own.
        """
        if not self.resources:
            return str

        def found(resource: str) -> str:
            if resource not in self.resources:
                return resource
            name = self.names.name_of(tenant, resource=resource, action=action)
            if name not in tables[REGISTRY].rows:
                raise UnknownTenant(name)
            return table_of(name, resource)

        return found


class MemoryTenants:
    """The tenants of a memory layer.

    Args:
        empty: makes the empty table of each resource of which tenants have their own.
    """

    def __init__(self, empty: Mapping[str, Callable[[], Table]]) -> None:
        self._empty = empty

    async def create(self, session: MemorySession, name: str, *, key: str | None = None) -> None:
        """Add a table for each resource. Raises `TenantExists`."""
        writing = await session.writing()
        if name in writing.tables[REGISTRY].rows:
            raise TenantExists(name)
        writing.put(REGISTRY, {"name": name, "key": key})
        for resource, empty in self._empty.items():
            writing.tables[table_of(name, resource)] = empty()
            writing.own.add(table_of(name, resource))

    async def rename(self, session: MemorySession, name: str, new: str) -> None:
        """Move the tables. Raises `UnknownTenant`, `TenantExists`."""
        writing = await session.writing()
        row = self._need(writing, name)
        if new in writing.tables[REGISTRY].rows:
            raise TenantExists(new)
        writing.remove(REGISTRY, name)
        writing.put(REGISTRY, {**row, "name": new})
        for resource in self._empty:
            old, moved = table_of(name, resource), table_of(new, resource)
            writing.tables[moved] = writing.tables.pop(old)
            if old in writing.own:
                writing.own.discard(old)
                writing.own.add(moved)

    async def drop(self, session: MemorySession, name: str) -> None:
        """Remove the tables. Raises `UnknownTenant`."""
        writing = await session.writing()
        self._need(writing, name)
        writing.remove(REGISTRY, name)
        for resource in self._empty:
            writing.tables.pop(table_of(name, resource))
            writing.own.discard(table_of(name, resource))

    async def names(self, session: MemorySession) -> list[str]:
        """The names of all tenants, sorted."""
        return sorted(session.tables[REGISTRY].rows)

    async def name_of(self, session: MemorySession, key: str) -> str | None:
        """The name of the tenant that a row with this key manages, or None."""
        row = next(session.tables[REGISTRY].find(("key",), (key,)), None)
        return None if row is None else str(row["name"])

    def _need(self, writing: Writing, name: str) -> Mapping[str, Any]:
        rows = writing.tables[REGISTRY].rows
        if name not in rows:
            raise UnknownTenant(name, known=rows)
        return rows[name]
