"""What managing one relationship in one way needs, made once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sorbus.changeset.relationships import (
    Management,
    attribute_name,
    chosen,
    roles,
    verify_management,
)
from sorbus.engine.lifecycle import ActionPlan
from sorbus.schema.fields import RelationshipSpec
from sorbus.schema.resource import ResourceSpec

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedPlan:
    """The parts of a managed relationship.

    Attributes:
        actions: the plans of the actions that are used, by role.
        value_key: the attribute that a bare value is.
        order_key: the attribute that gets the position in the list, or None.
        identities: the attributes that tell rows apart, the key first; the tenant is not among them.
    """

    spec: ResourceSpec
    relationship: RelationshipSpec
    how: Management
    far: ResourceSpec
    join: ResourceSpec | None
    actions: dict[str, ActionPlan]
    value_key: str
    order_key: str | None
    identities: tuple[tuple[str, ...], ...]


def managed_plan(engine: Engine, spec: ResourceSpec, name: str, how: Management) -> ManagedPlan:
    """The plan of a management.

    Raises:
        WrongRelationship: the relationship cannot be managed so.
    """
    application = engine.application
    where = f"{spec.name}.{name}"
    verify_management(application, spec, name, how, where)
    relationship = spec.relationships[name]
    far, join = application.destination(relationship), application.join(relationship)
    actions: dict[str, ActionPlan] = {}
    for role in roles(relationship, how):
        action = chosen(application, where, role)
        declared = application.resources[role.resource].python
        actions[role.name] = engine.plan_of(getattr(declared, action.name))
    tenant = getattr(far.tenancy, "attribute", None)
    whole = [one.name for one in far.identities.values() if one.where is None]
    wanted = whole if how.use_identities is None else how.use_identities
    found = (tuple(key for key in far.identities[each].keys if key != tenant) for each in wanted)
    return ManagedPlan(
        spec=spec,
        relationship=relationship,
        how=how,
        far=far,
        join=join,
        actions=actions,
        value_key=attribute_name(far, how.value_is_key, where) or far.primary_key.name,
        order_key=attribute_name(join or far, how.order_is_key, where),
        identities=((far.primary_key.name,), *(each for each in found if each)),
    )
