"""What an upsert did, noted on the record that it answers with."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

OUTCOME = "__outcome__"
"""Where a record keeps what an upsert did; no field can bear such a name."""


class UpsertOutcome(StrEnum):
    """What an upsert did with its row."""

    INSERTED = "inserted"
    UPDATED = "updated"
    SKIPPED = "skipped"


def outcome_of(record: Any) -> UpsertOutcome | None:
    """What the upsert that answered with a record did; None for a record of any other origin."""
    found: UpsertOutcome | None = record.__dict__.get(OUTCOME)
    return found
