"""Routes: from the `json_api` sections to methods and paths, as data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from sorbus.apis.json_api.surface import Exposed, Surface, section_of
from sorbus.errors.declaration import DeclarationError, DefinitionErrors
from sorbus.errors.http import NotExposable, ReservedName
from sorbus.resource.sections import JsonApi
from sorbus.schema.actions import ActionKind, ActionSpec
from sorbus.schema.resource import PRIMARY_READ

PARAMETERS = ("fields", "filter", "include", "page", "sort")
"""The query parameters that JSON:API gives a meaning to."""


class RouteKind(StrEnum):
    """What a route does."""

    GET = "get"
    INDEX = "index"
    READ = "read"
    CREATE = "create"
    UPDATE = "update"
    DESTROY = "destroy"
    GENERIC = "generic"

    @property
    def lists(self) -> bool:
        """Whether it answers with a list of records."""
        return self in {RouteKind.INDEX, RouteKind.READ}

    @property
    def takes_body(self) -> bool:
        """Whether its inputs come in a document."""
        return self in {RouteKind.CREATE, RouteKind.UPDATE, RouteKind.GENERIC, RouteKind.DESTROY}


@dataclass(frozen=True, kw_only=True)
class RouteSpec:
    """One route.

    Attributes:
        path: relative to where JSON:API is mounted; `{id}` stands for a record's key.
        action: what it runs; the primary read for `get` and `index`.
    """

    method: str
    path: str
    kind: RouteKind
    exposed: Exposed
    action: ActionSpec

    @property
    def member(self) -> bool:
        """Whether it is about one record."""
        return "{id}" in self.path

    @property
    def operation_id(self) -> str:
        """A name for the operation that is unique in the application."""
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
        section = section_of(exposed.spec)
        if section is not None:
            actions = list(_actions(exposed, section, errors))
            found.extend(_routes(exposed, section, actions))
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
            continue
        found = spec.actions.get(each.name)
        if found is None or spec.python.__dict__.get(each.name, each) is not each:
            problem = f"which is no action of `{spec.name}`"
            errors.append(NotExposable(spec.name, each.name, problem=problem, allowed=spec.actions))
        else:
            yield found


def _routes(exposed: Exposed, section: JsonApi, actions: Iterable[ActionSpec]) -> Iterator[RouteSpec]:
    spec = exposed.spec

    def route(method: str, suffix: str, kind: RouteKind, action: ActionSpec) -> RouteSpec:
        return RouteSpec(method=method, path=exposed.path + suffix, kind=kind, exposed=exposed, action=action)

    primary = spec.actions[PRIMARY_READ]
    if "index" in section.actions:
        yield route("GET", "", RouteKind.INDEX, primary)
    if "get" in section.actions:
        yield route("GET", "/{id}", RouteKind.GET, primary)
    # The first create, plain update and destroy have the collection's and the record's own path.
    unnamed = {ActionKind.CREATE, ActionKind.UPDATE, ActionKind.DESTROY}
    for action in actions:
        plain = action.kind in unnamed and action.transition is None
        if plain:
            unnamed.discard(action.kind)
        yield route(*_place(action, plain=plain), action)


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
                if each.name in PARAMETERS:
                    yield ReservedName(
                        route.exposed.spec.name, f"{route.action.name}({each.name})", reserved=PARAMETERS
                    )
