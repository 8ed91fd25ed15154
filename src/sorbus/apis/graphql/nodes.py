"""Node ids: one id for each record of the whole schema, by which Relay and caches fetch it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sorbus.types.opaque import opaque, opened

NODE = "Node"
NODE_ID = "nodeId"
_LONGEST = 1_000


def node_id(kind: str) -> Callable[[Any], str]:
    """From the key of a record to its node id.

    Args:
        kind: the name of its type.
    """
    return lambda key: opaque(kind, str(key))


def parts_of(text: str) -> tuple[str, str] | None:
    """The type and the key in a node id; None when it is none."""
    return opened(text, longest=_LONGEST)
