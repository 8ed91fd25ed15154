"""From declared attributes and relationships to their specs."""

from __future__ import annotations

import re
from typing import Any

from sorbus.errors.declaration import (
    NoSuchField,
    NoSuchResource,
)
from sorbus.expressions.build import Sort
from sorbus.expressions.lowering import Lowerer
from sorbus.resource.assembly.catalog import ClassCatalog
from sorbus.resource.fields import Attr
from sorbus.resource.relationships import Relationship
from sorbus.schema.fields import (
    AttributeSpec,
    Cardinality,
    JoinSpec,
    RelationshipSpec,
)
from sorbus.types.base import FieldType


def snake_case(name: str) -> str:
    """`LlmCall` as `llm_call`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


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
    )


class FieldBuilder:
    """Builds the specs of one class's relationships."""

    def __init__(
        self,
        cls: type[Any],
        catalog: ClassCatalog,
        keys: dict[type[Any], str],
    ) -> None:
        self.cls = cls
        self.catalog = catalog
        self.keys = keys
        self.lowerer = Lowerer(catalog, (cls,))

    def relationship(self, name: str, member: Relationship[Any]) -> RelationshipSpec:
        """The spec of a relationship, its keys checked on both sides."""
        destination = self.catalog.destination(member)
        inner = Lowerer(self.catalog, (destination,))
        order: tuple[Any, ...] = ()
        if member.order_by is not None:
            term = member.order_by(destination)
            order = ((term if isinstance(term, Sort) else Sort(term)).lower(inner),)
        source, far, join = self._keys(name, member, destination)
        return RelationshipSpec(
            name=name,
            cardinality=member.cardinality,
            destination=destination.__name__,
            source_attribute=source,
            destination_attribute=far,
            description=member.description,
            public=member.public,
            join=join,
            where=member.where(destination).lower(inner) if member.where is not None else None,
            order=order,
            on_delete=member.on_delete,
            foreign_key=member.foreign_key and member.cardinality is Cardinality.BELONGS_TO,
        )

    def _keys(
        self, name: str, member: Relationship[Any], destination: type[Any]
    ) -> tuple[str, str, JoinSpec | None]:
        own = f"{snake_case(self.cls.__name__)}_id"
        if member.cardinality is Cardinality.BELONGS_TO:
            via = member.via.name if isinstance(member.via, Attr) else member.via or f"{name}_id"
            return self._attribute(self.cls, via, name), self.keys[destination], None
        if member.cardinality is not Cardinality.MANY_TO_MANY:
            via = member.via if isinstance(member.via, str) else own
            return self.keys[self.cls], self._attribute(destination, via, name), None
        between = self.catalog.classes.get(member.through or "")
        if between is None:
            label = f"{self.cls.__name__}.{name}"
            raise NoSuchResource(member.through or "?", wanted_by=label, allowed=self.catalog.classes)
        join = JoinSpec(
            resource=between.__name__,
            source_attribute=self._attribute(
                between, member.via if isinstance(member.via, str) else own, name
            ),
            destination_attribute=self._attribute(
                between, member.to or f"{snake_case(destination.__name__)}_id", name
            ),
        )
        return self.keys[self.cls], self.keys[destination], join

    def _attribute(self, cls: type[Any], name: str, relationship: str) -> str:
        names = [each for each, member in cls.__declared__.items() if isinstance(member, Attr)]
        if name not in names:
            where = f"the relationship `{self.cls.__name__}.{relationship}`"
            raise NoSuchField(cls.__name__, name, allowed=names, where=where)
        return name
