"""JSON Schemas of what JSON:API takes and shows, with shared parts gathered as components."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sorbus.apis.json_api.routes import RouteKind, RouteSpec
from sorbus.apis.json_api.surface import Exposed, Surface
from sorbus.schema.actions import InputSpec
from sorbus.schema.fields import Cardinality, RelationshipSpec
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
        taken = {"Errors", "JsonApi", "Page", *self.surface.exposed}
        while candidate in taken or (
            candidate in self.schemas and self.schemas[candidate] != _relocated(schema, {name: candidate})
        ):
            number += 1
            candidate = f"{base}{number}"
        return candidate

    def _resource(self, exposed: Exposed) -> Schema:
        attributes = {
            name: self.of(each.type, each.description)
            for name, each in (*exposed.attributes.items(), *exposed.derived.items())
        }
        properties: Schema = {
            "type": {"const": exposed.type},
            "id": {"type": "string"},
            "attributes": closed(attributes),
        }
        if exposed.relationships:
            shown = {name: self._relationship(each) for name, each in exposed.relationships.items()}
            properties["relationships"] = closed(shown)
        if exposed.gettable:
            properties["links"] = closed({"self": {"type": "string"}}, required=["self"])
        made = closed(properties, required=["type", "id", "attributes"])
        if exposed.spec.description:
            made["description"] = exposed.spec.description
        return made

    def _relationship(self, spec: RelationshipSpec) -> Schema:
        identifier = identifier_of(self.surface.destination(spec).type)
        data: Schema = {"type": "array", "items": identifier}
        if not spec.to_many:
            data = {"oneOf": [identifier, {"type": "null"}]}
        made = closed({"data": data}, required=["data"])
        if spec.to_many:
            made["properties"]["meta"] = closed({"truncated": {"type": "boolean"}})
        if spec.description:
            made["description"] = spec.description
        return made

    def request(self, route: RouteSpec) -> Schema:
        """The schema of the document that a route takes."""
        inputs = route.action.public_inputs
        linkable = {
            each.source_attribute: each
            for each in route.exposed.relationships.values()
            if each.cardinality is Cardinality.BELONGS_TO and route.action.input(each.source_attribute)
        }
        attributes = closed(
            {each.name: self.of(each.type, each.description) for each in inputs},
            required=[each.name for each in inputs if each.required and each.name not in linkable],
        )
        data = closed({"type": {"const": route.exposed.type}, "attributes": attributes, "meta": {}})
        if route.member:
            data["properties"]["id"] = {"type": "string"}
        if attributes.get("required"):
            data["required"] = ["attributes"]
        if linkable:
            data["properties"]["relationships"] = closed(
                {each.name: self._linkage(route, each) for each in linkable.values()}
            )
            data["allOf"] = [_one_way(route, each) for each in linkable.values()]
        return {"type": "object", "required": ["data"], "properties": {"data": data, "meta": {}}}

    def _linkage(self, route: RouteSpec, spec: RelationshipSpec) -> Schema:
        found = route.action.input(spec.source_attribute)
        key = self.surface.destination(spec).spec.primary_key.type
        identifier = identifier_of(self.surface.destination(spec).type, self.of(key))
        nullable = found is not None and found.type.nullable
        data = {"oneOf": [identifier, {"type": "null"}]} if nullable else identifier
        return closed({"data": data}, required=["data"])

    def response(self, route: RouteSpec) -> Schema:
        """The schema of the document that a route answers with."""
        version = {"jsonapi": ref("JsonApi")}
        resource = ref(route.exposed.spec.name)
        shared: Schema = {**version}
        included = self._included(route.exposed)
        if included:
            shared["included"] = {"type": "array", "items": included}
        if route.kind is RouteKind.GENERIC:
            answer: Schema = {"type": "null"}
            if route.action.returns is not None:
                answer = self.of(route.action.returns)
            meta = closed({"result": answer}, required=["result"])
            return closed({**version, "meta": meta}, required=["meta"])
        if route.kind.lists:
            link = {"type": ["string", "null"]}
            links = closed(dict.fromkeys(("self", "first", "prev", "next", "last"), link))
            data: Schema = {"type": "array", "items": resource}
            return closed(
                {**shared, "data": data, "links": links, "meta": ref("Page")}, required=["data", "links"]
            )
        links = closed({"self": {"type": "string"}})
        if route.kind is not RouteKind.GET:
            resource = {"oneOf": [resource, {"type": "null"}]}
        return closed({**shared, "data": resource, "links": links}, required=["data"])

    def _included(self, exposed: Exposed) -> Schema | None:
        names: set[str] = set()
        for path in exposed.includes:
            current = exposed
            for step in path:
                current = self.surface.destination(current.spec.relationships[step])
            names.add(current.spec.name)
        found = [ref(name) for name in sorted(names)]
        return found[0] if len(found) == 1 else {"oneOf": found} if found else None


def identifier_of(kind: str, key: Schema | None = None) -> Schema:
    """The schema of a resource identifier."""
    return closed({"type": {"const": kind}, "id": key or {"type": "string"}}, required=["type", "id"])


def _one_way(route: RouteSpec, spec: RelationshipSpec) -> Schema:
    """A key is given as an attribute or as a relationship; exactly one of them when it is required."""
    name = spec.source_attribute
    as_attribute: Schema = {"required": ["attributes"], "properties": {"attributes": {"required": [name]}}}
    as_link: Schema = {
        "required": ["relationships"],
        "properties": {"relationships": {"required": [spec.name]}},
    }
    found: InputSpec | None = route.action.input(name)
    if found is not None and found.required:
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
