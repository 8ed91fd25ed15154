"""Cursors of lists: opaque texts for clients, a name and a position for us."""

from __future__ import annotations

from sorbus.apis.mcp.protocol import INVALID_PARAMS, RpcError
from sorbus.types.opaque import opaque, opened

LONGEST = 4_000


def cursor_of(name: str, position: str = "") -> str:
    """The cursor of a place."""
    return opaque(name, position)


def read_cursor(cursor: str) -> tuple[str, str]:
    """The place of a cursor.

    Raises:
        RpcError: it is none.
    """
    place = opened(cursor, longest=LONGEST)
    if place is None:
        raise RpcError(INVALID_PARAMS, "Invalid params: the cursor is none of an earlier page.")
    return place
