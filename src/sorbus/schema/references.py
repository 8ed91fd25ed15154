"""References between the rows of one tenant."""

from __future__ import annotations

from sorbus.schema.fields import RelationshipSpec
from sorbus.schema.resource import ApplicationSpec, ResourceSpec


def shared_tenant(
    application: ApplicationSpec, spec: ResourceSpec, relationship: RelationshipSpec
) -> tuple[str, str] | None:
    """The tenant attributes of both ends of a foreign key, where they must be equal; else None.

    A key of another tenant's row is then like one that does not exist: nobody learns that it does, and nobody's
    rows are removed or changed by what another tenant does with its own. Both ends must take the same values
    from a scope, and must always have one.
    """
    destination = application.destination(relationship)
    own, far = spec.tenancy, destination.tenancy
    if own is None or far is None or not relationship.foreign_key or spec.layer != destination.layer:
        return None
    mine, theirs = spec.attributes[own.attribute].type, destination.attributes[far.attribute].type
    alike = mine.sql == theirs.sql and own.cast.parse is far.cast.parse
    return (own.attribute, far.attribute) if alike and not mine.nullable and not theirs.nullable else None


def shared_by(application: ApplicationSpec, spec: ResourceSpec) -> bool:
    """Whether a foreign key of any resource leads to rows of this one within their tenant."""
    return any(
        each.destination == spec.name and shared_tenant(application, other, each) is not None
        for other in application.resources.values()
        for each in other.relationships.values()
    )
