"""From specs to tables: the one place where a declaration becomes a schema."""

from __future__ import annotations

from enum import Enum
from typing import Any

from sorbus.data_layers.postgres.compiler import quote
from sorbus.data_layers.postgres.tables import (
    Check,
    Column,
    ForeignKey,
    Index,
    OnDelete,
    Schema,
    Table,
    Unique,
)
from sorbus.schema.fields import AttributeSpec, RelationshipSpec
from sorbus.schema.names import check_name, constraint_name, fitted, foreign_key_name
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.types.base import Constraints

_NUMBERS = frozenset({"bigint", "double precision", "numeric"})


def schema_of(application: ApplicationSpec) -> Schema:
    """The tables of every resource that PostgreSQL holds."""
    specs = [each for each in application.resources.values() if each.layer == "postgres"]
    needed = {name for spec in specs for each in spec.attributes.values() for name in each.type.extensions}
    tables = tuple(table_of(application, spec) for spec in specs)
    return Schema(tables=tables, extensions=tuple(sorted(needed)))


def table_of(application: ApplicationSpec, spec: ResourceSpec) -> Table:
    """The table of a resource: columns, keys, the indexes that its relationships need, and checks."""
    links = [each for each in spec.relationships.values() if each.foreign_key]
    return Table(
        spec.table or spec.name,
        columns=tuple(_column(each) for each in spec.attributes.values()),
        primary_key=(spec.primary_key.column,),
        uniques=tuple(
            Unique(constraint_name(spec, each.name), tuple(spec.attributes[key].column for key in each.keys))
            for each in spec.identities.values()
        ),
        indexes=tuple(_indexes(application, spec)),
        foreign_keys=tuple(
            ForeignKey(
                foreign_key_name(spec, each),
                (spec.attributes[each.source_attribute].column,),
                application.destination(each).table or each.destination,
                (application.destination(each).attributes[each.destination_attribute].column,),
                on_delete=OnDelete(each.on_delete.value),
            )
            for each in links
            if application.destination(each).layer == "postgres"
        ),
        checks=tuple(check for each in spec.attributes.values() for check in _checks(spec, each)),
        comment=spec.description or None,
    )


def _column(attribute: AttributeSpec) -> Column:
    # Defaults are made in the application: a row written around it must say everything itself.
    return Column(
        attribute.column,
        attribute.type.column,
        nullable=attribute.type.nullable,
        comment=attribute.description or None,
    )


def _indexes(application: ApplicationSpec, spec: ResourceSpec) -> list[Index]:
    """One index for each key that relationships follow, and for the tenant's attribute with the key."""
    wanted: dict[tuple[str, ...], None] = {}
    for each in spec.relationships.values():
        if each.foreign_key:
            wanted[(spec.attributes[each.source_attribute].column,)] = None
    for other in application.resources.values():
        for each in other.relationships.values():
            wanted.update(dict.fromkeys(_followed(spec, each)))
    if spec.tenancy is not None:
        tenant = spec.attributes[spec.tenancy.attribute].column
        wanted[(tenant, spec.primary_key.column)] = None
    covered = {(spec.primary_key.column,)} | {
        tuple(spec.attributes[key].column for key in each.keys)[:1] for each in spec.identities.values()
    }
    return [
        Index(fitted(f"{spec.table}_{'_'.join(columns)}_idx"), columns)
        for columns in wanted
        if columns not in covered
    ]


def _followed(spec: ResourceSpec, relationship: RelationshipSpec) -> list[tuple[str, ...]]:
    """The columns of a resource that a relationship of any resource looks rows up by."""
    if relationship.join is not None:
        if relationship.join.resource != spec.name:
            return []
        keys = (relationship.join.source_attribute, relationship.join.destination_attribute)
        return [(spec.attributes[key].column,) for key in keys]
    if relationship.destination != spec.name or relationship.destination_attribute == spec.primary_key.name:
        return []
    return [(spec.attributes[relationship.destination_attribute].column,)]


def _checks(spec: ResourceSpec, attribute: AttributeSpec) -> list[Check]:
    """A second wall for what the engine checks first: the values of enumerations and plain bounds."""
    column = quote(attribute.column)
    rules: list[str] = []
    if attribute.type.choices and attribute.type.sql in {"text", "bigint"}:
        values = ", ".join(_literal(value) for value in attribute.type.choices)
        rules.append(f"{column} IN ({values})")
    rules.extend(_bounds(column, attribute.type.constraints, attribute.type.sql))
    return [Check(check_name(spec, attribute.name), " AND ".join(rules))] if rules else []


def _bounds(column: str, limits: Constraints, kind: str) -> list[str]:
    rules: list[str] = []
    if kind == "text":
        if limits.max_length is not None:
            rules.append(f"char_length({column}) <= {limits.max_length}")
        if limits.min_length is not None:
            rules.append(f"char_length({column}) >= {limits.min_length}")
    if kind in _NUMBERS:
        symbols = (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))
        for name, symbol in symbols:
            bound = getattr(limits, name)
            if bound is not None:
                rules.append(f"{column} {symbol} {bound}")
    return rules


def _literal(value: Any) -> str:
    plain = value.value if isinstance(value, Enum) else value
    return str(plain) if isinstance(plain, int) else "'" + str(plain).replace("'", "''") + "'"
