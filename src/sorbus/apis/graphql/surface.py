"""What GraphQL shows of an application: types with their public fields, and the fields of `Query` and `Mutation`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from sorbus.apis.graphql.nodes import NODE, NODE_ID
from sorbus.engine.topics import Template, parse_template
from sorbus.errors.declaration import DeclarationError, DefinitionErrors
from sorbus.errors.graphql import BadGraphqlName
from sorbus.expressions.nodes import TRUE
from sorbus.resource.graphql import GraphQL
from sorbus.resource.sections import section_of
from sorbus.resource.spelling import camel, upper_camel
from sorbus.schema.actions import ActionKind, ActionSpec
from sorbus.schema.fields import Cardinality, IdentitySpec, RelationshipSpec
from sorbus.schema.policies import Effect, FieldPolicySpec
from sorbus.schema.resource import PRIMARY_READ, ApplicationSpec, FieldSpec, ResourceSpec

_NAME = re.compile(r"(?!__)[_A-Za-z][_0-9A-Za-z]*")


def _plural(name: str) -> str:
    if re.search(r"[^aeiou]y$", name):
        return name[:-1] + "ies"
    return name + ("es" if re.search(r"(s|x|z|ch|sh)$", name) else "s")


class RootKind(StrEnum):
    """What a field of `Query` or `Mutation` does."""

    GET = "get"
    GET_BY = "get_by"
    LIST = "list"
    CONNECTION = "connection"
    CREATE = "create"
    UPDATE = "update"
    DESTROY = "destroy"
    QUERY = "query"
    GENERIC = "generic"
    SUBSCRIBE = "subscribe"

    @property
    def mutates(self) -> bool:
        """Whether it is a field of `Mutation`."""
        return self in {RootKind.CREATE, RootKind.UPDATE, RootKind.DESTROY, RootKind.GENERIC}


@dataclass(frozen=True, kw_only=True, eq=False)
class Exposed:
    """A resource as GraphQL shows it.

    Attributes:
        type: the name of its type.
        single, plural: the names of the queries for one and for many.
        fields: its public fields but the key, which is always `id`, by their GraphQL names.
        relationships: its public relationships to exposed resources, by their GraphQL names.
        connected: whether there are pages of it with cursors.
        masked: the names of fields that field policies may hide.
    """

    spec: ResourceSpec
    section: GraphQL
    type: str
    single: str
    plural: str
    fields: Mapping[str, FieldSpec]
    relationships: Mapping[str, RelationshipSpec]
    masked: frozenset[str]

    @property
    def fetched(self) -> bool:
        """Whether it has node ids: a single record can be fetched, and no field of its own bears the name."""
        return "get" in self.section.actions and NODE_ID not in self.fields

    @property
    def connected(self) -> bool:
        """Whether there are pages of it with cursors."""
        return "connection" in self.section.actions

    def is_key(self, name: str) -> bool:
        """Whether an attribute is a key: its own, or one that points to another row."""
        own = self.spec.attributes.get(name)
        if own is None:
            return False
        return own.primary_key or any(
            each.cardinality is Cardinality.BELONGS_TO and each.source_attribute == name
            for each in self.spec.relationships.values()
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Root:
    """One field of `Query` or `Mutation`.

    Attributes:
        action: what it runs; the primary read where the section says so by a word.
        identity: by which a row is found.
        topic: what a subscription listens to.
        guessed: the fields in the topic that a field policy may hide: whoever is told of an event has guessed them.
    """

    name: str
    kind: RootKind
    exposed: Exposed
    action: ActionSpec
    identity: IdentitySpec | None = None
    topic: Template | None = None
    guessed: frozenset[str] = frozenset()

    @property
    def declared(self) -> Any:
        """The declared action."""
        return getattr(self.exposed.spec.python, self.action.name, None)


@dataclass(frozen=True, kw_only=True)
class Surface:
    """Everything that GraphQL shows, by the names of the resources, and the fields at the top."""

    exposed: Mapping[str, Exposed]
    roots: tuple[Root, ...]

    @property
    def nodes(self) -> tuple[Exposed, ...]:
        """What can be fetched by a node id; nothing where the schema has given the names away."""
        taken = any(each.type == NODE for each in self.exposed.values())
        if taken or any(each.name == "node" for each in self.roots):
            return ()
        return tuple(each for each in self.exposed.values() if each.fetched)

    def destination(self, relationship: RelationshipSpec) -> Exposed:
        """The exposed resource that a shown relationship leads to."""
        return self.exposed[relationship.destination]


def surface_of(application: ApplicationSpec) -> Surface:
    """What GraphQL shows of an application.

    Raises:
        DefinitionErrors: names cannot be, or are given twice; every mistake is listed.
    """
    errors: list[DeclarationError] = []
    sections = {
        spec.name: found for spec in application.resources.values() if (found := section_of(spec, GraphQL))
    }
    exposed = {
        name: _exposed(application.resources[name], section, sections, errors)
        for name, section in sections.items()
    }
    roots = tuple(root for each in exposed.values() for root in _roots(each))
    errors.extend(_name_errors(exposed, roots))
    if errors:
        raise DefinitionErrors(errors)
    return Surface(exposed=MappingProxyType(exposed), roots=roots)


def _exposed(
    spec: ResourceSpec, section: GraphQL, sections: Mapping[str, GraphQL], errors: list[DeclarationError]
) -> Exposed:
    name = section.type or spec.name
    single = name[:1].lower() + name[1:]
    taken: dict[str, str] = {"id": spec.primary_key.name} if spec.has_rows else {}

    def shown[T](found: Iterator[tuple[str, T]]) -> Mapping[str, T]:
        kept: dict[str, T] = {}
        for own, each in found:
            outside = camel(own)
            if taken.setdefault(outside, own) != own:
                problem = f"which `{spec.name}.{taken[outside]}` has already"
                errors.append(BadGraphqlName(spec.name, outside, problem=problem))
            elif not _NAME.fullmatch(outside):
                problem = "which GraphQL cannot spell: a name has Latin letters, digits and `_`"
                errors.append(BadGraphqlName(spec.name, outside, problem=problem))
            else:
                kept[outside] = each
        return MappingProxyType(kept)

    fields = shown(
        (own, each)
        for own, each in spec.fields.items()
        if each.public and not getattr(each, "primary_key", False)
    )
    relationships = shown(
        (own, each)
        for own, each in spec.relationships.items()
        if each.public and each.destination in sections
    )
    return Exposed(
        spec=spec,
        section=section,
        type=name,
        single=single,
        plural=section.plural or _plural(single),
        fields=fields,
        relationships=relationships,
        masked=frozenset[str]().union(*map(_hidden_by, spec.field_policies or ())),
    )


def _hidden_by(policy: FieldPolicySpec) -> frozenset[str]:
    """The fields that a policy may hide: none, if its first check lets everybody see them."""
    first = policy.checks[0] if policy.checks else None
    opens = first is not None and first.effect is Effect.AUTHORIZE_IF and first.condition == TRUE
    return frozenset() if opens else policy.fields


def _roots(exposed: Exposed) -> Iterator[Root]:
    spec, section = exposed.spec, exposed.section
    if spec.has_rows:
        yield from _primary(exposed, spec.actions[PRIMARY_READ])
    for each in section.queries:
        name = section.names.get(each.name) or camel(each.name) + exposed.type
        yield Root(name=name, kind=RootKind.QUERY, exposed=exposed, action=spec.actions[each.name])
    for listed in section.actions:
        if not isinstance(listed, str):
            yield from _declared(exposed, spec.actions[listed.name])


def _primary(exposed: Exposed, action: ActionSpec) -> Iterator[Root]:
    """The fields for the primary read, and for what happens to the records that it reads."""
    spec, section = exposed.spec, exposed.section
    names = section.names

    def root(name: str, kind: RootKind, **more: Any) -> Root:
        return Root(name=name, kind=kind, exposed=exposed, action=action, **more)

    for each in section.actions:
        if each == "get":
            yield root(names.get("get", exposed.single), RootKind.GET)
        elif each == "list":
            yield root(names.get("list", exposed.plural), RootKind.LIST)
        elif each == "connection":
            yield root(names.get("connection", f"{exposed.plural}Connection"), RootKind.CONNECTION)
    for name in section.by:
        fallback = f"{exposed.single}By{upper_camel(name)}"
        yield root(names.get(name, fallback), RootKind.GET_BY, identity=spec.identities[name])
    for name, text in section.subscriptions.items():
        template = parse_template(text, where=spec.name)
        yield root(
            name, RootKind.SUBSCRIBE, topic=template, guessed=exposed.masked.intersection(template.fields)
        )


def _declared(exposed: Exposed, action: ActionSpec) -> Iterator[Root]:
    plural = exposed.plural[:1].upper() + exposed.plural[1:]
    reads = action.kind is ActionKind.READ
    given = exposed.section.names.get(action.name)
    name = given or camel(action.name) + (plural if reads else exposed.type)
    kinds = {
        ActionKind.READ: RootKind.LIST,
        ActionKind.CREATE: RootKind.CREATE,
        ActionKind.UPDATE: RootKind.UPDATE,
        ActionKind.DESTROY: RootKind.DESTROY,
        ActionKind.GENERIC: RootKind.GENERIC,
    }
    yield Root(name=name, kind=kinds[action.kind], exposed=exposed, action=action)
    if reads and exposed.connected:
        yield Root(name=f"{name}Connection", kind=RootKind.CONNECTION, exposed=exposed, action=action)


_OWN_TYPES = ("Query", "Mutation", "Subscription", "PageInfo", "ActionError", "SortOrder", "ChangeKind")


def _name_errors(exposed: Mapping[str, Exposed], roots: tuple[Root, ...]) -> Iterator[DeclarationError]:
    types: dict[str, str] = dict.fromkeys(_OWN_TYPES, "GraphQL itself")
    for each in exposed.values():
        own = f"`{each.spec.name}`"
        first = types.setdefault(each.type, own) if each.spec.has_rows else own
        if first != own:
            yield BadGraphqlName(each.spec.name, each.type, problem=f"which is the name of {first} already")
        elif not _NAME.fullmatch(each.type) or not _NAME.fullmatch(each.plural):
            yield BadGraphqlName(each.spec.name, each.type, problem="which GraphQL cannot spell")
    tops: dict[tuple[bool, bool, str], Root] = {}
    for root in roots:
        there = tops.setdefault((root.kind.mutates, root.kind is RootKind.SUBSCRIBE, root.name), root)
        spec = root.exposed.spec
        if there is not root:
            problem = f"which is that of `{there.exposed.spec.name}.{there.action.name}` already"
            yield BadGraphqlName(spec.name, root.name, problem=problem)
        elif not _NAME.fullmatch(root.name):
            yield BadGraphqlName(spec.name, root.name, problem="which GraphQL cannot spell")
        for given in root.action.public_inputs:
            if not _NAME.fullmatch(camel(given.name)):
                yield BadGraphqlName(spec.name, camel(given.name), problem="which GraphQL cannot spell")
