"""The extensions that a schema needs, looked for before anything is done that would fail without them."""

from __future__ import annotations

from typing import Any, Protocol

from sorbus.data_layers.postgres.tables import Schema
from sorbus.errors.migrations import ExtensionUnavailable

_MISSING = """
SELECT wanted FROM unnest($1::text[]) AS wanted
WHERE NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = wanted)
"""


class Asking(Protocol):
    """A connection, as far as it is needed here."""

    async def fetch(self, query: str, *args: object) -> Any:
        """All rows of a statement."""
        ...

    async def fetchval(self, query: str, *args: object) -> Any:
        """One value of the first row."""
        ...


async def check_extensions(conn: Asking, schema: Schema) -> None:
    """Whether the server has what a schema needs; nothing is asked when it needs nothing.

    Raises:
        ExtensionUnavailable: it lacks an extension.
    """
    if not schema.extensions:
        return
    missing = [str(each["wanted"]) for each in await conn.fetch(_MISSING, list(schema.extensions))]
    if missing:
        raise ExtensionUnavailable(
            missing, version=str(await conn.fetchval("SHOW server_version")).split()[0]
        )
