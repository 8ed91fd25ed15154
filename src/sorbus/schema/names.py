"""Names that the database gives back in its errors, made and read in one place."""

from __future__ import annotations

from hashlib import sha256

from sorbus.schema.fields import RelationshipSpec
from sorbus.schema.resource import ResourceSpec

_LONGEST = 63


def fitted(name: str) -> str:
    """A name within PostgreSQL's 63 bytes; the end of a longer one becomes a hash: they stay apart."""
    if len(name.encode()) <= _LONGEST:
        return name
    return f"{name.encode()[: _LONGEST - 9].decode(errors='ignore')}_{sha256(name.encode()).hexdigest()[:8]}"


def constraint_name(spec: ResourceSpec, identity: str) -> str:
    """The unique index of an identity."""
    return fitted(f"{spec.table}_{identity}_key")


def foreign_key_name(spec: ResourceSpec, relationship: RelationshipSpec) -> str:
    """The foreign key of a belongs_to."""
    return fitted(f"{spec.table}_{relationship.name}_fkey")


def check_name(spec: ResourceSpec, attribute: str) -> str:
    """The check of an enumeration's values."""
    return fitted(f"{spec.table}_{attribute}_check")
