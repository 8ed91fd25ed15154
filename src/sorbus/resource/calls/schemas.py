"""JSON Schema 2020-12 of what a call takes and answers; each schema stands for itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, cast

from sorbus.query.input_fields import MOST_ALTERNATIVES, InputField
from sorbus.query.inputs import MOST_SORTS, InputReader
from sorbus.resource.calls.arguments import key_argument, list_arguments
from sorbus.resource.calls.call import Call, CallKind
from sorbus.resource.calls.records import Records
from sorbus.schema.actions import UNCHANGED, InputSpec
from sorbus.schema.resource import ResourceSpec
from sorbus.types.base import FieldType

Schema = dict[str, Any]

_DEFINITION = "#/$defs/"
_FILTER = "Filter"
_NOTHING: Schema = {"type": "null"}


class Definitions:
    """The definitions that one schema refers to, each under a name of its own."""

    def __init__(self) -> None:
        self.schemas: dict[str, Schema] = {}
        self._written: dict[str, Schema] = {_FILTER: {}}

    def of(self, kind: FieldType, description: str = "") -> Schema:
        """The schema of a type; what it defines is gathered here."""
        schema = kind.json_schema()
        inner: dict[str, Schema] = schema.pop("$defs", {})
        names = {name: self._free(name, each) for name, each in inner.items()}
        for name, each in inner.items():
            self._written[names[name]] = each
            self.schemas[names[name]] = _renamed(each, names)
        made: Schema = _renamed(schema, names)
        made.pop("title", None)
        return {**made, "description": description} if description else made

    def _free(self, name: str, schema: Schema) -> str:
        """A free name, or the one that the same definition has."""
        candidate, number = name, 1
        while candidate in self._written and self._written[candidate] != schema:
            number += 1
            candidate = f"{name}{number}"
        return candidate

    def shared(self, name: str, schema: Schema) -> Schema:
        """A reference to a schema that is written once, however often it is needed: models pay for each word."""
        candidate, number = name, 1
        while self.schemas.setdefault(candidate, schema) != schema:
            number += 1
            candidate = f"{name}{number}"
        return {"$ref": _DEFINITION + candidate}

    def around(self, schema: Schema) -> Schema:
        """A schema with the definitions that it needs."""
        return {**schema, "$defs": self.schemas} if self.schemas else schema


def closed(properties: Mapping[str, Any], *, required: Iterable[str] = ()) -> Schema:
    """An object with these members and no others."""
    names = list(required)
    made: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return {**made, "required": names} if names else made


def input_schema(call: Call, reader: InputReader) -> Schema:
    """The schema of a call's arguments.

    Args:
        reader: tells which fields may be filtered and sorted by.
    """
    definitions = Definitions()
    properties: Schema = {}
    required: list[str] = []
    key = key_argument(call)
    if key:
        kind = call.spec.primary_key.type
        properties[key] = definitions.of(kind, f"The key of the {call.spec.name}.")
        required.append(key)
    for each in call.inputs:
        properties[each.name] = _input(definitions, each)
        if each.required:
            required.append(each.name)
    controls = _controls(call, definitions, reader)
    properties.update({name: controls[name] for name in list_arguments(call) if name in controls})
    return definitions.around(closed(properties, required=required))


def _input(definitions: Definitions, spec: InputSpec) -> Schema:
    made = definitions.of(spec.type, spec.description)
    if spec.sensitive:
        made["writeOnly"] = True
    default = spec.default.value if isinstance(spec.default, Enum) else spec.default
    known = default is None or isinstance(default, (str, int, float, bool))
    if not spec.required and spec.default is not UNCHANGED and known and not spec.sensitive:
        made["default"] = default
    return made


def _controls(call: Call, definitions: Definitions, reader: InputReader) -> Schema:
    """The schemas of what a call takes about its list."""
    made: Schema = {}
    derived = list(Records(call.spec).derived)
    if derived:
        made["load"] = {
            "type": "array",
            "items": {"enum": derived},
            "description": "Further fields to answer with.",
        }
    if not call.kind.lists:
        return made
    wanted = list_arguments(call)
    if "filter" in wanted:
        definitions.schemas[_FILTER] = _filter(call.spec, definitions, reader.filterable(call.spec))
        made["filter"] = {"$ref": _DEFINITION + _FILTER}
    sortable = list(reader.sortable(call.spec))
    terms = [f"{sign}{name}" for name in sortable for sign in ("", "-")]
    if terms:
        made["sort"] = {
            "type": "array",
            "items": {"enum": terms},
            "maxItems": MOST_SORTS,
            "description": "The order of the records; `-` before a name means descending.",
        }
    return {**made, **_paging(call)}


def _paging(call: Call) -> Schema:
    page = call.action.page
    limit: Schema = {"type": "integer", "minimum": 1, "maximum": page.largest, "default": page.default}
    made: Schema = {
        "limit": {**limit, "description": "The most records to answer with."},
        "after": {"type": "string", "description": "`page.next` of an earlier answer: go on after it."},
        "before": {
            "type": "string",
            "description": "`page.previous` of an earlier answer: what came before it.",
        },
        "offset": {
            "type": "integer",
            "minimum": 0,
            "description": "How many records to leave out at the front.",
        },
    }
    if page.count is not False:
        made["count"] = {"type": "boolean", "description": "Whether to count all records as `page.total`."}
    return made


def _filter(spec: ResourceSpec, definitions: Definitions, fields: Mapping[str, InputField]) -> Schema:
    """The schema of a condition: a map of fields, each with a map of operators."""
    itself: Schema = {"$ref": _DEFINITION + _FILTER}
    several: Schema = {"type": "array", "minItems": 1, "items": itself}
    properties: Schema = {"and": several, "or": several, "not": itself}
    for name, field in fields.items():
        single = definitions.of(FieldType(annotation=field.type.annotation))
        operators = {each: _operand(each, single) for each in field.operators}
        kind = re.sub(r"\W+", "_", field.type.describe().removesuffix(" | None"))
        properties[name] = definitions.shared(f"on_{kind}", {**closed(operators), "minProperties": 1})
    for each in spec.relationships.values():
        if each.public:
            about = f"A condition that a related {each.destination} meets; {{}} asks whether there is one."
            properties[each.name] = {"type": "object", "description": about}
    description = 'What the records must meet, as in {"name": {"eq": "…"}}; all members hold together.'
    return {**closed(properties), "description": description}


def _operand(operator: str, single: Schema) -> Schema:
    if operator == "is_nil":
        return {"type": "boolean"}
    if operator == "in":
        return {"type": "array", "items": single, "maxItems": MOST_ALTERNATIVES}
    return single


def output_schema(call: Call, records: Records) -> Schema:
    """The schema of a call's answer."""
    definitions = Definitions()
    match call.kind:
        case CallKind.GENERIC:
            returns = call.action.returns
            answer = _NOTHING if returns is None else definitions.of(returns)
            made = closed({"result": answer}, required=["result"])
        case CallKind.DESTROY:
            key = call.spec.primary_key
            made = closed(
                {key.name: definitions.of(key.type), "destroyed": {"const": True}},
                required=[key.name, "destroyed"],
            )
        case CallKind.LIST | CallKind.READ:
            items = {"type": "array", "items": _record(records, definitions)}
            made = closed({"items": items, "page": _page_schema()}, required=["items"])
        case _:
            made = _record(records, definitions)
    return definitions.around(made)


def _record(records: Records, definitions: Definitions) -> Schema:
    properties: Schema = {records.key.name: definitions.of(records.key.type, records.key.description)}
    for name, each in (*records.shown.items(), *records.derived.items()):
        made = definitions.of(each.type, each.description)
        # What the actor may not see is null.
        properties[name] = {"anyOf": [made, _NOTHING]} if records.hides else made
    return closed(properties, required=[records.key.name, *records.shown])


def _page_schema() -> Schema:
    cursor: Schema = {"type": ["string", "null"]}
    number: Schema = {"type": "integer"}
    truth: Schema = {"type": "boolean"}
    return closed(
        {
            "limit": number,
            "has_next": truth,
            "has_previous": truth,
            "offset": number,
            "next": cursor,
            "previous": cursor,
            "total": {**number, "description": "The number of all records, when it was asked for."},
        },
        required=["limit", "has_next", "has_previous"],
    )


def _renamed(schema: Any, names: Mapping[str, str]) -> Any:
    """The schema with its references to the names that its definitions have got."""
    if isinstance(schema, dict):
        members = cast("dict[str, Any]", schema)
        return {
            name: _reference(value, names)
            if name == "$ref" and isinstance(value, str)
            else _renamed(value, names)
            for name, value in members.items()
        }
    if isinstance(schema, list):
        return [_renamed(each, names) for each in schema]  # pyright: ignore[reportUnknownVariableType]
    return schema


def _reference(value: str, names: Mapping[str, str]) -> str:
    target = value.removeprefix(_DEFINITION)
    return _DEFINITION + names.get(target, target) if value.startswith(_DEFINITION) else value
