"""From declared attributes and relationships to their specs."""

from __future__ import annotations

from typing import Any

from sorbus.errors.declaration import MissingPart
from sorbus.resource.assembly.catalog import ClassCatalog
from sorbus.resource.assembly.ways import RelationshipBuilder
from sorbus.resource.fields import Attr
from sorbus.resource.relationships import Relationship
from sorbus.schema.fields import AttributeSpec, DefaultKind, RelationshipSpec
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
        default=_cast_default(name, member, kind, options.default),
        touch=options.touch,
        column=options.column or name,
        generated=options.generated,
        filterable=options.filterable,
        sortable=options.sortable,
        select_by_default=options.select_by_default or options.primary_key,
        share_default=options.share_default,
        update_default_kind=options.update_default_kind,
        update_default=options.update_default,
        index=options.index,
    )


def _cast_default(name: str, member: Attr[Any], kind: FieldType, default: Any) -> Any:
    """A default that is a plain value for a type with a rule, as `"eur"` for a case-insensitive text."""
    if kind.rule is None or member.options.default_kind is not DefaultKind.VALUE or default is None:
        return default
    try:
        return kind.rule.cast(default)
    except ValueError as error:
        label = f"{member.owner.__name__}.{name}"
        raise MissingPart(label, f"the default {default!r} is no {kind.describe()}: {error}.") from None


class FieldBuilder:
    """Builds the specs of one class's relationships."""

    def __init__(self, cls: type[Any], catalog: ClassCatalog, keys: dict[type[Any], str]) -> None:
        self.cls = cls
        self.catalog = catalog
        self.keys = keys

    def relationship(self, name: str, member: Relationship[Any]) -> RelationshipSpec:
        """The spec of a relationship, its keys checked on both sides."""
        return RelationshipBuilder(self.cls, self.catalog, self.keys).build(name, member)
