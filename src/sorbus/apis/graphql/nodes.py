"""Node ids: one id for each record of the whole schema, by which Relay and caches fetch it again."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

NODE = "Node"
NODE_ID = "nodeId"
_LONGEST = 1_000


def node_id(kind: str) -> Callable[[Any], str]:
    """From the key of a record to its node id.

    Args:
        kind: the name of its type.
    """
    return lambda key: base64.urlsafe_b64encode(f"{kind}:{key}".encode()).decode()


def parts_of(text: str) -> tuple[str, str] | None:
    """The type and the key in a node id; None when it is none."""
    if len(text) > _LONGEST:
        return None
    try:
        kind, colon, key = base64.urlsafe_b64decode(text.encode()).decode().partition(":")
    except (binascii.Error, UnicodeError, ValueError):
        return None
    return (kind, key) if colon else None
