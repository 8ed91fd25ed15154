"""The changeset: one write before it happens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sorbus.errors.base import Invalid
from sorbus.schema.actions import ActionSpec
from sorbus.schema.resource import ResourceSpec


@dataclass(slots=True, kw_only=True)
class Changeset:
    """What an action is about to write.

    Attributes:
        record: the record as it was read, or None for a create and for a write by key alone.
        key: the key of the row, or None for a create.
        inputs: the inputs as cast, attributes and arguments alike.
        changes: the attributes to write, as values or expressions (which stay atomic, in the statement).
        documents: the embedded documents in it whose actions have run.
        errors: what is wrong with it so far.
    """

    resource: ResourceSpec
    action: ActionSpec
    record: Any = None
    key: Any = None
    inputs: dict[str, Any] = field(default_factory=dict[str, Any])
    changes: dict[str, Any] = field(default_factory=dict[str, Any])
    documents: dict[str, Any] = field(default_factory=dict[str, Any])
    errors: list[Invalid] = field(default_factory=list[Invalid])
