"""JSON Schemas of declared types: made, bounded for small models, made strict for hosted ones, and read
back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pydantic import TypeAdapter

type Schema = dict[str, Any]

WRAPPER = "value"
_FENCE = re.compile(r"^\s*```[a-zA-Z]*\s*\n(?P<body>.*?)\n?```\s*$", re.DOTALL)
_UNSUPPORTED_BY_STRICT = ("minLength", "maxLength", "default", "title", "uniqueItems")


@dataclass(frozen=True, slots=True, kw_only=True)
class Returns[T]:
    """A declared type, ready to be asked for and checked.

    Attributes:
        name: the type as it is written in messages.
        schema: its JSON Schema, always an object at the root: other types are wrapped as `{"value": …}`.
        wrapped: whether that was needed.
        adapter: Pydantic's checker.
    """

    name: str
    schema: Schema
    wrapped: bool
    adapter: TypeAdapter[T]

    def read(self, answer: str) -> T:
        """The answer as the declared type.

        Raises:
            ValueError: it is not JSON, or does not fit (Pydantic's ValidationError is a ValueError).
        """
        data = json.loads(bare_json(answer))
        if self.wrapped and isinstance(data, dict) and WRAPPER in data:
            data = cast("Schema", data)[WRAPPER]
        return self.adapter.validate_json(json.dumps(data))

    def dump(self, value: T) -> str:
        """The value as canonical JSON."""
        return self.adapter.dump_json(value).decode()


def returns_of[T](declared: type[T]) -> Returns[T]:
    """What to ask of a model so that it answers with a declared type.

    Args:
        declared: a BaseModel, dataclass, TypedDict, list, Literal, enum, or anything else that Pydantic can
            check.
    """
    return cast("Returns[T]", _returns_of(cast("Hashable", declared)))


@lru_cache(maxsize=256)
def _returns_of(declared: Any) -> Returns[Any]:
    from pydantic import TypeAdapter

    name = getattr(declared, "__name__", None) or str(declared)
    return returns_from(TypeAdapter(declared), name=name if isinstance(declared, type) else str(declared))


def returns_from(adapter: TypeAdapter[Any], *, name: str) -> Returns[Any]:
    """The same of a type whose checker is at hand.

    Args:
        name: the type as it is written in messages.
    """
    schema = adapter.json_schema()
    root = _root(schema)
    wrapped = root.get("type") != "object" or "properties" not in root
    if wrapped:
        definitions = schema.pop("$defs", None)
        schema = {
            "type": "object",
            "properties": {WRAPPER: schema},
            "required": [WRAPPER],
            "additionalProperties": False,
        }
        if definitions:
            schema["$defs"] = definitions
    return Returns(name=name, schema=schema, wrapped=wrapped, adapter=adapter)


def bounded(schema: Schema, *, max_string: int = 160, max_items: int = 6) -> Schema:
    """The schema with a limit on every string and list, so that a small model cannot repeat itself for
    ever.
    """

    def bound(node: Schema) -> Schema:
        if node.get("type") == "string" and not ({"enum", "const", "format", "pattern"} & node.keys()):
            node.setdefault("maxLength", max_string)
        if node.get("type") == "array":
            node.setdefault("maxItems", max_items)
        if node.get("type") == "object" and "properties" in node:
            node.setdefault("additionalProperties", False)
        return {key: value for key, value in node.items() if key not in ("title", "default")}

    return _mapped(schema, bound)


def strict(schema: Schema) -> Schema | None:
    """The schema in the dialect of strict hosted decoding, or None when the type does not fit into it.

    Strict decoding wants every property required and no others, and knows no open mappings.
    """
    open_mapping = False

    def tighten(node: Schema) -> Schema:
        nonlocal open_mapping
        if node.get("type") == "object":
            properties = node.get("properties")
            if not properties:
                open_mapping = True
            else:
                node["required"] = list(properties)
                node["additionalProperties"] = False
        return {key: value for key, value in node.items() if key not in _UNSUPPORTED_BY_STRICT}

    tightened = _mapped(schema, tighten)
    return None if open_mapping else tightened


def token_budget(schema: Schema, *, ceiling: int = 800) -> int:
    """Tokens that suffice for the longest answer of a bounded schema, at two characters a token."""
    characters = _longest(schema, schema.get("$defs", {}), 0)
    return max(32, min(ceiling, 24 + characters // 2))


def bare_json(answer: str) -> str:
    """The JSON in an answer: without a Markdown fence, and without prose around the outermost braces or
    brackets.
    """
    text = match["body"] if (match := _FENCE.match(answer)) else answer.strip()
    if text[:1] in "{[" or not text:
        return text
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    end = max(text.rfind("}"), text.rfind("]"))
    return text[min(starts) : end + 1] if starts and end > min(starts) else text


def problems(error: ValueError) -> list[str]:
    """What is wrong with an answer, one short sentence for each fault."""
    errors = getattr(error, "errors", None)
    if isinstance(error, json.JSONDecodeError) or not callable(errors):
        return [f"not valid JSON ({error})"]
    found = cast("list[Schema]", cast("Callable[..., Any]", errors)(include_url=False, include_input=False))
    return [f"{'.'.join(map(str, each['loc'])) or 'answer'}: {each['msg']}" for each in found[:8]]


def _root(schema: Schema) -> Schema:
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return cast("Schema", schema.get("$defs", {}).get(reference.rpartition("/")[2], {}))
    return schema


def _mapped(node: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """A copy of a schema in which every subschema went through `change`, the innermost first."""
    copy: Schema = {}
    for key, value in node.items():
        if key in ("properties", "$defs") and isinstance(value, dict):
            children = cast("dict[str, Schema]", value)
            copy[key] = {name: _mapped(child, change) for name, child in children.items()}
        elif isinstance(value, dict) and key in ("items", "additionalProperties"):
            copy[key] = _mapped(cast("Schema", value), change)
        elif isinstance(value, list) and key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            copy[key] = [_mapped(child, change) for child in cast("list[Schema]", value)]
        else:
            copy[key] = value
    return change(copy)


def _longest(node: Schema, definitions: dict[str, Schema], depth: int) -> int:
    if depth > 8:
        return 0
    below = depth + 1
    if "$ref" in node:
        return _longest(definitions.get(str(node["$ref"]).rpartition("/")[2], {}), definitions, below)
    if "enum" in node:
        return max(len(json.dumps(each)) for each in node["enum"]) + 2
    for key in ("anyOf", "oneOf", "allOf"):
        if key in node:
            return max(_longest(each, definitions, below) for each in node[key])
    match node.get("type"):
        case "object":
            children: dict[str, Schema] = node.get("properties", {})
            return (
                sum(len(name) + 8 + _longest(child, definitions, below) for name, child in children.items())
                + 4
            )
        case "array":
            return (
                int(node.get("maxItems", 6)) * (_longest(node.get("items", {}), definitions, below) + 4) + 4
            )
        case "string":
            return int(node.get("maxLength", 40)) + 4
        case _:
            return 16
