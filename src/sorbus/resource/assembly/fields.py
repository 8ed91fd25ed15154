"""From declared attributes and relationships to their specs."""

from __future__ import annotations

from typing import Any

from sorbus.resource.assembly.catalog import ClassCatalog
from sorbus.resource.assembly.ways import RelationshipBuilder
from sorbus.resource.fields import Attr
from sorbus.resource.relationships import Relationship
from sorbus.schema.fields import AttributeSpec, RelationshipSpec
from sorbus.types.base import FieldType


def attribute_spec(name: str, member: Attr[Any], kind: FieldType) -> AttributeSpec:
    """The spec of a stored field."""
    options = member.options
    return AttributeSpec(
        name=name,
        type=kind,
        description=member.description,
        public=member.public,
        writable=options.writable,
        primary_key=options.primary_key,
        sensitive=options.sensitive,
        default_kind=options.default_kind,
        default=options.default,
        touch=options.touch,
        column=options.column or name,
        filterable=options.filterable,
        sortable=options.sortable,
    )


class FieldBuilder:
    """Builds the specs of one class's relationships."""

    def __init__(self, cls: type[Any], catalog: ClassCatalog, keys: dict[type[Any], str]) -> None:
        self.cls = cls
        self.catalog = catalog
        self.keys = keys

    def relationship(self, name: str, member: Relationship[Any]) -> RelationshipSpec:
        """The spec of a relationship, its keys checked on both sides."""
        return RelationshipBuilder(self.cls, self.catalog, self.keys).build(name, member)
