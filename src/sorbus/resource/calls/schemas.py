"""JSON Schema 2020-12 of what a call takes and answers; each schema stands for itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum

from sorbus.query.input_fields import InputField
from sorbus.query.input_schemas import logic_schemas, operators_schema
from sorbus.query.inputs import MOST_CONDITIONS, MOST_SORTS, InputReader
from sorbus.resource.calls.arguments import key_argument, list_arguments
from sorbus.resource.calls.call import Call, CallKind
from sorbus.resource.calls.records import Records
from sorbus.schema.actions import UNCHANGED, InputSpec
from sorbus.schema.resource import ResourceSpec
from sorbus.types.json_schemas import NOTHING, Definitions, Schema, closed, or_null

_FILTER = "Filter"


def input_schema(call: Call, reader: InputReader) -> Schema:
    """The schema of a call's arguments.

    Args:
        reader: tells which fields may be filtered and sorted by.
    """
    definitions = Definitions(taken=(_FILTER,))
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
    made = definitions.of(spec, spec.description)
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
        made["filter"] = definitions.ref(_FILTER)
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
    properties = logic_schemas(definitions.ref(_FILTER), most=MOST_CONDITIONS)
    for name, field in fields.items():
        single = definitions.of(field.operand)
        kind = re.sub(r"\W+", "_", field.type.describe().removesuffix(" | None"))
        # Written once, however many fields have the type: models pay for each word.
        properties[name] = definitions.shared(f"on_{kind}", operators_schema(field.operators, single))
    for each in spec.relationships.values():
        if each.public:
            about = f"A condition that a related {each.destination} meets; {{}} asks whether there is one."
            properties[each.name] = {"type": "object", "description": about}
    description = 'What the records must meet, as in {"name": {"eq": "…"}}; all members hold together.'
    return {**closed(properties), "description": description}


def output_schema(call: Call, records: Records) -> Schema:
    """The schema of a call's answer."""
    definitions = Definitions()
    match call.kind:
        case CallKind.GENERIC:
            returns = call.action.returns
            answer = NOTHING if returns is None else definitions.of(returns)
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
        properties[name] = or_null(made) if records.hides else made
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
