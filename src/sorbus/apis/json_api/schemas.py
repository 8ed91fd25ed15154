"""JSON Schemas of what JSON:API takes and shows, with shared parts gathered as components."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sorbus.apis.json_api.linkages import Link
from sorbus.apis.json_api.routes import RouteKind, RouteSpec
from sorbus.apis.json_api.surface import Exposed, Surface
from sorbus.query.input_fields import MOST_ALTERNATIVES
from sorbus.schema.fields import RelationshipSpec
from sorbus.types.base import FieldType

Schema = dict[str, Any]

_DEFINITION = "#/$defs/"
_COMPONENT = "#/components/schemas/"

ERROR: Schema = {
    "type": "object",
    "required": ["errors"],
    "properties": {
        "errors": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["status", "code", "title", "detail"],
                "properties": {
                    "id": {"type": "string", "description": "What the server's log calls this occurrence."},
                    "status": {"type": "string"},
                    "code": {"type": "string", "description": "The cause, stable and machine readable."},
                    "title": {"type": "string"},
                    "detail": {"type": "string"},
                    "source": {
                        "type": "object",
                        "properties": {"pointer": {"type": "string"}, "parameter": {"type": "string"}},
                        "additionalProperties": False,
                    },
                    "meta": {"type": "object", "properties": {"hint": {"type": "string"}}},
                },
                "additionalProperties": False,
            },
        },
        "jsonapi": {"$ref": f"{_COMPONENT}JsonApi"},
    },
    "additionalProperties": False,
}
JSON_API: Schema = {
    "type": "object",
    "required": ["version"],
    "properties": {"version": {"const": "1.1"}},
    "additionalProperties": False,
}
PAGE: Schema = {
    "type": "object",
    "required": ["page"],
    "properties": {
        "page": {
            "type": "object",
            "required": ["limit"],
            "properties": {
                "limit": {"type": "integer"},
                "offset": {"type": "integer"},
                "total": {
                    "type": "integer",
                    "description": "The number of all records, when it was asked for.",
                },
            },
            "additionalProperties": False,
        }
    },
    "additionalProperties": False,
}


def ref(name: str) -> Schema:
    """A reference to a component."""
    return {"$ref": _COMPONENT + name}


def closed(properties: Mapping[str, Any], *, required: Iterable[str] = ()) -> Schema:
    """An object with these members and no others."""
    made: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    names = list(required)
    if names:
        made["required"] = names
    return made


class Components:
    """The shared schemas of a description, each under a name of its own."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self.schemas: dict[str, Schema] = {"Errors": ERROR, "JsonApi": JSON_API, "Page": PAGE}
        for each in surface.exposed.values():
            self.schemas[each.spec.name] = {}
        for each in surface.exposed.values():
            self.schemas[each.spec.name] = self._resource(each)

    def of(self, kind: FieldType, description: str = "") -> Schema:
        """The schema of a type; its definitions become components."""
        schema = kind.json_schema()
        definitions: dict[str, Schema] = schema.pop("$defs", {})
        names = {name: self._named(name, each) for name, each in definitions.items()}
        for name, each in definitions.items():
            self.schemas[names[name]] = _relocated(each, names)
        made: Schema = _relocated(schema, names)
        made.pop("title", None)
        if not description:
            return made
        if "$ref" in made:
            return {"allOf": [made], "description": description}
        return {**made, "description": description}

    def _named(self, name: str, schema: Schema) -> str:
        """A free name for a definition, or the one that the same definition has."""
        base = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
        candidate, number = base, 1
        own = (f"{each}Filter" for each in self.surface.exposed)
        taken = {"Errors", "JsonApi", "Page", *self.surface.exposed, *own}
        while candidate in taken or (
            candidate in self.schemas and self.schemas[candidate] != _relocated(schema, {name: candidate})
        ):
            number += 1
            candidate = f"{base}{number}"
        return candidate

    def _resource(self, exposed: Exposed) -> Schema:
        hidden = exposed.spec.field_policies is not None
        attributes: Schema = {}
        for name, each in (*exposed.attributes.items(), *exposed.derived.items()):
            made = self.of(each.type, each.description)
            # What the actor may not see is null.
            attributes[exposed.names.wire(name)] = _or_null(made) if hidden else made
        properties: Schema = {
            "type": {"const": exposed.type},
            "id": {"type": "string"},
            "attributes": closed(attributes),
        }
        if exposed.relationships:
            shown = {
                exposed.names.wire(name): self._relationship(exposed, each)
                for name, each in exposed.relationships.items()
            }
            properties["relationships"] = closed(shown)
        if exposed.gettable:
            properties["links"] = closed({"self": {"type": "string"}}, required=["self"])
        made = closed(properties, required=["type", "id", "attributes"])
        if exposed.spec.description:
            made["description"] = exposed.spec.description
        return made

    def _relationship(self, exposed: Exposed, spec: RelationshipSpec) -> Schema:
        made = closed({"data": self._identifiers(spec)})
        linked = exposed.linked(spec.name)
        if linked:
            link = {"type": "string"}
            made["properties"]["links"] = closed(
                {"self": link, "related": link}, required=["self", "related"]
            )
        made["required"] = ["links"] if linked else ["data"]
        if spec.to_many:
            page: Schema = {**PAGE["properties"]["page"]}
            cursor = {"type": "string", "description": "A cursor for `page_included`."}
            page["properties"] = {**page["properties"], "after": cursor, "before": cursor}
            truth = {"const": True}
            made["properties"]["meta"] = closed({"truncated": truth, "filtered": truth, "page": page})
        if spec.description:
            made["description"] = spec.description
        return made

    def _identifiers(self, spec: RelationshipSpec) -> Schema:
        identifier = identifier_of(self.surface.destination(spec).type)
        if spec.to_many:
            return {"type": "array", "items": identifier}
        return {"oneOf": [identifier, {"type": "null"}]}

    def request(self, route: RouteSpec) -> Schema:
        """The schema of the document that a route takes."""
        wrapped = {"meta": {}, "jsonapi": {"type": "object"}}
        if route.kind.links and route.relationship is not None:
            data = self._linkage(route.links[route.relationship.name])
            return closed({"data": data, **wrapped}, required=["data"])
        names = route.exposed.names
        client_id = route.exposed.spec.primary_key.name if route.kind is RouteKind.CREATE else ""
        inputs = [each for each in route.action.public_inputs if each.name != client_id]
        linkable = {link.input.name for link in route.links.values()}
        attributes = closed(
            {names.wire(each.name): self.of(each.type, each.description) for each in inputs},
            required=[
                names.wire(each.name) for each in inputs if each.required and each.name not in linkable
            ],
        )
        data = closed({"type": {"const": route.exposed.type}, "attributes": attributes, "meta": {}})
        required = ["attributes"] if attributes.get("required") else []
        key = route.action.input(client_id) if client_id else None
        if route.kind is RouteKind.CREATE:
            data["properties"]["lid"] = {"type": "string"}
        if key is not None and key.public:
            data["properties"]["id"] = self.of(key.type)
            required += ["id"] if key.required else []
        elif route.member:
            data["properties"]["id"] = {"type": "string"}
        if required:
            data["required"] = required
        if route.links:
            data["properties"]["relationships"] = closed(
                {
                    names.wire(name): closed({"data": self._linkage(each)}, required=["data"])
                    for name, each in route.links.items()
                }
            )
            data["allOf"] = [_one_way(route, each) for each in route.links.values()]
        return closed({"data": data, **wrapped}, required=["data"])

    def _linkage(self, link: Link) -> Schema:
        identifier = identifier_of(link.destination.type, _text_of(self.of(link.key)))
        identifier["properties"]["meta"] = {"type": "object"}
        if link.several:
            return {"type": "array", "items": identifier}
        return _or_null(identifier) if link.input.type.nullable else identifier

    def filter(self, fields: Mapping[str, tuple[FieldType, tuple[str, ...]]], exposed: Exposed) -> Schema:
        """A reference to the schema of a condition over a resource; it is made when it is asked for."""
        name = f"{exposed.spec.name}Filter"
        if name not in self.schemas:
            self.schemas[name] = {}
        itself = ref(name)
        several: Schema = {"type": "array", "minItems": 1, "items": itself}
        properties: Schema = {"and": several, "or": several, "not": itself}
        for field_name, (kind, operators) in fields.items():
            single = self.of(FieldType(annotation=kind.annotation))
            made = closed({each: _operand(each, single) for each in operators})
            properties[field_name] = {**made, "minProperties": 1}
        for way, each in exposed.relationships.items():
            properties[exposed.names.wire(way)] = ref(f"{self.surface.destination(each).spec.name}Filter")
        self.schemas[name] = {**closed(properties), "minProperties": 1}
        return itself

    def response(self, route: RouteSpec) -> Schema:
        """The schema of the document that a route answers with."""
        version = {"jsonapi": ref("JsonApi")}
        resource = ref(route.shown.spec.name)
        if route.relationship is not None and route.kind is not RouteKind.RELATED:
            return self._linkage_response(route.relationship)
        shared: Schema = {**version}
        shared["included"] = {"type": "array", "items": self._included(route.shown)}
        if route.kind is RouteKind.GENERIC:
            answer: Schema = {"type": "null"}
            if route.action.returns is not None:
                answer = self.of(route.action.returns)
            meta = closed({"result": answer}, required=["result"])
            return closed({**version, "meta": meta}, required=["meta"])
        if route.lists:
            links = _page_links()
            data: Schema = {"type": "array", "items": resource}
            return closed(
                {**shared, "data": data, "links": links, "meta": ref("Page")}, required=["data", "links"]
            )
        links = closed({"self": {"type": "string"}})
        if route.kind is not RouteKind.GET:
            # Nothing is related, or the actor may not read what they have written.
            resource = {"oneOf": [resource, {"type": "null"}]}
        return closed({**shared, "data": resource, "links": links}, required=["data"])

    def _linkage_response(self, spec: RelationshipSpec) -> Schema:
        links = _page_links() if spec.to_many else closed({"self": {"type": "string"}})
        links["properties"]["related"] = {"type": "string"}
        links["required"] = ["self", "related"]
        made = {"data": self._identifiers(spec), "links": links, "jsonapi": ref("JsonApi")}
        if spec.to_many:
            made["meta"] = ref("Page")
        return closed(made, required=["data", "links"])

    def _included(self, exposed: Exposed) -> Schema:
        names = {self.surface.at(exposed, path).spec.name for path in exposed.includes}
        found = [ref(name) for name in sorted(names)]
        # Each of them has a type of its own; without any, the list is empty.
        return found[0] if len(found) == 1 else {"anyOf": found} if found else {"not": {}}


def identifier_of(kind: str, key: Schema | None = None) -> Schema:
    """The schema of a resource identifier."""
    return closed({"type": {"const": kind}, "id": key or {"type": "string"}}, required=["type", "id"])


def _page_links() -> Schema:
    link = {"type": ["string", "null"]}
    return closed(dict.fromkeys(("self", "first", "prev", "next", "last"), link), required=["self"])


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _operand(operator: str, single: Schema) -> Schema:
    """What an operator compares with, in a condition as JSON."""
    if operator == "is_nil":
        return {"type": "boolean"}
    return {"type": "array", "items": single, "maxItems": MOST_ALTERNATIVES} if operator == "in" else single


def _text_of(schema: Schema) -> Schema:
    """The schema of a key as the text that an identifier has."""
    return schema if schema.get("type") == "string" or "$ref" in schema else {"type": "string"}


def _one_way(route: RouteSpec, link: Link) -> Schema:
    """A key is given as an attribute or as a relationship; exactly one of them when it is required."""
    names = route.exposed.names
    name = names.wire(link.input.name)
    as_attribute: Schema = {"required": ["attributes"], "properties": {"attributes": {"required": [name]}}}
    as_link: Schema = {
        "required": ["relationships"],
        "properties": {"relationships": {"required": [names.wire(link.relationship.name)]}},
    }
    if link.input.required:
        return {"oneOf": [as_attribute, as_link]}
    return {"not": {"allOf": [as_attribute, as_link]}}


def _relocated(schema: Any, names: Mapping[str, str]) -> Any:
    """The schema with its references pointing to components."""
    if isinstance(schema, dict):
        made: dict[str, Any] = {}
        for name, value in schema.items():  # pyright: ignore[reportUnknownVariableType]
            if name == "$ref" and isinstance(value, str) and value.startswith(_DEFINITION):
                target = value.removeprefix(_DEFINITION)
                made[name] = _COMPONENT + names.get(target, target)
            else:
                made[str(name)] = _relocated(value, names)  # pyright: ignore[reportUnknownArgumentType]
        return made
    if isinstance(schema, list):
        return [_relocated(each, names) for each in schema]  # pyright: ignore[reportUnknownVariableType]
    return schema
