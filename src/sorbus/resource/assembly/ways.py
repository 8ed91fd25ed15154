"""From declared relationships to their specs: keys and paths first, then what needs both ends to be known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, cast

from sorbus.errors.declaration import DeclarationError, NoSuchField, NoSuchResource, WrongRelationship
from sorbus.errors.hints import did_you_mean, listed
from sorbus.expressions.build import Expr, Sort
from sorbus.expressions.lowering import Lowerer
from sorbus.expressions.nodes import Call, Node, Ordering, Ref, conjunction
from sorbus.resource.assembly.catalog import ClassCatalog
from sorbus.resource.fields import Attr, is_attribute
from sorbus.resource.relationships import Far, Order, Relationship, is_relationship
from sorbus.resource.spelling import words
from sorbus.schema.fields import (
    Cardinality,
    JoinSpec,
    OnDelete,
    OnUpdate,
    ReferenceSpec,
    RelationshipSpec,
)
from sorbus.schema.resource import ResourceSpec
from sorbus.schema.tenancy import share_tenants
from sorbus.schema.ways import Relationships, keyed_order, segments

_KEYLESS = frozenset({Cardinality.THROUGH, Cardinality.UNRELATED, Cardinality.MANUAL})


class RelationshipBuilder:
    """Builds the relationship specs of one class, as far as the declarations of both ends tell."""

    def __init__(self, cls: type[Any], catalog: ClassCatalog, keys: dict[type[Any], str]) -> None:
        self.cls = cls
        self.catalog = catalog
        self.keys = keys

    def build(self, name: str, member: Relationship[Any]) -> RelationshipSpec:
        """The spec of a relationship.

        Raises:
            DeclarationError: a key, a path or an option does not fit.
        """
        options = member.options
        label = f"{self.cls.__name__}.{name}"
        destination = self.catalog.destination(member)
        _check_range(label, options.limit, options.offset)
        source, far, join = self._keys(name, member, destination)
        stack: tuple[type[Any], ...] = (self.cls, destination)
        if join is not None:
            stack = (self.cls, self.catalog.classes[join.resource], destination)
        elif member.cardinality is Cardinality.THROUGH:
            stack = (destination,)
        order = self._order(options.order_by, stack)
        if options.limit is not None or options.offset is not None:
            order = keyed_order(order, self.keys[destination])
        return RelationshipSpec(
            name=name,
            cardinality=member.cardinality,
            destination=destination.__name__,
            source_attribute=source,
            destination_attribute=far,
            description=member.description,
            public=member.public,
            join=join,
            where=self._where(options.where, stack),
            order=order,
            limit=options.limit,
            offset=options.offset,
            path=self._path(label, member),
            function=options.function,
            several=self.catalog.several[member],
            reference=_reference(member),
            authorize_read=options.authorize_read_with,
        )

    def _where(self, where: Any, stack: tuple[type[Any], ...]) -> Node | None:
        found: Node | None = where(stack[-1]).lower(Lowerer(self.catalog, stack)) if where else None
        return found

    def _order(self, order_by: Order | None, stack: tuple[type[Any], ...]) -> tuple[Ordering, ...]:
        if order_by is None:
            return ()
        given = order_by(stack[-1])
        terms: Sequence[Sort | Expr[Any]] = (given,) if isinstance(given, (Sort, Expr)) else given
        lowerer = Lowerer(self.catalog, stack)
        return tuple((term if isinstance(term, Sort) else Sort(term)).lower(lowerer) for term in terms)

    def _keys(
        self, name: str, member: Relationship[Any], destination: type[Any]
    ) -> tuple[str, str, JoinSpec | None]:
        options = member.options
        own = f"{words(self.cls.__name__)}_id"
        if member.cardinality in _KEYLESS:
            return self.keys[self.cls], self.keys[destination], None
        if member.cardinality is Cardinality.BELONGS_TO:
            via = self._far(self.cls, options.via, f"{name}_id", name)
            return via, self._far(destination, options.destination, self.keys[destination], name), None
        source = self._far(self.cls, options.source, self.keys[self.cls], name)
        if member.cardinality is not Cardinality.MANY_TO_MANY:
            return source, self._far(destination, options.via, own, name), None
        between = self.catalog.classes.get(options.through or "")
        if between is None:
            label = f"{self.cls.__name__}.{name}"
            raise NoSuchResource(options.through or "?", wanted_by=label, allowed=self.catalog.classes)
        join = JoinSpec(
            resource=between.__name__,
            source_attribute=self._far(between, options.via, own, name),
            destination_attribute=self._far(between, options.to, f"{words(destination.__name__)}_id", name),
            where=self._where(options.join_where, (self.cls, between)),
            carried=options.carries_join,
        )
        return source, self._far(destination, options.destination, self.keys[destination], name), join

    def _far(self, cls: type[Any], given: Attr[Any] | Far | None, otherwise: str, relationship: str) -> str:
        """The name of an attribute of a class, given as such, by name, or by a lambda over the class."""
        if given is None:
            return self._attribute(cls, otherwise, relationship)
        if isinstance(given, str):
            return self._attribute(cls, given, relationship)
        found: Any = given if is_attribute(given) else cast("Callable[[Any], Any]", given)(cls)
        return self._attribute(cls, str(getattr(found, "name", found)), relationship)

    def _attribute(self, cls: type[Any], name: str, relationship: str) -> str:
        names = [each for each, member in cls.__declared__.items() if isinstance(member, Attr)]
        if name not in names:
            where = f"the relationship `{self.cls.__name__}.{relationship}`"
            raise NoSuchField(cls.__name__, name, allowed=names, where=where)
        return name

    def _path(self, label: str, member: Relationship[Any]) -> tuple[str, ...]:
        """The names of the relationships that a path goes over."""
        if not member.steps:
            return ()
        cls, names = self.cls, list[str]()
        for position, step in enumerate(member.steps):
            found: Any = step(cls) if position else step
            if not is_relationship(found):
                raise WrongRelationship(
                    label,
                    f"its path leads over `{cls.__name__}.{getattr(found, 'name', found)}`, "
                    f"which is no relationship. Relationships of {cls.__name__}: {listed(_ways(cls))}.",
                )
            if found is member:
                raise WrongRelationship(label, "its path leads over itself.")
            name, cls, _ = Lowerer(self.catalog, (cls,)).into(found)
            names += name.split(".")
        if cls is not self.catalog.destination(member):
            raise WrongRelationship(
                label,
                f"its path leads to {cls.__name__}; its type says {self.catalog.destination(member).__name__}.",
            )
        return tuple(names)


def _ways(cls: type[Any]) -> list[str]:
    return [name for name, each in cls.__declared__.items() if is_relationship(each)]


def _check_range(label: str, limit: Any, offset: Any) -> None:
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise WrongRelationship(label, f"its limit is {limit!r}; it takes a whole number from 1 on.")
    if offset is not None and (not isinstance(offset, int) or offset < 0):
        raise WrongRelationship(label, f"its offset is {offset!r}; it takes a whole number from 0 on.")


def _reference(member: Relationship[Any]) -> ReferenceSpec | None:
    options = member.options
    if member.cardinality is not Cardinality.BELONGS_TO or not options.foreign_key:
        return None
    return ReferenceSpec(
        on_delete=OnDelete(options.on_delete),
        on_update=OnUpdate(options.on_update),
        deferrable=options.deferrable,
        index=options.index,
        match_tenant=options.match_tenant,
    )


def join_up(resources: Mapping[str, ResourceSpec], errors: list[DeclarationError]) -> dict[str, ResourceSpec]:
    """The resources with their relationships finished: what needs the specs of both ends."""
    joined: dict[str, ResourceSpec] = {}
    for spec in resources.values():
        found: dict[str, RelationshipSpec] = {}
        for each in spec.relationships.values():
            try:
                found[each.name] = _finished(resources, spec, each)
            except DeclarationError as error:
                errors.append(error)
        ways = Relationships(spec.name, found)
        ways.resources = joined
        joined[spec.name] = replace(spec, relationships=MappingProxyType(ways))
    for spec in joined.values():
        for each in spec.relationships.values():
            try:
                _check_way(joined, spec, each)
            except DeclarationError as error:
                errors.append(error)
    return joined


def _finished(
    resources: Mapping[str, ResourceSpec], spec: ResourceSpec, each: RelationshipSpec
) -> RelationshipSpec:
    destination = resources.get(each.destination)
    if destination is None:
        return each
    each = _inside_tenant(spec, destination, each)
    if each.reference is not None:
        return replace(each, reference=_finished_reference(spec, destination, each, each.reference))
    if each.join is not None and each.join.resource in resources:
        between = resources[each.join.resource]
        pair = {each.join.source_attribute, each.join.destination_attribute}
        tenant = getattr(between.tenancy, "attribute", None)
        unique = any(
            one.where is None and set(one.keys) - {tenant} <= pair for one in between.identities.values()
        )
        return replace(each, join=replace(each.join, unique=unique))
    return each


def _inside_tenant(spec: ResourceSpec, destination: ResourceSpec, each: RelationshipSpec) -> RelationshipSpec:
    """What is no key tells rows apart inside one tenant only, so the tenant belongs to the way."""
    own = getattr(spec.tenancy, "attribute", None)
    theirs = getattr(destination.tenancy, "attribute", None)
    keys = {
        spec.primary_key.name == each.source_attribute,
        destination.primary_key.name == each.destination_attribute,
    }
    if each.cardinality in _KEYLESS or each.join is not None or own is None or theirs is None or True in keys:
        return each
    if not share_tenants(spec.tenancy, destination.tenancy):
        return each
    same = Call("eq", (Ref(theirs), Ref(own, outer=1)))
    return replace(each, where=conjunction(each.where, same))


def _finished_reference(
    spec: ResourceSpec, destination: ResourceSpec, each: RelationshipSpec, reference: ReferenceSpec
) -> ReferenceSpec:
    label = f"{spec.name}.{each.name}"
    own = getattr(spec.tenancy, "attribute", None)
    theirs = getattr(destination.tenancy, "attribute", None)
    both = own is not None and theirs is not None and each.source_attribute != own
    if reference.match_tenant and not both:
        lacking = spec.name if own is None else destination.name
        raise WrongRelationship(
            label,
            f"match_tenant=True needs a tenancy over an attribute on both sides; {lacking} has none.",
            hint="Drop match_tenant, or give the resource a `tenancy`.",
        )
    matched = both and (reference.match_tenant or share_tenants(spec.tenancy, destination.tenancy))
    tenant = (own, theirs) if own and theirs and matched and reference.match_tenant is not False else None
    far = each.destination_attribute
    keys = [set(one.keys) - {theirs} for one in destination.identities.values() if one.where is None]
    if far != destination.primary_key.name and {far} not in keys:
        raise WrongRelationship(
            label,
            f"it refers to `{destination.name}.{far}`, which does not tell rows apart. "
            f"Keys: {listed(_single_keys(destination, keys))}.",
            hint="Refer to the key or an identity, or say `foreign_key=False`.",
        )
    return replace(reference, tenant=tenant)


def _single_keys(spec: ResourceSpec, keys: Iterable[set[str]]) -> list[str]:
    return [spec.primary_key.name, *(name for each in keys if len(each) == 1 for name in each)]


def _check_way(resources: Mapping[str, ResourceSpec], spec: ResourceSpec, each: RelationshipSpec) -> None:
    """A way can be followed: it does not go in a circle, and one data layer holds what a statement joins."""
    label = f"{spec.name}.{each.name}"
    if each.destination not in resources:
        return
    if each.cardinality is Cardinality.THROUGH:
        _check_path(resources, spec, each, (label,))
        several = _leads_to_many(resources, spec.name, each)
        if several is not each.several:
            shape = "Many" if several else "One"
            count = "many rows" if several else "at most one row"
            raise WrongRelationship(label, f"its path leads to {count}; write `{each.name}: {shape}[…]`.")
    elif each.join is None or each.join.resource not in resources:
        return
    layers = {
        hop.resource: resources[hop.resource].layer
        for segment in segments(resources, spec.name, each)
        for hop in segment.hops
    }
    if len(set(layers.values())) > 1:
        homes = ", ".join(f"{name} ({layer})" for name, layer in layers.items())
        raise WrongRelationship(
            label, f"one statement would have to join rows of several data layers: {homes}."
        )


def _check_path(
    resources: Mapping[str, ResourceSpec], spec: ResourceSpec, each: RelationshipSpec, trail: tuple[str, ...]
) -> None:
    for name in each.path:
        step = spec.relationships.get(name)
        if step is None:
            near = did_you_mean(name, spec.relationships)
            raise WrongRelationship(
                trail[0], f"`{spec.name}.{name}` on its path is not well declared.", hint=near
            )
        label = f"{spec.name}.{name}"
        if label in trail:
            raise WrongRelationship(
                trail[0],
                f"its path goes in a circle: {' → '.join((*trail, label))}.",
                hint="Let one of them go over plain relationships.",
            )
        if step.cardinality is Cardinality.MANUAL:
            raise WrongRelationship(
                trail[0],
                f"its path leads over `{label}`, whose rows a function finds: nothing can follow it.",
            )
        if step.cardinality is Cardinality.THROUGH:
            _check_path(resources, spec, step, (*trail, label))
        spec = resources[step.destination]


def _leads_to_many(resources: Mapping[str, ResourceSpec], source: str, each: RelationshipSpec) -> bool:
    return any(segment.relationship.to_many for segment in segments(resources, source, each))
