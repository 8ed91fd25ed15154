"""JSON Schemas put together: objects with no other members, and the definitions of many types under free names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, cast

Schema = dict[str, Any]

NOTHING: Schema = {"type": "null"}

_DEFINITIONS = "$defs"
_INSIDE = f"#/{_DEFINITIONS}/"
_UNUSUAL = re.compile(r"[^A-Za-z0-9_.-]")


class HasSchema(Protocol):
    """A type that has a JSON Schema; what this refers to stands in its `$defs`."""

    def json_schema(self) -> Schema:
        """A schema of its own, which may be changed."""
        ...


def closed(properties: Mapping[str, Any], *, required: Iterable[str] = ()) -> Schema:
    """An object with these members and no others."""
    names = list(required)
    made: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return {**made, "required": names} if names else made


def or_null(schema: Schema) -> Schema:
    """What a schema allows, and null."""
    return {"anyOf": [schema, NOTHING]}


def inlined(schema: Schema) -> Schema:
    """The schema with its definitions in place of the references to them, as a part of another must be.

    Of a definition inside itself only the type is said.
    """
    rest = {name: each for name, each in schema.items() if name != _DEFINITIONS}
    made: Schema = _inlined(rest, schema.get(_DEFINITIONS, {}), ())
    return made


def _inlined(schema: Any, definitions: Mapping[str, Schema], within: tuple[str, ...]) -> Any:
    if isinstance(schema, list):
        return [_inlined(each, definitions, within) for each in cast("Sequence[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    members = cast("dict[str, Any]", schema)
    target = _target("$ref", members.get("$ref"))
    if not target:
        return {name: _inlined(each, definitions, within) for name, each in members.items()}
    beside = {name: _inlined(each, definitions, within) for name, each in members.items() if name != "$ref"}
    found = definitions.get(target, {})
    if target in within:
        return {**{name: found[name] for name in ("title", "type") if name in found}, **beside}
    return {**_inlined(found, definitions, (*within, target)), **beside}


class Definitions:
    """The definitions that several schemas refer to, each under a name of its own.

    Two definitions are one when they have the same name, and they and all that they refer to are equal.

    Args:
        schemas: what stands among them from the start, and is never taken for a type's definition.
        prefix: what stands before the name in a reference.
        taken: further names that no definition may get.

    Attributes:
        schemas: all of them, by name.
    """

    def __init__(
        self, schemas: Mapping[str, Schema] | None = None, *, prefix: str = _INSIDE, taken: Iterable[str] = ()
    ) -> None:
        self.schemas: dict[str, Schema] = dict(schemas or {})
        self.prefix = prefix
        self._taken = frozenset(taken)
        self._whole: dict[str, tuple[str, dict[str, Schema]]] = {}

    def of(self, kind: HasSchema, description: str = "") -> Schema:
        """The schema of a type, without the title that it has in Python; what it defines is gathered here."""
        made = self.gathered(kind.json_schema())
        made.pop("title", None)
        return {**made, "description": description} if description else made

    def gathered(self, schema: Schema) -> Schema:
        """The schema without its `$defs`, which are gathered here, and with references to where they are now."""
        inner: dict[str, Schema] = schema.get(_DEFINITIONS, {})
        rest = {name: each for name, each in schema.items() if name != _DEFINITIONS}
        names = {name: self._placed(name, _reachable(name, inner)) for name in inner}
        for name, each in inner.items():
            self.schemas[names[name]] = self._relocated(each, names)
        made: Schema = self._relocated(rest, names)
        return made

    def shared(self, name: str, schema: Schema) -> Schema:
        """A reference to a schema that is written once, however often it is needed."""
        place = self._placed(name, {name: schema})
        self.schemas[place] = schema
        return self.ref(place)

    def ref(self, name: str) -> Schema:
        """A reference to what has a name here."""
        return {"$ref": self.prefix + name}

    def around(self, schema: Schema) -> Schema:
        """A schema with the definitions that it needs, so that it stands for itself."""
        return {**schema, _DEFINITIONS: self.schemas} if self.schemas else schema

    def _placed(self, name: str, whole: dict[str, Schema]) -> str:
        """A free name for a definition, or the one that the same definition has."""
        base = _UNUSUAL.sub("_", name)
        candidate, number = base, 1
        while self._whole.get(candidate) != (name, whole) and self._occupied(candidate):
            number += 1
            candidate = f"{base}{number}"
        self._whole[candidate] = (name, whole)
        return candidate

    def _occupied(self, name: str) -> bool:
        return name in self._taken or name in self._whole or name in self.schemas

    def _relocated(self, schema: Any, names: Mapping[str, str]) -> Any:
        """A schema with its references to definitions pointing to where these stand now."""
        if isinstance(schema, dict):
            members = cast("dict[str, Any]", schema)
            return {
                name: self.prefix + names.get(target, target)
                if (target := _target(name, value))
                else self._relocated(value, names)
                for name, value in members.items()
            }
        if isinstance(schema, list):
            return [self._relocated(each, names) for each in cast("Sequence[Any]", schema)]
        return schema


def _target(keyword: str, value: Any) -> str:
    """The name of the definition that a member of a schema refers to; empty when it refers to none."""
    refers = keyword == "$ref" and isinstance(value, str) and value.startswith(_INSIDE)
    return value.removeprefix(_INSIDE) if refers else ""


def _reachable(name: str, definitions: Mapping[str, Schema]) -> dict[str, Schema]:
    """A definition and all that it refers to, by name."""
    found: dict[str, Schema] = {}
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each in definitions and each not in found:
            found[each] = definitions[each]
            waiting.extend(_targets(definitions[each]))
    return found


def _targets(schema: Any) -> Iterator[str]:
    """The names of the definitions that a schema refers to."""
    if isinstance(schema, dict):
        members = cast("dict[str, Any]", schema)
        for name, value in members.items():
            target = _target(name, value)
            if target:
                yield target
            else:
                yield from _targets(value)
    elif isinstance(schema, list):
        for each in cast("Sequence[Any]", schema):
            yield from _targets(each)
