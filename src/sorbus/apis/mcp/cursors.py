"""Cursors of lists: opaque texts for clients, a name and a position for us."""

from __future__ import annotations

import base64
import binascii

from sorbus.apis.mcp.protocol import INVALID_PARAMS, RpcError

LONGEST = 4_000
_BETWEEN = "\n"


def cursor_of(name: str, position: str = "") -> str:
    """The cursor of a place."""
    return base64.urlsafe_b64encode(f"{name}{_BETWEEN}{position}".encode()).decode()


def read_cursor(cursor: str) -> tuple[str, str]:
    """The place of a cursor.

    Raises:
        RpcError: it is none.
    """
    try:
        decoded = base64.urlsafe_b64decode(cursor[:LONGEST]).decode()
        name, between, position = decoded.partition(_BETWEEN)
    except (ValueError, binascii.Error):
        name, between, position = "", "", ""
    if not between:
        raise RpcError(INVALID_PARAMS, "Invalid params: the cursor is none of an earlier page.")
    return name, position
