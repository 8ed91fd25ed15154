"""Relationships as inputs: which inputs of an action can be given as the resource identifiers of a relationship."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin, is_typeddict

from sorbus.apis.json_api.surface import Exposed, Surface
from sorbus.resource.managing import RelatedChange
from sorbus.schema.actions import ActionSpec, InputSpec
from sorbus.schema.fields import Cardinality, RelationshipSpec
from sorbus.types.base import FieldType

_LISTS = (list, tuple, set, frozenset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An input that a relationship can give.

    Attributes:
        destination: the resource that identifiers name.
        several: whether it takes a list of them.
        items: whether each becomes a mapping with the key and what its `meta` says, instead of the bare key.
    """

    input: InputSpec
    relationship: RelationshipSpec
    destination: Exposed
    several: bool
    items: bool = False

    @property
    def key(self) -> FieldType:
        """The type of the key in an identifier."""
        return self.destination.spec.primary_key.type


def links_of(surface: Surface, exposed: Exposed, action: ActionSpec) -> Mapping[str, Link]:
    """The inputs of an action that its resource's relationships can give, by relationship."""
    found: dict[str, Link] = {}
    for spec in exposed.relationships.values():
        link = _link(surface, spec, action)
        if link is not None:
            found[spec.name] = link
    return found


def _link(surface: Surface, spec: RelationshipSpec, action: ActionSpec) -> Link | None:
    inputs = {each.name: each for each in action.public_inputs}
    far = surface.destination(spec)
    if spec.cardinality is Cardinality.BELONGS_TO and spec.source_attribute in inputs:
        if spec.destination_attribute != far.spec.primary_key.name:
            return None
        own = inputs[spec.source_attribute]
        return Link(input=own, relationship=spec, destination=far, several=False)
    name = _managed(action, spec.name)
    if name is None or name not in inputs:
        return None
    item = _item(inputs[name].type, several=spec.to_many)
    if item is None:
        return None
    bare = item is far.spec.primary_key.type.annotation
    if not bare and not (item is dict or get_origin(item) is dict or is_typeddict(item)):
        return None
    return Link(input=inputs[name], relationship=spec, destination=far, several=spec.to_many, items=not bare)


def _managed(action: ActionSpec, name: str) -> str | None:
    """The input that a relationship follows; None where it follows something else than keys."""
    for each in action.changes:
        if isinstance(each, RelatedChange) and each.how is not None and each.relationship.name == name:
            return None if each.how.value_is_key is not None else each.from_input or name
    return name


def _item(kind: FieldType, *, several: bool) -> Any:
    """What one item of an input is, or None when the input cannot hold what the relationship does."""
    if not several:
        return None if kind.python in _LISTS else kind.annotation
    arguments = get_args(kind.annotation)
    return arguments[0] if kind.python in _LISTS and arguments else None
