"""What the jobs ask of a connection, so that any asyncpg connection or pool proxy will do."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol


class Fetches(Protocol):
    """What can run one statement and give its rows."""

    def fetch(self, query: str, /, *args: object) -> Awaitable[list[Any]]:
        """Run a statement; returns its rows."""
        ...


class SqlConnection(Fetches, Protocol):
    """The part of an asyncpg connection that the jobs use.

    Parameters are sent as text, numbers and times only, so the caller's type codecs do not matter.
    """

    def execute(self, query: str, /, *args: object) -> Awaitable[str]:
        """Run a statement; returns its command tag."""
        ...

    def fetchval(self, query: str, /, *args: object) -> Awaitable[Any]:
        """Run a statement; returns the first column of its first row, or None."""
        ...

    def fetchrow(self, query: str, /, *args: object) -> Awaitable[Any]:
        """Run a statement; returns its first row, or None."""
        ...
