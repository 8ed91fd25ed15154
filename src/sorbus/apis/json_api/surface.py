"""What JSON:API shows of an application: types with their public fields, relationships and includes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from sorbus.apis.json_api.names import Names
from sorbus.errors.declaration import DeclarationError, DefinitionErrors
from sorbus.errors.http import BadApiPath, DuplicatePath, NotExposable, ReservedName
from sorbus.resource.relationships import Relationship
from sorbus.resource.sections import JsonApi, Linkage, section_of
from sorbus.resource.spelling import NameStyle, words
from sorbus.schema.fields import AggregateSpec, AttributeSpec, CalculationSpec, Cardinality, RelationshipSpec
from sorbus.schema.resource import ApplicationSpec, ResourceSpec

RESERVED_FIELDS = ("id", "links", "meta", "relationships", "type")
"""Members of a resource object, which no field may be called."""

_PATH = re.compile(r"(/[a-z0-9][a-z0-9_-]*)+")

DerivedSpec = CalculationSpec | AggregateSpec | AttributeSpec
IncludePath = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Exposed:
    """A resource as JSON:API shows it.

    Attributes:
        type: the type of its resource objects.
        path: the path of its collection; empty when it is shown as an included resource only.
        gettable: whether a single record can be fetched, so that it has a link to itself.
        attributes: its public attributes but the key.
        derived: its public calculations and aggregates, and attributes that are not read unasked: shown when they
            are asked for.
        relationships: its public relationships to exposed resources.
        includes: the paths that may be included, each with its beginnings.
        related: the relationships with routes of their own, by name.
        names: how its names are spelled outside.
    """

    spec: ResourceSpec
    type: str
    path: str
    gettable: bool
    attributes: Mapping[str, AttributeSpec]
    derived: Mapping[str, DerivedSpec]
    relationships: Mapping[str, RelationshipSpec]
    includes: frozenset[IncludePath]
    related: Mapping[str, Linkage]
    names: Names

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Every name that a sparse fieldset may have."""
        return (*self.attributes, *self.derived, *self.relationships)

    @cached_property
    def calls(self) -> Mapping[str, CalculationSpec]:
        """Its calculations that take arguments, by name."""
        found = {
            name: each
            for name, each in self.derived.items()
            if isinstance(each, CalculationSpec) and each.arguments
        }
        return MappingProxyType(found)

    @cached_property
    def field_names(self) -> tuple[str, ...]:
        """The same as they are written in a request."""
        return tuple(map(self.names.wire, self.fields))

    def linked(self, name: str) -> bool:
        """Whether a relationship has routes of its own, to which its links lead."""
        return name in self.related


@dataclass(frozen=True, kw_only=True)
class Surface:
    """Everything that JSON:API shows, by the names of the resources."""

    exposed: Mapping[str, Exposed]

    @cached_property
    def shown(self) -> tuple[Exposed, ...]:
        """The exposed resources of which there are records; the others have generic actions only."""
        return tuple(each for each in self.exposed.values() if each.spec.has_rows)

    @cached_property
    def by_type(self) -> Mapping[str, Exposed]:
        """The exposed resources of which there are records, by their types."""
        return MappingProxyType({each.type: each for each in self.shown})

    def destination(self, relationship: RelationshipSpec) -> Exposed:
        """The exposed resource that a shown relationship leads to."""
        return self.exposed[relationship.destination]

    def at(self, exposed: Exposed, path: IncludePath) -> Exposed:
        """The resource at the end of an include path."""
        for step in path:
            exposed = self.destination(exposed.spec.relationships[step])
        return exposed

    def written(self, exposed: Exposed, path: IncludePath) -> str:
        """An include path as it is written in a request."""
        steps: list[str] = []
        for step in path:
            steps.append(exposed.names.wire(step))
            exposed = self.destination(exposed.spec.relationships[step])
        return ".".join(steps)

    def include_paths(self, exposed: Exposed) -> Mapping[str, IncludePath]:
        """The paths that may be included, by how they are written in a request."""
        found = self._paths.get(exposed.spec.name)
        if found is None:
            paths = sorted((self.written(exposed, path), path) for path in exposed.includes)
            found = self._paths[exposed.spec.name] = dict(paths)
        return found

    @cached_property
    def _paths(self) -> dict[str, Mapping[str, IncludePath]]:
        return {}


def surface_of(application: ApplicationSpec) -> Surface:
    """What JSON:API shows of an application.

    Raises:
        DefinitionErrors: the sections have mistakes; all of them are listed.
    """
    errors: list[DeclarationError] = []
    sections = {
        spec.name: found for spec in application.resources.values() if (found := section_of(spec, JsonApi))
    }
    written = {
        name: list(_written_includes(application, application.resources[name], section, errors))
        for name, section in sections.items()
    }
    shown = set(sections)
    for name, paths in written.items():
        for path in paths:
            shown.update(_on_the_way(application, application.resources[name], path))
    related = {
        name: dict(_related(application.resources[name], section, errors))
        for name, section in sections.items()
    }
    for name, links in related.items():
        shown.update(application.resources[name].relationships[each].destination for each in links)
    styles: set[NameStyle] = {each.names for each in sections.values()}
    # What has no section of its own follows the others, when they agree.
    usual: NameStyle = next(iter(styles)) if len(styles) == 1 else "snake"
    exposed = {
        name: _exposed(
            spec, sections.get(name), shown, sections, written.get(name, []), related.get(name, {}), usual
        )
        for name, spec in application.resources.items()
        if name in shown
    }
    errors.extend(_name_errors(exposed.values()))
    errors.extend(_path_errors(exposed.values()))
    if errors:
        raise DefinitionErrors(errors)
    return Surface(exposed=MappingProxyType(exposed))


def _exposed(
    spec: ResourceSpec,
    section: JsonApi | None,
    shown: Iterable[str],
    sections: Iterable[str],
    written: list[IncludePath],
    related: Mapping[str, Linkage],
    usual: NameStyle,
) -> Exposed:
    relationships = {
        name: each for name, each in spec.relationships.items() if each.public and each.destination in shown
    }
    includes = {path[: length + 1] for path in written for length in range(len(path))}
    if section is not None and not written:
        includes = {(name,) for name, each in relationships.items() if each.destination in sections}
    path = section.path if section is not None else ""
    attributes = _public(spec.attributes, besides=spec.primary_key.name if spec.has_rows else "")
    return Exposed(
        spec=spec,
        type=path.rpartition("/")[2] or words(spec.name, "-"),
        path=path,
        gettable=section is not None and "get" in section.actions,
        attributes=MappingProxyType(
            {name: each for name, each in attributes.items() if each.select_by_default}
        ),
        derived=MappingProxyType(
            {
                **{name: each for name, each in attributes.items() if not each.select_by_default},
                **_public(spec.calculations),
                **_public(spec.aggregates),
            }
        ),
        relationships=MappingProxyType(relationships),
        includes=frozenset(includes),
        related=MappingProxyType(dict(related)),
        names=_names(spec, section.names if section is not None else usual),
    )


def _names(spec: ResourceSpec, style: NameStyle) -> Names:
    """The names of everything that may be spoken of: public fields and relationships, and inputs."""
    fields = [name for name, each in spec.fields.items() if each.public]
    ways = [name for name, each in spec.relationships.items() if each.public]
    inputs = [each.name for action in spec.actions.values() for each in action.public_inputs]
    calculations = [each for each in spec.calculations.values() if each.public]
    arguments = [each.name for calculation in calculations for each in calculation.arguments]
    return Names(dict.fromkeys((*fields, *ways, *inputs, *arguments)), style)


def _public[T: (AttributeSpec, CalculationSpec, AggregateSpec)](
    fields: Mapping[str, T], *, besides: str = ""
) -> Mapping[str, T]:
    return MappingProxyType({name: each for name, each in fields.items() if each.public and name != besides})


def _written_includes(
    application: ApplicationSpec, spec: ResourceSpec, section: JsonApi, errors: list[DeclarationError]
) -> Iterator[IncludePath]:
    """The include paths that a section lists, each checked from resource to resource."""
    for written in section.includes:
        path = _include_path(written)
        current = spec
        for name in path:
            found = current.relationships.get(name)
            if found is None or not found.public:
                allowed = [each.name for each in current.relationships.values() if each.public]
                problem = f"and `{name}` is no public relationship of `{current.name}`"
                errors.append(NotExposable(spec.name, ".".join(path), problem=problem, allowed=allowed))
                break
            current = application.destination(found)
        else:
            if path:
                yield path


def _related(
    spec: ResourceSpec, section: JsonApi, errors: list[DeclarationError]
) -> Iterator[tuple[str, Linkage]]:
    """The relationships with routes of their own, each checked."""
    for each in section.related:
        name = str(getattr(each.relationship, "name", each.relationship))
        found = spec.relationships.get(name)
        problem = ""
        if found is None or not found.public:
            problem = f"and it is no public relationship of `{spec.name}`"
        elif found.cardinality is Cardinality.MANUAL:
            problem = "which a function of its own reads, so that it cannot be sorted, filtered or paged"
        if problem or found is None:
            allowed = [one.name for one in spec.relationships.values() if one.public]
            errors.append(NotExposable(spec.name, name, problem=problem, allowed=allowed))
        else:
            yield name, each


def _include_path(written: Any) -> IncludePath:
    """A path from a relationship, a tuple of relationships, or a text such as `runs.results`."""
    if isinstance(written, Relationship):
        return (written.name,)
    if isinstance(written, (tuple, list)):
        steps: list[Any] = list(written)  # pyright: ignore[reportUnknownArgumentType]
        return tuple(str(getattr(each, "name", each)) for each in steps)
    return tuple(str(written).split("."))


def _on_the_way(application: ApplicationSpec, spec: ResourceSpec, path: IncludePath) -> Iterator[str]:
    for name in path:
        spec = application.destination(spec.relationships[name])
        yield spec.name


def _name_errors(exposed: Iterable[Exposed]) -> Iterator[DeclarationError]:
    for each in exposed:
        for name in each.fields:
            if each.names.wire(name) in RESERVED_FIELDS:
                yield ReservedName(each.spec.name, name, reserved=RESERVED_FIELDS)
        for name, kept in each.names.collisions():
            yield NotExposable(
                each.spec.name, name, problem=f"which is spelled like `{kept}` in {each.names.style} case"
            )


def _path_errors(exposed: Iterable[Exposed]) -> Iterator[DeclarationError]:
    paths: dict[str, Exposed] = {}
    types: dict[str, Exposed] = {}
    for each in exposed:
        if section_of(each.spec, JsonApi) is not None and not _PATH.fullmatch(each.path):
            yield BadApiPath(each.spec.name, each.path)
            continue
        if each.path and (first := paths.setdefault(each.path, each)) is not each:
            yield DuplicatePath(f"served under `{each.path}`", first=first.spec.name, second=each.spec.name)
        elif (first := types.setdefault(each.type, each)) is not each:
            yield DuplicatePath(f"of the type `{each.type}`", first=first.spec.name, second=each.spec.name)
