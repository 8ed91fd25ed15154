"""Routes: from the `json_api` sections to methods and paths, as data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from sorbus.apis.json_api.linkages import Link, links_of
from sorbus.apis.json_api.surface import Exposed, Surface
from sorbus.errors.declaration import DeclarationError, DefinitionErrors
from sorbus.errors.http import NotExposable, ReservedName
from sorbus.resource.sections import JsonApi, Linkage, section_of
from sorbus.schema.actions import ActionKind, ActionSpec
from sorbus.schema.fields import RelationshipSpec
from sorbus.schema.resource import PRIMARY_READ

PARAMETERS = ("fields", "filter", "include", "page", "sort")
"""The query parameters that JSON:API gives a meaning to."""

OURS = ("field_inputs", "filter_included", "page_included", "sort_included")
"""Those of ours: the arguments of calculations, and what is about the related records of an include path."""


class RouteKind(StrEnum):
    """What a route does."""

    GET = "get"
    INDEX = "index"
    READ = "read"
    CREATE = "create"
    UPDATE = "update"
    DESTROY = "destroy"
    GENERIC = "generic"
    RELATED = "related"
    LINKAGE = "linkage"
    REPLACE = "replace"
    ADD = "add"
    REMOVE = "remove"

    @property
    def links(self) -> bool:
        """Whether it changes a relationship."""
        return self in {RouteKind.REPLACE, RouteKind.ADD, RouteKind.REMOVE}

    @property
    def takes_body(self) -> bool:
        """Whether its inputs come in a document."""
        return self.links or self in {
            RouteKind.CREATE,
            RouteKind.UPDATE,
            RouteKind.GENERIC,
            RouteKind.DESTROY,
        }


@dataclass(frozen=True, kw_only=True)
class RouteSpec:
    """One route.

    Attributes:
        path: relative to where JSON:API is mounted; `{id}` stands for a record's key.
        action: what it runs; the primary read for `get`, `index` and what is related.
        shown: the resource whose records it answers with; another than `exposed` for related records.
        relationship: the one that it is about, or None.
        links: the inputs that can be given by relationships, by relationship.
    """

    method: str
    path: str
    kind: RouteKind
    exposed: Exposed
    action: ActionSpec
    shown: Exposed
    relationship: RelationshipSpec | None = None
    links: Mapping[str, Link] = field(default_factory=dict[str, Link])

    @property
    def lists(self) -> bool:
        """Whether it answers with a list of records or identifiers."""
        if self.kind in {RouteKind.RELATED, RouteKind.LINKAGE}:
            return self.relationship is not None and self.relationship.to_many
        return self.kind in {RouteKind.INDEX, RouteKind.READ}

    @property
    def member(self) -> bool:
        """Whether it is about one record."""
        return "{id}" in self.path

    @cached_property
    def client_id(self) -> str | None:
        """The input that `data.id` is: the key that a client chooses for its record; None where it may not."""
        if self.kind is not RouteKind.CREATE:
            return None
        key = self.exposed.spec.primary_key.name
        return key if any(each.name == key for each in self.action.public_inputs) else None

    @property
    def operation_id(self) -> str:
        """A name for the operation that is unique in the application."""
        if self.relationship is not None:
            return f"{self.exposed.spec.name}.{self.relationship.name}.{self.kind.value}"
        name = self.kind.value if self.action.name == PRIMARY_READ else self.action.name
        return f"{self.exposed.spec.name}.{name}"


def routes_of(surface: Surface) -> tuple[RouteSpec, ...]:
    """Every route of an application, in the order of the declarations.

    Raises:
        DefinitionErrors: a section lists what cannot be served; every mistake is listed.
    """
    errors: list[DeclarationError] = []
    found: list[RouteSpec] = []
    for exposed in surface.exposed.values():
        section = section_of(exposed.spec, JsonApi)
        if section is not None:
            actions = list(_actions(exposed, section, errors))
            found.extend(_routes(surface, exposed, section, actions))
            found.extend(_related_routes(surface, exposed, errors))
    errors.extend(_input_errors(found))
    if errors:
        raise DefinitionErrors(errors)
    return tuple(found)


def _actions(exposed: Exposed, section: JsonApi, errors: list[DeclarationError]) -> Iterator[ActionSpec]:
    spec = exposed.spec
    for each in section.actions:
        if isinstance(each, str):
            if each not in {"get", "index"}:
                allowed = ["get", "index"]
                problem = "which names no route"
                errors.append(NotExposable(spec.name, each, problem=problem, allowed=allowed))
            elif not spec.has_rows:
                problem = f"and `{spec.name}` has no attributes, so that there are no records"
                errors.append(NotExposable(spec.name, each, problem=problem, allowed=spec.actions))
            continue
        name: str = getattr(each, "name", "")
        found = spec.actions.get(name)
        if found is None or spec.python.__dict__.get(name, each) is not each:
            problem = f"which is no action of `{spec.name}`"
            if isinstance(each, Linkage):
                problem += "; relationships stand in `related`"
            shown = name or getattr(getattr(each, "relationship", None), "name", "") or f"{each!r}"[:100]
            errors.append(NotExposable(spec.name, shown, problem=problem, allowed=spec.actions))
        else:
            yield found


def _routes(
    surface: Surface, exposed: Exposed, section: JsonApi, actions: Iterable[ActionSpec]
) -> Iterator[RouteSpec]:
    spec = exposed.spec

    def route(method: str, suffix: str, kind: RouteKind, action: ActionSpec) -> RouteSpec:
        return RouteSpec(
            method=method,
            path=exposed.path + suffix,
            kind=kind,
            exposed=exposed,
            action=action,
            shown=exposed,
            links=links_of(surface, exposed, action) if kind.takes_body else {},
        )

    primary = spec.actions.get(PRIMARY_READ)
    if primary is not None and "index" in section.actions:
        yield route("GET", "", RouteKind.INDEX, primary)
    if primary is not None and "get" in section.actions:
        yield route("GET", "/{id}", RouteKind.GET, primary)
    # The first create, plain update and destroy have the collection's and the record's own path.
    unnamed = {ActionKind.CREATE, ActionKind.UPDATE, ActionKind.DESTROY}
    for action in actions:
        plain = action.kind in unnamed and action.transition is None
        if plain:
            unnamed.discard(action.kind)
        yield route(*_place(action, plain=plain), action)


def _related_routes(
    surface: Surface, exposed: Exposed, errors: list[DeclarationError]
) -> Iterator[RouteSpec]:
    """The routes about the relationships of a record, and about what they lead to."""
    for name, linkage in exposed.related.items():
        relationship = exposed.spec.relationships[name]
        wire = exposed.names.wire(name)

        def route(method: str, suffix: str, kind: RouteKind, action: ActionSpec) -> RouteSpec:
            return RouteSpec(
                method=method,
                path=exposed.path + suffix,
                kind=kind,
                exposed=exposed,
                action=action,
                shown=surface.destination(relationship),  # noqa: B023  # called in this round of the loop
                relationship=relationship,  # noqa: B023
                links=links_of(surface, exposed, action) if kind.links else {},
            )

        primary = exposed.spec.actions[PRIMARY_READ]
        yield route("GET", f"/{{id}}/{wire}", RouteKind.RELATED, primary)
        yield route("GET", f"/{{id}}/relationships/{wire}", RouteKind.LINKAGE, primary)
        for method, kind, action in _writes(exposed, linkage, errors):
            made = route(method, f"/{{id}}/relationships/{wire}", kind, action)
            problem = _link_problem(made)
            if problem:
                errors.append(NotExposable(exposed.spec.name, action.name, problem=problem))
            else:
                yield made


def _writes(
    exposed: Exposed, linkage: Linkage, errors: list[DeclarationError]
) -> Iterator[tuple[str, RouteKind, ActionSpec]]:
    spec = exposed.spec
    ways = (
        ("PATCH", RouteKind.REPLACE, linkage.replace),
        ("POST", RouteKind.ADD, linkage.add),
        ("DELETE", RouteKind.REMOVE, linkage.remove),
    )
    for method, kind, given in ways:
        if given is None:
            continue
        found = spec.actions.get(given.name)
        if found is None or found.kind is not ActionKind.UPDATE:
            allowed = [each.name for each in spec.actions_of(ActionKind.UPDATE)]
            problem = f"which is no update of `{spec.name}`"
            errors.append(NotExposable(spec.name, given.name, problem=problem, allowed=allowed))
        else:
            yield method, kind, found


def _link_problem(route: RouteSpec) -> str:
    """Why an update cannot change a relationship; empty when it can."""
    relationship = route.relationship
    if relationship is None:
        return ""
    if not relationship.to_many and route.kind is not RouteKind.REPLACE:
        return f"and `{relationship.name}` leads to one row, which can only be replaced"
    link = route.links.get(relationship.name)
    if link is None:
        return f"which has no input that `{relationship.name}` follows by the keys of its rows"
    others = [each.name for each in route.action.public_inputs if each.required and each is not link.input]
    return f"which needs `{others[0]}` besides the keys of `{relationship.name}`" if others else ""


def _place(action: ActionSpec, *, plain: bool) -> tuple[str, str, RouteKind]:
    """Method, path and kind of an action's route; a plain one needs no name in its path."""
    named = action.name.replace("_", "-")
    match action.kind:
        case ActionKind.READ:
            return "GET", f"/{named}", RouteKind.READ
        case ActionKind.GENERIC:
            return "POST", f"/{named}", RouteKind.GENERIC
        case ActionKind.CREATE:
            return "POST", "" if plain else f"/{named}", RouteKind.CREATE
        case ActionKind.UPDATE:
            kind, method = RouteKind.UPDATE, "PATCH"
        case ActionKind.DESTROY:
            kind, method = RouteKind.DESTROY, "DELETE"
    return (method, "/{id}", kind) if plain else ("POST", f"/{{id}}/{named}", kind)


def _input_errors(routes: Iterable[RouteSpec]) -> Iterator[DeclarationError]:
    """The inputs of a read are query parameters, and must not be taken for those of JSON:API."""
    for route in routes:
        if route.kind is RouteKind.READ:
            for each in route.action.public_inputs:
                reserved = (*PARAMETERS, *OURS)
                if route.exposed.names.wire(each.name) in reserved:
                    yield ReservedName(
                        route.exposed.spec.name, f"{route.action.name}({each.name})", reserved=reserved
                    )
