"""The OpenAPI 3.1 description of the routes that are served; equal declarations give equal bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from sorbus.apis.json_api.filters import FilterBook, TextField
from sorbus.apis.json_api.negotiation import MEDIA_TYPE
from sorbus.apis.json_api.routes import RouteKind, RouteSpec
from sorbus.apis.json_api.schemas import Components, filter_name, ref
from sorbus.apis.json_api.surface import Exposed, Surface
from sorbus.apis.json_api.uploads import DOCUMENT, is_list_of_files, is_upload, takes_files
from sorbus.http.callers import KeyScheme
from sorbus.http.multipart import MULTIPART
from sorbus.query.input_fields import OF_SEVERAL
from sorbus.query.input_schemas import several_schema
from sorbus.query.inputs import MOST_SORTS
from sorbus.schema.paging import FURTHEST, Paging
from sorbus.schema.resource import PRIMARY_READ
from sorbus.types.json_schemas import Schema

_REFUSALS = {
    400: "The request cannot be understood.",
    401: "It does not say who calls, or nobody has the key.",
    403: "The actor may not do this.",
    404: "There is no such record, or none that the actor may see.",
    406: "The client accepts no media type that the server has.",
    408: "The body does not come.",
    409: "It collides with the state of the data.",
    413: "The body is too large.",
    414: "The query string is too long.",
    415: "The body is of a media type that the server does not read.",
    422: "The action refuses the values.",
    429: "Too much waits to be done; `Retry-After` says when to come back.",
    503: "The database cannot serve this now.",
}
_READ_REFUSALS = (400, 401, 403, 404, 406, 414, 503)
_RETRY = ("Retry-After", "Seconds after which the request may be sent again.")
_HEADERS = {401: ("WWW-Authenticate", "How to say who calls."), 429: _RETRY, 503: _RETRY}
_KEY = "key"


def openapi_bytes(
    surface: Surface,
    routes: Sequence[RouteSpec],
    *,
    title: str,
    prefix: str,
    version: str = "1.0.0",
    scheme: KeyScheme | None = None,
) -> bytes:
    """The description as JSON, with line breaks, so that two can be compared."""
    document = openapi(surface, routes, title=title, prefix=prefix, version=version, scheme=scheme)
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def openapi(
    surface: Surface,
    routes: Sequence[RouteSpec],
    *,
    title: str,
    prefix: str,
    version: str = "1.0.0",
    scheme: KeyScheme | None = None,
) -> dict[str, Any]:
    """The description of an application's JSON:API.

    Args:
        title: the application's name.
        prefix: where the routes are mounted.
        version: the version of the description.
        scheme: how requests say who calls, where the server asks for keys.
    """
    writer = _Writer(surface)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = writer.operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "servers": [{"url": prefix}],
        "tags": [
            {"name": each.type, "description": each.spec.description}
            for each in surface.exposed.values()
            if each.path
        ],
        "paths": paths,
        "components": {
            "schemas": writer.components.schemas,
            "parameters": writer.parameters,
            "responses": {f"Error{status}": _error(text, status) for status, text in _REFUSALS.items()}
            | {"Error": _error("The server failed; the error's id stands in its log.")},
            **({"securitySchemes": {_KEY: _key_scheme(scheme)}} if scheme else {}),
        },
        **({"security": [*([{}] if scheme.optional else []), {_KEY: []}]} if scheme else {}),
    }


def _key_scheme(scheme: KeyScheme) -> Schema:
    if scheme.bearer:
        return {"type": "http", "scheme": "bearer"}
    return {"type": "apiKey", "in": "header", "name": scheme.header}


def _error(description: str, status: int = 500) -> Schema:
    made: Schema = {"description": description, "content": {MEDIA_TYPE: {"schema": ref("Errors")}}}
    if status in _HEADERS:
        name, text = _HEADERS[status]
        made["headers"] = {name: {"description": text, "schema": {"type": "string"}}}
    return made


class _Writer:
    """Writes operations."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self.components = Components(surface)
        self.filters = FilterBook(surface)
        self.parameters: dict[str, dict[str, Any]] = {}

    def operation(self, route: RouteSpec) -> dict[str, Any]:
        """One operation."""
        made: dict[str, Any] = {
            "operationId": route.operation_id,
            "tags": [route.exposed.type],
            "summary": route.action.description or route.operation_id,
            "parameters": list(self._parameters(route)),
            "responses": self._responses(route),
        }
        transition = route.action.transition
        if transition is not None and route.exposed.spec.attributes[transition.attribute].public:
            sources = ", ".join(str(getattr(each, "value", each)) for each in transition.sources)
            target = " or ".join(str(getattr(each, "value", each)) for each in transition.targets)
            made["description"] = f"Moves `{transition.attribute}` from {sources} to {target}."
        if route.kind.takes_body and (route.action.public_inputs or route.kind is RouteKind.CREATE):
            required = route.kind.links or any(each.required for each in route.action.public_inputs)
            content = {MEDIA_TYPE: {"schema": self.components.request(route)}}
            if takes_files(route):
                content[MULTIPART] = self._form(route)
            made["requestBody"] = {"required": required, "content": content}
        return made

    def _form(self, route: RouteSpec) -> dict[str, Any]:
        """The same document as a part of a form, with files in the others."""
        whole = self.components.request(route)
        parts: Schema = {}
        required = [DOCUMENT]
        for each in filter(is_upload, route.action.public_inputs):
            part: Schema = {"type": "string", "contentMediaType": "application/octet-stream"}
            name = route.exposed.names.wire(each.name)
            parts[name] = {"type": "array", "items": part} if is_list_of_files(each.type) else part
            attributes = whole["properties"]["data"]["properties"]["attributes"]
            attributes["properties"].pop(name)
            if name in attributes.get("required", []):
                attributes["required"].remove(name)
                required.append(name)
        schema = {
            "type": "object", "properties": {DOCUMENT: whole, **parts}, "required": required,
            "additionalProperties": False,
        }  # fmt: skip
        encoding = {DOCUMENT: {"contentType": MEDIA_TYPE}}
        return {"schema": schema, "encoding": encoding}

    def _responses(self, route: RouteSpec) -> dict[str, Any]:
        if route.kind is RouteKind.DESTROY:
            made: dict[str, Any] = {"204": {"description": "It is gone."}}
        else:
            status = "201" if route.kind is RouteKind.CREATE else "200"
            content = {MEDIA_TYPE: {"schema": self.components.response(route)}}
            made = {status: {"description": route.action.description or "Done.", "content": content}}
            if route.kind.links:
                made["204"] = {"description": "It is done; the actor may not read the relationship."}
            if status == "201" and route.exposed.gettable:
                location = {"description": "Where the record is.", "schema": {"type": "string"}}
                made[status]["headers"] = {"Location": location}
            if status == "201" and route.action.upsert:
                made["200"] = {**made[status], "description": "There was such a record; it is the answer."}
        refusals = tuple(_REFUSALS) if route.kind.takes_body else _READ_REFUSALS
        for each in refusals:
            made[str(each)] = {"$ref": f"#/components/responses/Error{each}"}
        made["default"] = {"$ref": "#/components/responses/Error"}
        return made

    def _parameters(self, route: RouteSpec) -> Iterator[dict[str, Any]]:
        if route.member:
            key = self.components.of(route.exposed.spec.primary_key.type)
            yield {"name": "id", "in": "path", "required": True, "schema": key}
        if route.kind is RouteKind.READ:
            for each in route.action.public_inputs:
                schema = self.components.of(each, each.description)
                name = route.exposed.names.wire(each.name)
                yield {"name": name, "in": "query", "required": each.required, "schema": schema}
        shows = route.kind not in {RouteKind.DESTROY, RouteKind.GENERIC, RouteKind.LINKAGE}
        if shows and not route.kind.links:
            yield from self._shared(route.shown, self._shaping(route.shown))
        if route.lists:
            page = route.action.page
            if route.shown is not route.exposed:
                page = route.shown.spec.actions[PRIMARY_READ].page
            yield from self._shared(route.shown, self._listing(route.shown, page))

    def _shared(self, exposed: Exposed, parameters: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """References to parameters, which all routes that show a resource have in common."""
        for each in parameters:
            slug = re.sub(r"[^A-Za-z0-9_-]+", ".", each["name"]).strip(".")
            name = f"{exposed.spec.name}.{slug}"
            if self.parameters.setdefault(name, each) == each:
                yield {"$ref": f"#/components/parameters/{name}"}
            else:
                # Such as the largest page of a read action.
                yield each

    def _shaping(self, exposed: Exposed) -> Iterator[dict[str, Any]]:
        paths = self.surface.include_paths(exposed)
        if paths:
            yield _several("include", tuple(paths), "Related records to send along.")
        reachable = {exposed.type: exposed}
        for written, path in paths.items():
            destination = self.surface.at(exposed, path)
            reachable.setdefault(destination.type, destination)
            source = self.surface.at(exposed, path[:-1])
            if source.spec.relationships[path[-1]].to_many:
                yield from self._of_included(destination, written)
        for each in reachable.values():
            if each.fields:
                description = f"The fields of {each.type} to show."
                yield _several(f"fields[{each.type}]", each.field_names, description)
            yield from self._arguments(each)

    def _arguments(self, exposed: Exposed) -> Iterator[dict[str, Any]]:
        """The arguments of calculations."""
        wire = exposed.names.wire
        for name, spec in exposed.calls.items():
            for each in spec.arguments:
                parameter = f"field_inputs[{exposed.type}][{wire(name)}][{wire(each.name)}]"
                needed = " It must be given." if each.required else ""
                about = f"`{wire(each.name)}` of `{wire(name)}`, where `fields[{exposed.type}]` names that.{needed}"
                text = f"{each.description} {about}".strip()
                yield _query(parameter, self.components.of(each), text)

    def _of_included(self, exposed: Exposed, path: str) -> Iterator[dict[str, Any]]:
        """What can be said about the related records of an include path."""
        filters = self.filters[exposed]
        name = f"filter_included[{path}]"
        yield self._condition(name, exposed, f"Of {path} only those that meet this.")
        terms = [sign + each for each in filters.sortable for sign in ("", "-")]
        yield _terms(f"sort_included[{path}]", terms, f"How {path} are sorted.")
        page = exposed.spec.actions[PRIMARY_READ].page
        yield from _pages(page, f"page_included[{path}]")

    def _condition(self, name: str, exposed: Exposed, description: str) -> dict[str, Any]:
        """A parameter that is a condition as JSON."""
        schema = self._condition_schema(exposed)
        content = {"application/json": {"schema": schema}}
        return {
            "name": name, "in": "query", "required": False, "description": description, "content": content,
        }  # fmt: skip

    def _condition_schema(self, exposed: Exposed) -> Schema:
        known = filter_name(exposed.spec.name) in self.components.schemas
        made = self.components.filter(self.filters[exposed].fields, exposed)
        if not known:
            for each in exposed.relationships.values():
                destination = self.surface.destination(each)
                if filter_name(destination.spec.name) not in self.components.schemas:
                    self._condition_schema(destination)
        return made

    def _listing(self, exposed: Exposed, page: Paging) -> Iterator[dict[str, Any]]:
        filters = self.filters[exposed]
        terms = [sign + name for name in filters.sortable for sign in ("", "-")]
        yield _terms("sort", terms, "Sort by these fields; `-` puts the largest first.")
        yield from _pages(page, "page")
        yield self._condition("filter", exposed, "A condition that the records must meet.")
        for each in filters.fields.values():
            yield from self._filters(each)

    def _filters(self, field: TextField) -> Iterator[dict[str, Any]]:
        single = self.components.of(field.operand)
        for operator in field.operators:
            schema: Schema = single
            name = f"filter[{field.name}]" if operator == "eq" else f"filter[{field.name}][{operator}]"
            if operator == "is_nil":
                schema = {"type": "boolean"}
            made = _query(name, schema, "")
            if operator in OF_SEVERAL:
                made = {**_several(name, (), ""), "schema": several_schema(single)}
            made.pop("description")
            yield made


def _pages(page: Paging, name: str) -> Iterator[dict[str, Any]]:
    yield _query(f"{name}[limit]", _limit(page), "The most records on a page.")
    cursor: Schema = {"type": "string"}
    yield _query(f"{name}[after]", cursor, "The cursor after which the page begins.")
    yield _query(f"{name}[before]", cursor, "The cursor before which the page ends.")
    position: Schema = {"type": "integer", "minimum": 0, "maximum": FURTHEST}
    yield _query(f"{name}[offset]", position, "The position where it begins.")
    yield _query(f"{name}[count]", {"type": "boolean"}, "Whether to count all records.")


def _limit(page: Paging) -> Schema:
    return {"type": "integer", "minimum": 1, "maximum": page.largest, "default": page.default}


def _query(name: str, schema: Schema, description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _terms(name: str, choices: Sequence[str], description: str) -> dict[str, Any]:
    """A parameter with the terms of a sort."""
    made = _several(name, choices, description)
    made["schema"]["maxItems"] = MOST_SORTS
    return made


def _several(name: str, choices: Sequence[str], description: str) -> dict[str, Any]:
    """A parameter with several values, joined by commas."""
    schema: Schema = {"type": "array", "items": {"enum": list(choices)}, "uniqueItems": True}
    return {**_query(name, schema, description), "style": "form", "explode": False}
