"""JSON Schemas of what JSON:API takes and shows, with shared parts gathered as components."""

from __future__ import annotations

from collections.abc import Mapping

from sorbus.apis.json_api.conditions import MOST_FILTERS
from sorbus.apis.json_api.linkages import Link
from sorbus.apis.json_api.routes import RouteKind, RouteSpec
from sorbus.apis.json_api.surface import Exposed, Surface
from sorbus.query.input_fields import InputField
from sorbus.query.input_schemas import logic_schemas, operators_schema
from sorbus.schema.fields import RelationshipSpec
from sorbus.types.json_schemas import NOTHING, Definitions, HasSchema, Schema, closed, or_null

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
                    "meta": {
                        "type": "object",
                        "properties": {
                            "hint": {"type": "string"},
                            "missing": {
                                "type": "string",
                                "description": "Where from the place of the pointer something is missing.",
                            },
                        },
                    },
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


class Components:
    """The shared schemas of a description, each under a name of its own."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        resources = [each.spec.name for each in surface.shown]
        self._definitions = Definitions(
            {"Errors": ERROR, "JsonApi": JSON_API, "Page": PAGE, **{name: {} for name in resources}},
            prefix=_COMPONENT,
            taken=map(filter_name, resources),
        )
        self.schemas = self._definitions.schemas
        for each in surface.shown:
            self.schemas[each.spec.name] = self._resource(each)

    def of(self, kind: HasSchema, description: str = "") -> Schema:
        """The schema of a type; its definitions become components."""
        made = self._definitions.of(kind)
        if description and "$ref" in made:
            # Tools that have not left OpenAPI 3.0 pass over what stands beside a reference.
            return {"allOf": [made], "description": description}
        return {**made, "description": description} if description else made

    def _resource(self, exposed: Exposed) -> Schema:
        hidden = exposed.spec.field_policies is not None
        attributes: Schema = {}
        for name, each in (*exposed.attributes.items(), *exposed.derived.items()):
            made = self.of(each.type, each.description)
            # What the actor may not see is null.
            attributes[exposed.names.wire(name)] = or_null(made) if hidden else made
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
        inputs = [each for each in route.action.public_inputs if each.name != route.client_id]
        linkable = {link.input.name for link in route.links.values()}
        attributes = closed(
            {names.wire(each.name): self.of(each, each.description) for each in inputs},
            required=[
                names.wire(each.name) for each in inputs if each.required and each.name not in linkable
            ],
        )
        data = closed({"type": {"const": route.exposed.type}, "attributes": attributes, "meta": {}})
        required = ["attributes"] if attributes.get("required") else []
        key = route.action.input(route.client_id) if route.client_id is not None else None
        if route.kind is RouteKind.CREATE:
            data["properties"]["lid"] = {"type": "string"}
        if key is not None:
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
        return or_null(identifier) if link.input.type.nullable else identifier

    def filter(self, fields: Mapping[str, InputField], exposed: Exposed) -> Schema:
        """A reference to the schema of a condition over a resource; it is made when it is asked for."""
        name = filter_name(exposed.spec.name)
        if name not in self.schemas:
            self.schemas[name] = {}
        itself = ref(name)
        properties = logic_schemas(itself, most=MOST_FILTERS)
        for field_name, field in fields.items():
            properties[field_name] = operators_schema(field.operators, self.of(field.operand))
        for way, each in exposed.relationships.items():
            properties[exposed.names.wire(way)] = ref(filter_name(self.surface.destination(each).spec.name))
        self.schemas[name] = {**closed(properties), "minProperties": 1}
        return itself

    def response(self, route: RouteSpec) -> Schema:
        """The schema of the document that a route answers with."""
        version = {"jsonapi": ref("JsonApi")}
        if route.relationship is not None and route.kind is not RouteKind.RELATED:
            return self._linkage_response(route.relationship)
        if route.kind is RouteKind.GENERIC:
            answer = NOTHING
            if route.action.returns is not None:
                answer = self.of(route.action.returns)
            meta = closed({"result": answer}, required=["result"])
            return closed({**version, "meta": meta}, required=["meta"])
        resource = ref(route.shown.spec.name)
        shared: Schema = {**version}
        shared["included"] = {"type": "array", "items": self._included(route.shown)}
        if route.lists:
            links = _page_links()
            data: Schema = {"type": "array", "items": resource}
            return closed(
                {**shared, "data": data, "links": links, "meta": ref("Page")}, required=["data", "links"]
            )
        links = closed({"self": {"type": "string"}})
        if route.kind is not RouteKind.GET:
            # Nothing is related, or the actor may not read what they have written.
            resource = {"oneOf": [resource, NOTHING]}
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


def filter_name(resource: str) -> str:
    """The component of a condition over a resource."""
    return f"{resource}Filter"


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
