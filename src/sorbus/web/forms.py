"""Forms made of declared types, and values made of what was typed into them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from pydantic import TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError
from starlette.datastructures import FormData

from sorbus.errors.base import SorbusError


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a form.

    Attributes:
        name: of the member; empty for a value that has no members.
        kind: `yes-no`, `choice`, `number`, `text` or `json`.
        choices: the values to choose from.
        value: what stands in it.
        error: what is wrong with it.
    """

    name: str
    kind: str
    required: bool
    choices: tuple[str, ...] = ()
    whole: bool = False
    hint: str = ""
    value: str = ""
    error: str = ""

    @property
    def key(self) -> str:
        """Its name in the form."""
        return f"value.{self.name}" if self.name else "value"

    @property
    def label(self) -> str:
        """What it is called."""
        return self.name.replace("_", " ").capitalize() if self.name else "Value"


def fields_of(kind: Any) -> tuple[Field, ...]:
    """The fields of a form for a value of a type; one for JSON where the type has no plain members."""
    try:
        schema: dict[str, Any] = TypeAdapter(kind).json_schema()
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError):
        schema = {}
    defs: Mapping[str, Any] = schema.get("$defs", {})
    top = _resolved(schema, defs)
    members = cast("Mapping[str, Any]", top.get("properties") or {})
    if top.get("type") == "object" and members:
        required = cast("Sequence[str]", top.get("required") or ())
        return tuple(_field(name, _resolved(each, defs), name in required) for name, each in members.items())
    return (_field("", top, required=True),)


def _resolved(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return cast("Mapping[str, Any]", defs.get(reference.rpartition("/")[2], {}))
    return schema


def _field(name: str, schema: Mapping[str, Any], required: bool) -> Field:
    hint = str(schema.get("description", ""))
    choices = tuple(str(each) for each in schema.get("enum", ()) if isinstance(each, str))
    if choices and len(choices) == len(schema.get("enum", ())):
        return Field(name=name, kind="choice", required=required, choices=choices, hint=hint)
    match schema.get("type"):
        case "boolean":
            return Field(name=name, kind="yes-no", required=required, hint=hint)
        case "integer" | "number" as number:
            return Field(name=name, kind="number", required=required, whole=number == "integer", hint=hint)
        case "string":
            return Field(name=name, kind="text", required=required, hint=hint)
        case _:
            return Field(name=name, kind="json", required=required, hint=hint)


def value_of(fields: Sequence[Field], form: FormData) -> Any:
    """The value in a form, as plain data; what is no value of its type is left for the action to refuse."""
    if len(fields) == 1 and not fields[0].name:
        return _value(fields[0], _typed(fields[0], form))
    found: dict[str, Any] = {}
    for each in fields:
        typed = _typed(each, form)
        if typed or each.required:
            found[each.name] = _value(each, typed)
    return found


def _typed(field: Field, form: FormData) -> str:
    given = form.get(field.key)
    return given if isinstance(given, str) else ""


def _value(field: Field, typed: str) -> Any:
    match field.kind:
        case "yes-no":
            return {"yes": True, "no": False}.get(typed)
        case "number" | "json":
            try:
                return json.loads(typed)
            except ValueError:
                return typed or None
        case "choice":
            return typed or None
        case _:
            return typed


def refused(fields: Sequence[Field], form: FormData, error: SorbusError) -> tuple[Field, ...]:
    """The fields with what was typed, and the error at the field that it is about."""
    path = [str(each) for each in error.path]
    inside = path[path.index("value") + 1 :] if "value" in path else None
    found: list[Field] = []
    for each in fields:
        own = inside is not None and (not each.name or each.name in inside[:1])
        found.append(replace(each, value=_typed(each, form), error=error.message if own else ""))
    return tuple(found)
