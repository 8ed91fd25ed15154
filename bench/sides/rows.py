"""What the sides of the core suite share: the rows that they write, and ids as Sorbus makes them."""

from __future__ import annotations

import os
import time
from typing import Any
from uuid import UUID

TITLE = "Quarterly figures and the order of last week"
BODY = ("The figures are attached; please look at the second page before Friday. " * 8)[:500]
METADATA: dict[str, Any] = {
    "from": "jane.doe@example.org",
    "to": ["john.smith@example.com", "sales@example.com"],
    "size": 48_213,
    "language": "en",
    "labels": ["inbox", "figures"],
    "thread": 7,
}
LABEL = "seen"
BULK = 10_000
"""Rows of one bulk call."""


def letters(owner: UUID) -> list[dict[str, Any]]:
    """The rows of a bulk create as a caller has them: parsed JSON and the owner, no ids yet."""
    return [
        {
            "owner_id": owner,
            "kind": ("email", "document", "note")[number % 3],
            "title": f"{TITLE} {number}",
            "body": BODY,
            "metadata": {**METADATA, "thread": number},
        }
        for number in range(BULK)
    ]


def uuid7() -> UUID:
    """A UUID of version 7: sorted by time."""
    number = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10))
    number = number & ~(0xF << 76) | 0x7 << 76
    return UUID(int=number & ~(0x3 << 62) | 0x2 << 62)
