"""The frozen spec of a resource and of an application: the single source that everything is derived from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from sorbus.errors.declaration import NoSuchField
from sorbus.schema.actions import ActionKind, ActionSpec
from sorbus.schema.fields import (
    AggregateSpec,
    AttributeSpec,
    CalculationSpec,
    IdentitySpec,
    RelationshipSpec,
)
from sorbus.schema.policies import FieldPolicySpec, PolicySpec
from sorbus.schema.tenancy import ManagedTenantsSpec, SchemaTenancySpec, TenancySpec
from sorbus.schema.ways import Segment, segments

FieldSpec = AttributeSpec | CalculationSpec | AggregateSpec
"""Anything with a value on a record."""

PRIMARY_READ = "read"
"""The name of the read action that every resource has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdditionSpec:
    """Something that an extension has added or changed.

    Attributes:
        section: the name of its section in the resource's body.
        extension: the name of the extension's class.
        kind: what it is, such as `field`, `action` or `action changed`.
    """

    section: str
    extension: str
    kind: str
    name: str


@dataclass(frozen=True, kw_only=True)
class ResourceSpec:
    """Everything about one resource.

    Attributes:
        python: the declaring class; opaque here, records are its instances.
        table: the table's name; None when another data layer holds the rows.
        policies: None when there is no policies section, and everything is forbidden.
        field_policies: None when there are none, and whoever sees a row sees its fields.
        tenancy: to which tenant a row belongs, when the tenant stands in an attribute.
        schema_tenancy: that each tenant has a table of its own.
        manages_tenants: that the rows are the tenants themselves.
        sections: the sections of interfaces and extensions, by their name.
        additions: what extensions have added and changed.
    """

    name: str
    python: type
    domain: str = ""
    description: str = ""
    table: str | None = None
    layer: str = "postgres"
    attributes: Mapping[str, AttributeSpec]
    relationships: Mapping[str, RelationshipSpec] = field(default_factory=dict[str, RelationshipSpec])
    calculations: Mapping[str, CalculationSpec] = field(default_factory=dict[str, CalculationSpec])
    aggregates: Mapping[str, AggregateSpec] = field(default_factory=dict[str, AggregateSpec])
    identities: Mapping[str, IdentitySpec] = field(default_factory=dict[str, IdentitySpec])
    actions: Mapping[str, ActionSpec] = field(default_factory=dict[str, ActionSpec])
    policies: tuple[PolicySpec, ...] | None = None
    field_policies: tuple[FieldPolicySpec, ...] | None = None
    tenancy: TenancySpec | None = None
    schema_tenancy: SchemaTenancySpec | None = None
    manages_tenants: ManagedTenantsSpec | None = None
    sections: Mapping[str, Any] = field(default_factory=dict[str, Any])
    additions: tuple[AdditionSpec, ...] = ()

    @property
    def has_rows(self) -> bool:
        """Whether there are rows of it; without attributes a resource is a home for generic actions."""
        return bool(self.attributes)

    @cached_property
    def primary_key(self) -> AttributeSpec:
        """The attribute that is the key; only a resource that has rows has one."""
        return next(each for each in self.attributes.values() if each.primary_key)

    @cached_property
    def fields(self) -> Mapping[str, FieldSpec]:
        """Attributes, calculations and aggregates by name."""
        return MappingProxyType({**self.attributes, **self.calculations, **self.aggregates})

    @cached_property
    def dumps(self) -> Mapping[str, Callable[[Any], Any]]:
        """The conversions to stored forms, of those attributes that need one."""
        found = {name: each.type.codec.dump for name, each in self.attributes.items()}
        return MappingProxyType({name: dump for name, dump in found.items() if dump is not None})

    def stored(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The values of attributes as a row keeps them; expressions stay."""
        if not self.dumps:
            return values
        return {
            name: self.attributes[name].type.stored(each) if name in self.dumps else each
            for name, each in values.items()
        }

    def field(self, name: str, *, where: str = "") -> FieldSpec:
        """The field of a name.

        Raises:
            NoSuchField: there is none; the message lists those there are.
        """
        found = self.fields.get(name)
        if found is None:
            raise NoSuchField(self.name, name, allowed=self.fields, where=where)
        return found

    def actions_of(self, *kinds: ActionKind) -> Iterator[ActionSpec]:
        """The actions of some kinds, in written order."""
        return (action for action in self.actions.values() if action.kind in kinds)


@dataclass(frozen=True, kw_only=True)
class ApplicationSpec:
    """All resources of an application, by name.

    Attributes:
        embedded: the resources that live inside others, by class.
    """

    name: str
    resources: Mapping[str, ResourceSpec]
    embedded: Mapping[type, ResourceSpec] = field(default_factory=dict[type, ResourceSpec])

    @cached_property
    def by_class(self) -> Mapping[type, ResourceSpec]:
        """The resources by their declaring classes."""
        return MappingProxyType({spec.python: spec for spec in self.resources.values()})

    @cached_property
    def schema_tenants(self) -> frozenset[str]:
        """The names of the resources of which each tenant has a table of its own."""
        return frozenset(name for name, spec in self.resources.items() if spec.schema_tenancy is not None)

    def destination(self, relationship: RelationshipSpec) -> ResourceSpec:
        """The resource at the far end of a relationship."""
        return self.resources[relationship.destination]

    @cached_property
    def _segments(self) -> dict[tuple[str, str], tuple[Segment, ...]]:
        return {}

    def segments(self, source: ResourceSpec, relationship: RelationshipSpec) -> tuple[Segment, ...]:
        """The segments of a relationship of a resource, in the order in which they are gone."""
        key = (source.name, relationship.name)
        found = self._segments.get(key)
        if found is None:
            found = self._segments[key] = tuple(segments(self.resources, source.name, relationship))
        return found

    def join(self, relationship: RelationshipSpec) -> ResourceSpec | None:
        """The resource between the ends of a many_to_many."""
        return self.resources[relationship.join.resource] if relationship.join else None
