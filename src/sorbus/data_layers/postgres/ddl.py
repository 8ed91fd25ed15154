"""From specs to tables: the one place where a declaration becomes a schema."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from enum import Enum
from typing import Any

from sorbus.data_layers.postgres.frames import iso, quote
from sorbus.data_layers.postgres.predicates import predicate_of
from sorbus.data_layers.postgres.row_security import policies_of
from sorbus.data_layers.postgres.tables import (
    Check,
    Column,
    Expression,
    ForeignKey,
    Index,
    OnDelete,
    Schema,
    Table,
    Unique,
)
from sorbus.schema.fields import AttributeSpec, Cardinality, ReferenceSpec, RelationshipSpec
from sorbus.schema.fields import OnDelete as ReferenceOnDelete
from sorbus.schema.names import check_name, constraint_name, fitted, foreign_key_name
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.types.base import Constraints
from sorbus.types.ranges import ELEMENTS
from sorbus.types.vector import Hnsw

_NUMBERS = frozenset({"bigint", "double precision", "numeric"})


def schema_of(application: ApplicationSpec, *, row_security: bool = False) -> Schema:
    """The tables of every resource that PostgreSQL holds, but for those of which each tenant has its own.

    Args:
        row_security: whether PostgreSQL itself keeps tenants apart, by a policy for each tenancy.
    """
    schema = _schema(application, tenants=False)
    if not row_security:
        return schema
    by_table = {each.table or each.name: each for each in application.resources.values()}
    tables = (replace(each, policies=policies_of(by_table[each.name])) for each in schema.tables)
    return replace(schema, tables=tuple(tables))


def tenant_schema_of(application: ApplicationSpec) -> Schema:
    """The tables that each tenant has for itself."""
    return _schema(application, tenants=True)


def _schema(application: ApplicationSpec, *, tenants: bool) -> Schema:
    specs = [each for each in application.resources.values() if each.layer == "postgres"]
    own = [each for each in specs if (each.schema_tenancy is not None) is tenants]
    # An extension belongs to the database, so it is made once, with the tables that all tenants share.
    needed: set[str] = set() if tenants else {name for each in specs for name in extensions_for(each)}
    return Schema(tables=tuple(table_of(application, spec) for spec in own), extensions=tuple(sorted(needed)))


def extensions_for(spec: ResourceSpec) -> frozenset[str]:
    """The extensions that the columns of a resource need."""
    return frozenset(name for each in spec.attributes.values() for name in each.type.extensions)


def table_of(application: ApplicationSpec, spec: ResourceSpec) -> Table:
    """The table of a resource: columns, keys, the indexes that its relationships need, and checks."""
    links = [each for each in spec.relationships.values() if each.foreign_key]
    return Table(
        spec.table or spec.name,
        columns=tuple(_column(each) for each in spec.attributes.values()),
        primary_key=(spec.primary_key.column,),
        uniques=tuple(_uniques(application, spec)),
        indexes=tuple(_indexes(application, spec)),
        foreign_keys=tuple(
            _foreign_key(application, spec, each)
            for each in links
            if application.destination(each).layer == "postgres"
        ),
        checks=tuple(check for each in spec.attributes.values() for check in _checks(spec, each)),
        comment=spec.description or None,
    )


def _foreign_key(
    application: ApplicationSpec, spec: ResourceSpec, relationship: RelationshipSpec
) -> ForeignKey:
    """The foreign key of a belongs_to; where the tenant must match, it goes over the tenant's column too."""
    destination = application.destination(relationship)
    reference = relationship.reference or ReferenceSpec()
    own, keys = reference_columns(spec, destination, relationship)
    via = spec.attributes[relationship.source_attribute].column
    # Only the reference itself may become null: the row stays its tenant's.
    partly = reference.on_delete is ReferenceOnDelete.NILIFY and len(own) > 1
    return ForeignKey(
        foreign_key_name(spec, relationship),
        own,
        destination.table or destination.name,
        keys,
        on_delete=OnDelete(reference.on_delete.value),
        on_update=OnDelete(reference.on_update.value),
        deferrable=reference.deferrable,
        nilified=(via,) if partly else (),
    )


def reference_columns(
    spec: ResourceSpec, destination: ResourceSpec, relationship: RelationshipSpec
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns of a reference on both sides, that of the tenant first where it must match."""
    own = spec.attributes[relationship.source_attribute].column
    far = destination.attributes[relationship.destination_attribute].column
    tenant = relationship.reference.tenant if relationship.reference is not None else None
    if tenant is None:
        return (own,), (far,)
    return (spec.attributes[tenant[0]].column, own), (destination.attributes[tenant[1]].column, far)


def _uniques(application: ApplicationSpec, spec: ResourceSpec) -> list[Unique]:
    """The identities, and what references over several columns need to refer to."""
    found = [
        Unique(
            constraint_name(spec, each.name),
            tuple(spec.attributes[key].column for key in each.keys),
            nulls_distinct=each.nulls_distinct,
            where=predicate_of(application, spec, each),
        )
        for each in spec.identities.values()
    ]
    # A reference needs an index over all rows.
    kept = {frozenset(each.columns) for each in found if each.where is None}
    kept.add(frozenset({spec.primary_key.column}))
    for columns in _referred(application, spec):
        if frozenset(columns) not in kept:
            kept.add(frozenset(columns))
            found.append(Unique(fitted(f"{spec.table}_{'_'.join(columns)}_ref"), columns))
    return found


def _referred(application: ApplicationSpec, spec: ResourceSpec) -> Iterator[tuple[str, ...]]:
    """The columns of a resource that the references of others point to."""
    for other in application.resources.values():
        for each in other.relationships.values():
            if each.foreign_key and each.destination == spec.name and other.layer == spec.layer:
                yield reference_columns(other, spec, each)[1]


def _column(attribute: AttributeSpec) -> Column:
    # Defaults are made in the application: a row written around it must say everything itself.
    return Column(
        attribute.column,
        attribute.type.column,
        nullable=attribute.type.nullable,
        identity=attribute.generated and attribute.type.sql == "bigint",
        comment=attribute.description or None,
    )


def _indexes(application: ApplicationSpec, spec: ResourceSpec) -> list[Index]:
    """One index for each key that relationships follow, and for the tenant's attribute with the key."""
    wanted: dict[tuple[str, ...], None] = {}
    references = [each for each in spec.relationships.values() if each.reference is not None]
    for each in references:
        wanted[(spec.attributes[each.source_attribute].column,)] = None
    for other in application.resources.values():
        for each in other.relationships.values():
            wanted.update(dict.fromkeys(_followed(spec, each)))
    for each in references:
        if each.reference is not None and not each.reference.index:
            wanted.pop((spec.attributes[each.source_attribute].column,), None)
    if spec.tenancy is not None:
        tenant = spec.attributes[spec.tenancy.attribute].column
        wanted[(tenant, spec.primary_key.column)] = None
    covered = {(spec.primary_key.column,), *_referred(application, spec)} | {
        tuple(spec.attributes[key].column for key in each.keys)[:1]
        for each in spec.identities.values()
        if each.where is None
    }
    followed = [
        Index(fitted(f"{spec.table}_{'_'.join(columns)}_idx"), columns)
        for columns in wanted
        if columns not in covered
    ]
    names = {each.name for each in followed}
    asked = (_asked_index(spec, each) for each in spec.attributes.values() if each.index)
    return followed + [each for each in asked if each.name not in names]


def _asked_index(spec: ResourceSpec, attribute: AttributeSpec) -> Index:
    """The index that an attribute asks for, of the kind that fits its type."""
    name = fitted(f"{spec.table}_{attribute.column}_idx")
    if isinstance(attribute.index, Hnsw):
        given = {"m": attribute.index.m, "ef_construction": attribute.index.ef_construction}
        key = Expression(f"{quote(attribute.column)} {attribute.index.operators}")
        parameters = tuple(f"{word}={value}" for word, value in given.items() if value is not None)
        return Index(name, (key,), using="hnsw", parameters=parameters)
    kind = attribute.type.sql
    using = "gin" if kind == "jsonb" or kind.endswith("[]") else "gist" if kind in ELEMENTS else "btree"
    return Index(name, (attribute.column,), using=using)


def _followed(spec: ResourceSpec, relationship: RelationshipSpec) -> list[tuple[str, ...]]:
    """The columns of a resource that a relationship of any resource looks rows up by."""
    if relationship.join is not None:
        if relationship.join.resource != spec.name:
            return []
        keys = (relationship.join.source_attribute, relationship.join.destination_attribute)
        return [(spec.attributes[key].column,) for key in keys]
    far = relationship.destination_attribute
    keyless = relationship.cardinality in {Cardinality.THROUGH, Cardinality.UNRELATED, Cardinality.MANUAL}
    if relationship.destination != spec.name or far == spec.primary_key.name or keyless:
        return []
    return [(spec.attributes[far].column,)]


def _checks(spec: ResourceSpec, attribute: AttributeSpec) -> list[Check]:
    """A second wall for what the engine checks first: the values of enumerations and plain bounds."""
    column = quote(attribute.column)
    rules: list[str] = []
    if attribute.type.choices and attribute.type.sql in {"text", "bigint"}:
        values = ", ".join(_literal(value) for value in attribute.type.choices)
        rules.append(f"{column} IN ({values})")
    rules.extend(_bounds(column, attribute.type.stored_limits, attribute.type.sql))
    return [Check(check_name(spec, attribute.name), " AND ".join(rules))] if rules else []


def _bounds(column: str, limits: Constraints, kind: str) -> list[str]:
    rules: list[str] = []
    measure = "cardinality" if kind.endswith("[]") else _MEASURES.get(kind)
    if measure is not None:
        if limits.max_length is not None:
            rules.append(f"{measure}({column}) <= {limits.max_length}")
        if limits.min_length is not None:
            rules.append(f"{measure}({column}) >= {limits.min_length}")
    if kind in _NUMBERS or kind == "date":
        symbols = (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))
        for name, symbol in symbols:
            bound = getattr(limits, name)
            if bound is not None:
                rules.append(f"{column} {symbol} {_literal_bound(bound)}")
    return rules


_MEASURES = {"text": "char_length", "citext": "char_length", "bytea": "octet_length"}


def _literal_bound(bound: Any) -> str:
    return f"'{iso(bound)}'::date" if isinstance(bound, date) else str(bound)


def _literal(value: Any) -> str:
    plain = value.value if isinstance(value, Enum) else value
    return str(plain) if isinstance(plain, int) else "'" + str(plain).replace("'", "''") + "'"
