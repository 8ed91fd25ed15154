"""Keys, identities and references: what keeps the rows of several tables consistent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import count
from typing import Any

from sorbus.data_layers.base import Bindings
from sorbus.data_layers.memory.rows import MemoryRows
from sorbus.data_layers.memory.session import Writing
from sorbus.data_layers.memory.tables import Names, Row, Table, frozen
from sorbus.data_layers.memory.tenants import Tables, places
from sorbus.data_layers.memory.values import stored
from sorbus.data_layers.memory.ways import Frame
from sorbus.errors.database import ForeignKeyViolation, UniqueViolation
from sorbus.schema.fields import AttributeSpec, IdentitySpec, OnDelete, OnUpdate, RelationshipSpec
from sorbus.schema.key_text import key_text
from sorbus.schema.names import constraint_name, fitted, foreign_key_name
from sorbus.schema.resource import ApplicationSpec, ResourceSpec


@dataclass(frozen=True)
class Constraints:
    """The constraints of an application's resources, and how each is kept at a write."""

    application: ApplicationSpec

    @cached_property
    def _referrers(self) -> dict[str, list[tuple[ResourceSpec, RelationshipSpec]]]:
        """The foreign keys that lead to each resource."""
        found: dict[str, list[tuple[ResourceSpec, RelationshipSpec]]] = {}
        for spec in self.application.resources.values():
            for each in self._references(spec):
                found.setdefault(each.destination, []).append((spec, each))
        return found

    def _references(self, spec: ResourceSpec) -> Iterator[RelationshipSpec]:
        """The foreign keys of a resource. Rows in another layer cannot be held to one."""
        for each in spec.relationships.values():
            if each.foreign_key and self.application.destination(each).layer == spec.layer:
                yield each

    def empty_table(self, spec: ResourceSpec) -> Table:
        """A table with an index for everything that rows of the resource are looked up by."""
        names = {each.keys for each in spec.identities.values()} | self._followed.get(spec.name, set[Names]())
        return Table(spec.primary_key.name, names)

    @cached_property
    def _followed(self) -> dict[str, set[Names]]:
        """The attributes by which relationships look rows up, for each resource."""
        found: dict[str, set[Names]] = {}
        for spec in self.application.resources.values():
            for each in spec.relationships.values():
                if each.foreign_key:
                    found.setdefault(spec.name, set()).add((each.source_attribute,))
                if each.join is not None:
                    ends = {(each.join.source_attribute,), (each.join.destination_attribute,)}
                    found.setdefault(each.join.resource, set()).update(ends)
                found.setdefault(each.destination, set()).add((each.destination_attribute,))
        return found

    def complete(self, spec: ResourceSpec, values: dict[str, Any]) -> Row:
        """A whole row from the values for some attributes; the others are null."""
        return {
            name: stored(
                spec,
                attribute,
                self._next(spec, attribute)
                if attribute.generated and name not in values
                else values.get(name),
            )
            for name, attribute in spec.attributes.items()
        }

    def _next(self, spec: ResourceSpec, attribute: AttributeSpec) -> int | None:
        """The next number of an identity column; as in PostgreSQL, a number is never given back."""
        if attribute.type.sql != "bigint":
            return None
        return next(self._sequences.setdefault((spec.name, attribute.name), count(1)))

    @cached_property
    def _sequences(self) -> dict[tuple[str, str], count[int]]:
        return {}

    def add(self, writing: Writing, spec: ResourceSpec, row: Row) -> None:
        """Put a new row into its table.

        Raises:
            UniqueViolation, ForeignKeyViolation: a constraint does not allow it.
        """
        key = spec.primary_key
        if frozen(row[key.name]) in writing.table(spec.name).rows:
            raise _unique(spec, fitted(f"{spec.table}_pkey"), (key.name,), row)
        for identity in spec.identities.values():
            if self.conflicting(writing, spec, identity, row) is not None:
                raise _unique(spec, constraint_name(spec, identity.name), identity.keys, row)
        writing.put(spec.name, row)
        for reference in self._references(spec):
            self._check_reference(writing, spec, reference, row)

    def change(self, writing: Writing, spec: ResourceSpec, before: Row, after: Row) -> None:
        """Put a changed row in place of the old one.

        Raises:
            UniqueViolation, ForeignKeyViolation: a constraint does not allow it.
        """
        for identity in spec.identities.values():
            changed = any(before[name] != after[name] for name in identity.fields)
            if changed and self.conflicting(writing, spec, identity, after) is not None:
                raise _unique(spec, constraint_name(spec, identity.name), identity.keys, after)
        writing.put(spec.name, after)
        for reference in self._references(spec):
            if any(before[name] != after[name] for name, _ in pairs(reference)):
                self._check_reference(writing, spec, reference, after)
        for other, reference in self._referrers.get(spec.name, ()):
            if any(before[far] != after[far] for _, far in pairs(reference)):
                for there, referring in self._referring(writing, spec, other, reference, before):
                    self._follow(there, spec, other, reference, referring, after)

    def remove(self, writing: Writing, spec: ResourceSpec, row: Row) -> None:
        """Take a row away, and do with the rows that refer to it what their references say.

        Raises:
            ForeignKeyViolation: a reference does not allow it.
        """
        key = frozen(row[spec.primary_key.name])
        if key not in writing.table(spec.name).rows:
            return
        writing.remove(spec.name, key)
        for other, reference in self._referrers.get(spec.name, ()):
            for there, referring in self._referring(writing, spec, other, reference, row):
                self._let_go(there, spec, other, reference, referring)

    def _referring(
        self,
        writing: Writing,
        spec: ResourceSpec,
        other: ResourceSpec,
        reference: RelationshipSpec,
        row: Row,
    ) -> Iterator[tuple[Writing, Row]]:
        """The rows of another resource that refer to a row, each with the tables in which it lies."""
        value = row[reference.destination_attribute]
        shared = other.schema_tenancy is not None and spec.schema_tenancy is None
        # A row that all tenants share may be referred to from the tables of each.
        for place in places(writing, other.name) if shared else (writing.place,):
            there = replace(writing, place=place)
            for each in there.table(other.name).find((reference.source_attribute,), (value,)):
                if all(each[own] == row[far] for own, far in pairs(reference)):
                    yield there, each

    def _let_go(
        self,
        writing: Writing,
        spec: ResourceSpec,
        other: ResourceSpec,
        reference: RelationshipSpec,
        referring: Row,
    ) -> None:
        match reference.on_delete:
            case OnDelete.CASCADE:
                self.remove(writing, other, referring)
            case OnDelete.NILIFY:
                name = reference.source_attribute
                value = stored(other, other.attributes[name], None)
                self.change(writing, other, referring, {**referring, name: value})
            case OnDelete.NOTHING:
                self._later(writing, other, reference, referring, left=spec)
            case OnDelete.RESTRICT:
                raise _still_used(spec, other, reference, referring)

    def _follow(
        self,
        writing: Writing,
        spec: ResourceSpec,
        other: ResourceSpec,
        reference: RelationshipSpec,
        referring: Row,
        after: Row,
    ) -> None:
        """Do with a row what its reference says when the attribute that it refers to has changed."""
        match reference.reference.on_update if reference.reference is not None else None:
            case OnUpdate.CASCADE:
                moved = {own: after[far] for own, far in pairs(reference)}
                self.change(writing, other, referring, {**referring, **moved})
            case OnUpdate.RESTRICT:
                raise _still_used(spec, other, reference, referring)
            case _:
                self._later(writing, other, reference, referring, left=spec)

    def _later(
        self,
        writing: Writing,
        spec: ResourceSpec,
        reference: RelationshipSpec,
        row: Row,
        *,
        left: ResourceSpec | None = None,
    ) -> None:
        """Look at a reference at the end of the statement or, when it is deferrable, of the transaction."""
        key = frozen(row[spec.primary_key.name])
        place = writing.place

        def check(whole: Mapping[str, Table]) -> None:
            tables = Tables(whole, place)
            now = tables[spec.name].rows.get(key)
            if now is not None and not self._refers(tables, reference, now):
                raise (
                    _missing(self.application, spec, reference, now)
                    if left is None
                    else _still_used(left, spec, reference, now)
                )

        deferrable = reference.reference is not None and reference.reference.deferrable
        (writing.deferred if deferrable else writing.later).append(check)

    def conflicting(
        self, writing: Writing, spec: ResourceSpec, identity: IdentitySpec, row: Row
    ) -> Row | None:
        """Another row with the same values in an identity, where both take part in it."""
        if not self._takes_part(spec, identity, row):
            return None
        key = spec.primary_key.name
        values = tuple(row[each] for each in identity.keys)
        found = writing.table(spec.name).find(identity.keys, values, nulls_equal=not identity.nulls_distinct)
        others = (each for each in found if each[key] != row[key])
        return next((each for each in others if self._takes_part(spec, identity, each)), None)

    def _takes_part(self, spec: ResourceSpec, identity: IdentitySpec, row: Row) -> bool:
        """Whether an identity tells a row apart: it meets the condition, which looks at nothing but the row."""
        return identity.where is None or self._alone.holds(identity.where, Frame(spec, row))

    @cached_property
    def _alone(self) -> MemoryRows:
        return MemoryRows(self.application, {}, Bindings([]), datetime.now(UTC))

    def _check_reference(
        self, writing: Writing, spec: ResourceSpec, reference: RelationshipSpec, row: Row
    ) -> None:
        if reference.reference is not None and reference.reference.deferrable:
            self._later(writing, spec, reference, row)
        elif not self._refers(Tables(writing.tables, writing.place), reference, row):
            raise _missing(self.application, spec, reference, row)

    def _refers(self, tables: Mapping[str, Table], reference: RelationshipSpec, row: Row) -> bool:
        """Whether the row that a reference points to is there; null points nowhere, which is allowed."""
        value = row[reference.source_attribute]
        if value is None:
            return True
        found = tables[reference.destination].find((reference.destination_attribute,), (value,))
        return any(all(row[own] == each[far] for own, far in pairs(reference)) for each in found)


def pairs(reference: RelationshipSpec) -> tuple[tuple[str, str], ...]:
    """The attributes of a reference on both sides, with those of the tenant where it must match."""
    keys = (reference.source_attribute, reference.destination_attribute)
    tenant = reference.reference.tenant if reference.reference is not None else None
    return (keys,) if tenant is None else (keys, tenant)


def _missing(
    application: ApplicationSpec, spec: ResourceSpec, reference: RelationshipSpec, row: Row
) -> ForeignKeyViolation:
    destination = application.destination(reference)
    return ForeignKeyViolation(
        constraint=foreign_key_name(spec, reference),
        schema="",
        table=spec.table or spec.name,
        columns=(spec.attributes[reference.source_attribute].column,),
        values=key_text((row[reference.source_attribute],)),
        referenced=destination.table or destination.name,
        still_used=False,
    )


def _still_used(
    spec: ResourceSpec, other: ResourceSpec, reference: RelationshipSpec, referring: Row
) -> ForeignKeyViolation:
    return ForeignKeyViolation(
        constraint=foreign_key_name(other, reference),
        schema="",
        table=other.table or other.name,
        columns=(spec.attributes[reference.destination_attribute].column,),
        values=key_text((referring[reference.source_attribute],)),
        referenced=spec.table or spec.name,
        still_used=True,
    )


def _unique(spec: ResourceSpec, constraint: str, keys: tuple[str, ...], row: Row) -> UniqueViolation:
    return UniqueViolation(
        constraint=constraint,
        schema="",
        table=spec.table or spec.name,
        columns=tuple(spec.attributes[key].column for key in keys),
        values=key_text(row[key] for key in keys),
    )
