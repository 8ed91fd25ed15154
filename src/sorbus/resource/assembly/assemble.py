"""The assembly of an application: from declared classes to one frozen spec, or to every error at once."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, cast

from sorbus.errors.declaration import (
    DeclarationError,
    DefinitionErrors,
    DuplicateName,
    MissingPart,
)
from sorbus.expressions.lowering import Lowerer
from sorbus.resource.actions import Action
from sorbus.resource.agg import Agg
from sorbus.resource.assembly.actions import ActionBuilder
from sorbus.resource.assembly.arguments import expression_of
from sorbus.resource.assembly.catalog import ClassCatalog, gather
from sorbus.resource.assembly.derived import DerivedBuilder
from sorbus.resource.assembly.embedded import embedded_specs
from sorbus.resource.assembly.extending import extended, verdicts
from sorbus.resource.assembly.fields import FieldBuilder, attribute_spec
from sorbus.resource.assembly.managing import related_mistakes
from sorbus.resource.assembly.mistakes import noting
from sorbus.resource.assembly.options import check_attribute
from sorbus.resource.assembly.policies import FieldPolicyBuilder, PolicyBuilder, warn_about_silence
from sorbus.resource.assembly.rules import identity_specs
from sorbus.resource.assembly.tenancy import (
    managed_tenants_spec,
    schema_tenancy_spec,
    tenancy_spec,
    with_tenancy,
)
from sorbus.resource.assembly.ways import join_up
from sorbus.resource.calculations import Calc
from sorbus.resource.changes import items_for
from sorbus.resource.domain import Domain
from sorbus.resource.fields import Attr, is_attribute
from sorbus.resource.policies import FieldPolicies, Policies
from sorbus.resource.relationships import Relationship
from sorbus.resource.sections import Identities, Section, Storage
from sorbus.resource.spelling import words
from sorbus.resource.tenancy import AnyTenancy, ManageTenants
from sorbus.schema.actions import ActionKind, ActionSpec
from sorbus.schema.fields import AttributeSpec, IdentitySpec
from sorbus.schema.resource import PRIMARY_READ, ApplicationSpec, ResourceSpec
from sorbus.schema.verifiers import verify


def assemble(name: str, domains: Iterable[Domain]) -> ApplicationSpec:
    """The frozen spec of an application.

    Raises:
        DefinitionErrors: the declarations have mistakes; all of them are listed.
    """
    errors: list[DeclarationError] = []
    classes, homes = _classes(tuple(domains), errors)
    catalog = gather(classes, errors)
    catalog.maker = partial(expression_of, catalog)
    embedded = embedded_specs(catalog, errors)
    keys = {cls: _primary_key(cls, errors) for cls in classes.values()}
    resources: dict[str, ResourceSpec] = {}
    for label, cls in classes.items():
        spec = _Assembly(cls, homes[label], catalog, keys, errors).build()
        if spec is not None:
            spec = extended(spec, catalog, errors)
            resources[label] = spec
            errors.extend(_section_errors(spec, Lowerer(catalog, (cls,))))
    with_ways = join_up(resources, errors)
    application = ApplicationSpec(name=name, resources=MappingProxyType(with_ways), embedded=embedded)
    if not errors:
        errors.extend(verify(application))
        errors.extend(related_mistakes(application))
        verdicts(application, errors)
    if errors:
        raise DefinitionErrors(_distinct(errors))
    warn_about_silence(application.resources.values())
    return application


def _section_errors(spec: ResourceSpec, lowerer: Lowerer) -> Iterator[DeclarationError]:
    for section in spec.sections.values():
        try:
            yield from section.check(spec, lowerer)
        except DeclarationError as error:
            yield error


def _distinct(errors: Iterable[DeclarationError]) -> list[DeclarationError]:
    seen: dict[str, DeclarationError] = {}
    for error in errors:
        seen.setdefault(str(error), error)
    return list(seen.values())


def _classes(
    domains: tuple[Domain, ...], errors: list[DeclarationError]
) -> tuple[dict[str, type[Any]], dict[str, Domain]]:
    classes: dict[str, type[Any]] = {}
    homes: dict[str, Domain] = {}
    names: dict[str, Domain] = {}
    for domain in domains:
        if domain.name in names and names[domain.name] is not domain:
            errors.append(
                DuplicateName("domains", domain.name, first=repr(names[domain.name]), second=repr(domain))
            )
        names[domain.name] = domain
        for cls in domain.resources:
            if cls.__name__ in classes:
                first, second = classes[cls.__name__], cls
                errors.append(
                    DuplicateName(
                        "resources",
                        cls.__name__,
                        first=f"{first.__module__} in domain {homes[cls.__name__].name}",
                        second=f"{second.__module__} in domain {domain.name}",
                    )
                )
                continue
            classes[cls.__name__] = cls
            homes[cls.__name__] = domain
    return classes, homes


def _primary_key(cls: type[Any], errors: list[DeclarationError]) -> str:
    keys = [
        name for name, each in cls.__declared__.items() if isinstance(each, Attr) and each.options.primary_key
    ]
    stateless = not any(isinstance(each, Attr) for each in cls.__declared__.values())
    if len(keys) != 1 and not stateless:
        found = "no primary key" if not keys else f"several primary keys ({', '.join(keys)})"
        errors.append(
            MissingPart(
                cls.__name__,
                f"the resource has {found}.",
                hint="Write `id: Attr[UUID] = uuid_primary_key()`.",
            )
        )
    return keys[0] if keys else "id"


class _Assembly:
    """Builds the spec of one class; an error in one member does not hide those in others."""

    def __init__(
        self,
        cls: type[Any],
        domain: Domain,
        catalog: ClassCatalog,
        keys: dict[type[Any], str],
        errors: list[DeclarationError],
    ) -> None:
        self.cls = cls
        self.domain = domain
        self.catalog = catalog
        self.errors = errors
        self.fields = FieldBuilder(cls, catalog, keys)
        self.derived = DerivedBuilder(cls, catalog)
        self.members: dict[str, Any] = cls.__declared__
        self.note = partial(noting, errors, cls)

    def build(self) -> ResourceSpec | None:
        """The spec; None when it cannot even be begun."""
        attributes: dict[str, AttributeSpec] = {}
        for name, member in self.members.items():
            if is_attribute(member) and (kind := self.catalog.type_of(self.cls, name)) is not None:
                with self.note(name):
                    check_attribute(self.cls, name, member, kind)
                    attributes[name] = attribute_spec(name, member, kind)
        stateless = not attributes and not any(isinstance(each, Attr) for each in self.members.values())
        if not stateless and not any(each.primary_key for each in attributes.values()):
            return None
        if stateless:
            self._check_stateless()
        sections = {name: each for name, each in self.members.items() if isinstance(each, Section)}
        rule = cast("AnyTenancy | None", sections.get("tenancy"))
        tenancy = None
        with self.note("tenancy"):
            tenancy = tenancy_spec(self.cls, rule, attributes)
        identities = identity_specs(
            self.cls,
            cast("Identities | None", sections.get("identities")),
            attributes,
            self.errors,
            catalog=self.catalog,
            tenant=tenancy.attribute if tenancy is not None else None,
        )
        actions = {
            name: replace(each, changes=each.changes + items) if items else each
            for name, each in self._actions(attributes, identities).items()
            for items in (items_for(each, sections.get("changes"), sections.get("validations")),)
        }
        for name, each in actions.items():
            with self.note(name):
                given = getattr(self.members.get(name), "options", {}).get("tenancy")
                actions[name] = with_tenancy(self.cls, each, given, rule)
        storage = cast("Storage | None", sections.get("storage"))
        policies = PolicyBuilder(self.cls, self.catalog, actions, self.errors)
        return ResourceSpec(
            name=self.cls.__name__,
            python=self.cls,
            domain=self.domain.name,
            description=(inspect.cleandoc(self.cls.__doc__ or "")).split("\n")[0],
            table=None if stateless else _table(self.cls, storage),
            layer="none" if stateless else storage.layer if storage else "postgres",
            attributes=MappingProxyType(attributes),
            relationships=self._built(Relationship, self.fields.relationship),
            calculations=self._built(Calc, self.derived.calculation),
            aggregates=self._built(Agg, self.derived.aggregate),
            identities=MappingProxyType(identities),
            actions=MappingProxyType(actions),
            policies=policies.build(cast("Policies | None", sections.get("policies")), self.domain.policies),
            field_policies=FieldPolicyBuilder(self.cls, self.catalog, self.errors).build(
                cast("FieldPolicies | None", sections.get("field_policies"))
            ),
            tenancy=tenancy,
            schema_tenancy=schema_tenancy_spec(rule),
            manages_tenants=managed_tenants_spec(cast("ManageTenants | None", sections.get("tenants"))),
            sections=MappingProxyType(sections),
        )

    def _check_stateless(self) -> None:
        """Note what cannot be without rows: only generic actions can."""
        for name, member in self.members.items():
            generic = isinstance(member, Action) and member.kind is ActionKind.GENERIC
            if isinstance(member, (Action, Relationship, Calc, Agg)) and not generic:
                self.errors.append(
                    MissingPart(
                        f"{self.cls.__name__}.{name}",
                        f"it is about rows, and `{self.cls.__name__}` has no attributes.",
                        hint="Write `id: Attr[UUID] = uuid_primary_key()`, or make it a generic action.",
                    )
                )

    def _built(self, kind: type[Any], build: Any) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        for name, member in self.members.items():
            if isinstance(member, kind):
                with self.note(name):
                    found[name] = build(name, member)
        return MappingProxyType(found)

    def _actions(
        self, attributes: Mapping[str, AttributeSpec], identities: Mapping[str, IdentitySpec]
    ) -> dict[str, ActionSpec]:
        read = ActionSpec(
            name=PRIMARY_READ,
            kind=ActionKind.READ,
            resource=self.cls.__name__,
            description=f"Read {self.cls.__name__} records.",
            transaction=False,
        )
        builder = ActionBuilder(self.cls, self.catalog, attributes, identities, self.errors)
        built = dict(self._built(Action, builder.build))
        # A resource without attributes has no rows to read: it is a home for generic actions.
        return {PRIMARY_READ: read, **built} if attributes else built


def _table(cls: type[Any], storage: Storage | None) -> str:
    return storage.table if storage and storage.table else words(cls.__name__)
