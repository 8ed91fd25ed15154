"""From what JSON:API shows of an application to what its clients offer: the one place that knows both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from sorbus.apis.clients.codes import known_codes
from sorbus.apis.clients.model import (
    Call,
    CallKind,
    ClientModel,
    Field,
    Filter,
    Input,
    Related,
    Resource,
    Tree,
    Way,
)
from sorbus.apis.clients.types import Basic, ListOf, Type, nullable, without_null
from sorbus.apis.clients.vocabulary import Vocabulary
from sorbus.apis.json_api.application import PREFIX
from sorbus.apis.json_api.filters import FilterBook
from sorbus.apis.json_api.routes import RouteKind, RouteSpec, routes_of
from sorbus.apis.json_api.surface import Exposed, Surface, surface_of
from sorbus.apis.json_api.uploads import is_list_of_files, is_upload
from sorbus.resource.application import Sorbus
from sorbus.resource.spelling import upper_camel
from sorbus.schema.actions import InputSpec
from sorbus.schema.fields import RelationshipSpec
from sorbus.schema.resource import PRIMARY_READ
from sorbus.types.base import FieldType
from sorbus.types.purposes import Purpose

_OWN_NAMES: Mapping[RouteKind, str] = MappingProxyType(
    {
        RouteKind.GET: "get",
        RouteKind.INDEX: "list",
        RouteKind.LINKAGE: "ids",
        RouteKind.REPLACE: "replace",
        RouteKind.ADD: "add",
        RouteKind.REMOVE: "remove",
    }
)
_PLAIN_NAMES: Mapping[RouteKind, str] = MappingProxyType(
    {RouteKind.CREATE: "create", RouteKind.UPDATE: "update", RouteKind.DESTROY: "destroy"}
)
"""What the calls are named that have the path of the collection or of the record to themselves."""

_KINDS: Mapping[RouteKind, CallKind] = MappingProxyType(
    {
        RouteKind.GET: CallKind.GET,
        RouteKind.INDEX: CallKind.LIST,
        RouteKind.READ: CallKind.LIST,
        RouteKind.CREATE: CallKind.CREATE,
        RouteKind.UPDATE: CallKind.UPDATE,
        RouteKind.DESTROY: CallKind.DESTROY,
        RouteKind.GENERIC: CallKind.RUN,
        RouteKind.REPLACE: CallKind.LINK,
        RouteKind.ADD: CallKind.LINK,
        RouteKind.REMOVE: CallKind.LINK,
    }
)


def client_model(app: Sorbus) -> ClientModel:
    """What a client of an application offers: everything that its `json_api` sections list.

    Raises:
        DefinitionErrors: the sections have mistakes; all of them are listed.
    """
    surface = surface_of(app.spec)
    reader = _Reader(surface, routes_of(surface))
    resources = {name: reader.resource(each) for name, each in sorted(surface.exposed.items())}
    return ClientModel(
        title=app.name,
        prefix=PREFIX,
        resources=MappingProxyType(resources),
        named=MappingProxyType(reader.vocabulary.named),
        codes=known_codes(),
    )


class _Reader:
    """Reads the resources of one surface."""

    def __init__(self, surface: Surface, routes: Iterable[RouteSpec]) -> None:
        self.surface = surface
        self.routes = tuple(routes)
        self.filters = FilterBook(surface)
        self.vocabulary = Vocabulary()

    def resource(self, exposed: Exposed) -> Resource:
        """One resource with its calls."""
        spec, wire = exposed.spec, exposed.names.wire
        key = spec.primary_key
        filters = self.filters[exposed]
        own = {wire(name): name for name in exposed.fields} | {"id": "id"}
        return Resource(
            name=spec.name,
            type=exposed.type,
            key=Field(
                name="id",
                wire="id",
                type=self.vocabulary.read(key.type, f"{spec.name}Id"),
                unasked=True,
                description=key.description,
            ),
            fields=tuple(self._fields(exposed)),
            ways=tuple(_way(exposed, each) for each in exposed.relationships.values()),
            filters=tuple(
                Filter(
                    name=own[name],
                    wire=name,
                    type=without_null(self._type(each.type, spec.name, name)),
                    operators=each.operators,
                )
                for name, each in filters.fields.items()
            ),
            sorts=tuple((own[name], name) for name in filters.sortable),
            includes=_tree(exposed.includes),
            calls=tuple(self._calls(exposed)),
            related=tuple(self._related(exposed)),
            counted=spec.actions[PRIMARY_READ].page.count is not False,
            description=spec.description,
        )

    def _fields(self, exposed: Exposed) -> Iterator[Field]:
        # What the actor may not see is null.
        hidden = exposed.spec.field_policies is not None
        for name, each in (*exposed.attributes.items(), *exposed.derived.items()):
            kind = self._type(each.type, exposed.spec.name, name)
            yield Field(
                name=name,
                wire=exposed.names.wire(name),
                type=nullable(kind) if hidden else kind,
                unasked=name in exposed.attributes,
                description=each.description,
            )

    def _type(self, kind: FieldType, owner: str, name: str, purpose: Purpose = Purpose.SHOWN) -> Type:
        return self.vocabulary.read(kind, owner + upper_camel(name), purpose)

    def _calls(self, exposed: Exposed) -> Iterator[Call]:
        for route in self.routes:
            if route.exposed is exposed and route.relationship is None:
                yield self._call(route)

    def _related(self, exposed: Exposed) -> Iterator[Related]:
        for name in exposed.related:
            way = exposed.spec.relationships[name]
            routes = [each for each in self.routes if each.exposed is exposed and each.relationship is way]
            yield Related(way=_way(exposed, way), calls=tuple(map(self._call, routes)))

    def _call(self, route: RouteSpec) -> Call:
        inputs = {each.name: self._input(route, each) for each in route.action.public_inputs}
        key = route.exposed.spec.primary_key.name
        client_id = inputs.pop(key, None) if route.kind is RouteKind.CREATE else None
        way = route.relationship
        link = route.links.get(way.name) if way is not None else None
        returns = route.action.returns
        hint = route.exposed.spec.name + upper_camel(route.action.name)
        page = route.action.page
        if route.shown is not route.exposed:
            page = route.shown.spec.actions[PRIMARY_READ].page
        return Call(
            name=_name(route),
            action=route.action.name,
            kind=_kind(route),
            method=route.method,
            path=route.path,
            about=route.shown.spec.name,
            inputs=() if route.kind.links else tuple(inputs.values()),
            client_id=client_id,
            answer=Basic.NOTHING if returns is None else self.vocabulary.read(returns, f"{hint}Result"),
            counted=page.count is not False,
            many=link is not None and link.several,
            optional=link is not None and link.input.type.nullable,
            description=way.description if way and not route.kind.links else route.action.description,
        )

    def _input(self, route: RouteSpec, given: InputSpec) -> Input:
        kind: Type = Basic.FILE
        if not is_upload(given):
            owner = route.exposed.spec.name + upper_camel(route.action.name)
            kind = self._type(given.type, owner, given.name, given.purpose)
        elif is_list_of_files(given.type):
            kind = ListOf(Basic.FILE)
        if is_upload(given) and given.type.nullable:
            kind = nullable(kind)
        return Input(
            name=given.name,
            wire=route.exposed.names.wire(given.name),
            type=kind,
            required=given.required,
            file=is_upload(given),
            description=given.description,
        )


def _way(exposed: Exposed, spec: RelationshipSpec) -> Way:
    return Way(
        name=spec.name,
        wire=exposed.names.wire(spec.name),
        to=spec.destination,
        many=spec.to_many,
        description=spec.description,
    )


def _name(route: RouteSpec) -> str:
    if route.kind is RouteKind.RELATED:
        return "list" if route.lists else "get"
    if route.kind is RouteKind.LINKAGE and not route.lists:
        return "id"
    if route.path in {route.exposed.path, f"{route.exposed.path}/{{id}}"} and route.kind in _PLAIN_NAMES:
        return _PLAIN_NAMES[route.kind]
    return _OWN_NAMES.get(route.kind, route.action.name)


def _kind(route: RouteSpec) -> CallKind:
    match route.kind:
        case RouteKind.RELATED:
            return CallKind.RELATED_LIST if route.lists else CallKind.RELATED
        case RouteKind.LINKAGE:
            return CallKind.IDENTIFIERS if route.lists else CallKind.IDENTIFIER
        case kind:
            return _KINDS[kind]


def _tree(paths: Iterable[tuple[str, ...]]) -> Tree:
    """Include paths as a tree."""
    made: dict[str, list[tuple[str, ...]]] = {}
    for path in sorted(paths):
        made.setdefault(path[0], []).extend([path[1:]] if len(path) > 1 else [])
    return MappingProxyType({name: _tree(beyond) for name, beyond in made.items()})
