"""The types of an application's values, read from their JSON Schemas."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, cast, get_args, is_typeddict

from sorbus.apis.clients.types import (
    Alias,
    Basic,
    Choice,
    Definition,
    Document,
    Enumeration,
    ListOf,
    MapOf,
    Member,
    Named,
    OneOf,
    Row,
    Type,
)
from sorbus.resource.embedded import CHANGE, TAKEN, documents_in
from sorbus.types.base import FieldType, field_type
from sorbus.types.json import Json
from sorbus.types.json_schemas import Definitions, Schema
from sorbus.types.names import is_union, parts, python_class
from sorbus.types.purposes import Purpose
from sorbus.types.unions import fields_of

_REFERENCE = "#/$defs/"
_NO_NAME = re.compile(r"[^0-9A-Za-z_]+")
_FORMATS: Mapping[str, Basic] = MappingProxyType(
    {
        "uuid": Basic.UUID,
        "date": Basic.DATE,
        "date-time": Basic.MOMENT,
        "time": Basic.TIME,
        "duration": Basic.DURATION,
    }
)
_PLAIN: Mapping[str, Basic] = MappingProxyType(
    {
        "integer": Basic.INTEGER,
        "number": Basic.NUMBER,
        "boolean": Basic.TRUTH,
        "null": Basic.NOTHING,
    }
)


class Vocabulary:
    """The types of one application, each named one under a name of its own.

    Attributes:
        named: what has a name, in the order in which it was met.
    """

    def __init__(self) -> None:
        self.named: dict[str, Definition] = {}
        self._definitions = Definitions()
        self._references: dict[str, str] = {}
        self._untitled: dict[Document, str] = {}
        self._loose: set[str] = set()
        self._numbers_or_texts = False
        # First of all, so that it has the name by which it is known.
        self._definitions.gathered(field_type(Json).json_schema())

    def read(self, kind: FieldType, hint: str, purpose: Purpose = Purpose.SHOWN) -> Type:
        """The type of a field or input.

        Args:
            hint: what a part without a name of its own is called.
            purpose: what becomes of the values.
        """
        found = list(_parts_of(kind.annotation))
        self._loose.update(each.__name__ for each in found if is_typeddict(each))
        for each in documents_in(kind):
            self._loose.update(each.__name__ + suffix for suffix in (TAKEN, CHANGE))
        self._numbers_or_texts = any(map(_number_or_text, found))
        return self._read(self._definitions.gathered(kind.json_schema(purpose)), hint)

    def _read(self, schema: Any, hint: str) -> Type:
        if not isinstance(schema, dict) or not schema:
            return Basic.JSON
        made = cast("Schema", schema)
        if "$ref" in made:
            return self._referred(made["$ref"].removeprefix(_REFERENCE))
        if "const" in made:
            return Choice((made["const"],))
        if "enum" in made:
            return self._choice(made)
        if "allOf" in made and len(made["allOf"]) == 1:
            return self._read(made["allOf"][0], hint)
        options = made.get("anyOf") or made.get("oneOf")
        if options:
            return self._union(options, hint)
        if isinstance(made.get("type"), list):
            return self._union([{**made, "type": each} for each in made["type"]], hint)
        return self._typed(made, hint)

    def _typed(self, schema: Schema, hint: str) -> Type:
        match schema.get("type"):
            case "object":
                return self._object(schema, hint)
            case "array":
                if "prefixItems" in schema:
                    return Row(tuple(self._read(each, hint) for each in schema["prefixItems"]))
                return ListOf(self._read(schema.get("items"), hint))
            case "string":
                if schema.get("contentEncoding") == "base64":
                    return Basic.BINARY
                return _FORMATS.get(schema.get("format", ""), Basic.TEXT)
            case str(name) if name in _PLAIN:
                return _PLAIN[name]
            case _:
                return Basic.JSON

    def _union(self, schemas: list[Schema], hint: str) -> Type:
        found: list[Type] = []
        for each in schemas:
            kind = self._read(each, hint)
            found += [
                one for one in (kind.options if isinstance(kind, OneOf) else (kind,)) if one not in found
            ]
        if Basic.JSON in found:
            return Basic.JSON
        if {Basic.NUMBER, Basic.TEXT} <= set(found) and not self._numbers_or_texts:
            # A decimal is taken as a number or a text, and shown as a text.
            found = [each for each in found if each is not Basic.NUMBER]
            found[found.index(Basic.TEXT)] = Basic.DECIMAL
        return found[0] if len(found) == 1 else OneOf(tuple(found))

    def _choice(self, schema: Schema) -> Type:
        values = tuple(schema["enum"])
        title = schema.get("title")
        if not title:
            return Choice(values)
        return self._name(title, Enumeration(values=values, description=schema.get("description", "")))

    def _object(self, schema: Schema, hint: str) -> Type:
        if not schema.get("properties"):
            return MapOf(self._read(schema.get("additionalProperties"), hint))
        document = self._document(schema, hint)
        if schema.get("title"):
            return self._name(schema["title"], document)
        # Such as ranges: equal ones are one type, whatever holds them.
        known = self._untitled.get(document)
        if known is None:
            known = self._untitled[document] = self._name(hint, document).name
        return Named(known)

    def _document(self, schema: Schema, hint: str) -> Document:
        required = schema.get("required", ())
        # A class shows every field. A dictionary, or a type with a form of its own, what it has.
        whole = "title" in schema and schema["title"] not in self._loose
        members = tuple(
            Member(
                name=name,
                type=self._read(each, hint + _capital(name)),
                required=name in required,
                shown=whole or name in required,
                description=_description(each),
            )
            for name, each in cast("Schema", schema["properties"]).items()
        )
        return Document(members=members, description=schema.get("description", ""))

    def _referred(self, name: str) -> Type:
        """What stands behind a reference, under its name."""
        schema = self._definitions.schemas[name]
        if name == "Json":
            return Basic.JSON
        if "enum" in schema:
            return self._read({**schema, "title": schema.get("title", name)}, name)
        known = self._references.get(name)
        if known is None:
            known = self._references[name] = self._free(identifier(name), self._references.values())
            definition = self._defined(schema, known)
            base = identifier(name)
            if self.named.get(base) == definition:
                # It has been met before, written out in its place.
                known = self._references[name] = base
            else:
                self.named[known] = definition
        return Named(known)

    def _defined(self, schema: Schema, name: str) -> Definition:
        if schema.get("type") == "object" and schema.get("properties"):
            return self._document(schema, name)
        return Alias(type=self._read(schema, name))

    def _name(self, wanted: str, definition: Definition) -> Named:
        """A name for a definition; the same one has the same name."""
        base = identifier(wanted)
        numbered = re.compile(rf"{base}\d*")
        for name, each in self.named.items():
            if each == definition and numbered.fullmatch(name):
                return Named(name)
        # A reference may be on its way to a definition of this name.
        name = self._free(base, self._references.values())
        self.named[name] = definition
        return Named(name)

    def _free(self, base: str, taken: Iterable[str]) -> str:
        number, name = 1, base
        occupied = {*self.named, *taken}
        while name in occupied:
            number += 1
            name = f"{base}{number}"
        return name


def identifier(text: str) -> str:
    """A text as a name that TypeScript and Python take, if it is no reserved word: `Pair[int]` is `Pair_int`."""
    made = text if text.isidentifier() else _NO_NAME.sub("_", text).strip("_") or "Unnamed"
    return f"_{made}" if made[0].isdigit() else made


def _parts_of(annotation: Any) -> Iterator[Any]:
    """A type and everything in it, the fields of classes too."""
    waiting, seen = [annotation], set[type]()
    while waiting:
        for each in parts(waiting.pop()):
            yield each
            kind = python_class(each)
            if kind not in seen:
                seen.add(kind)
                waiting.extend(fields_of(kind).values())


def _number_or_text(annotation: Any) -> bool:
    """Whether it is a union of numbers and texts, whose schema is that of a decimal."""
    return is_union(annotation) and {float, str} <= set(get_args(annotation))


def _description(schema: Any) -> str:
    return cast("Schema", schema).get("description", "") if isinstance(schema, dict) else ""


def _capital(name: str) -> str:
    return "".join(each[:1].upper() + each[1:] for each in identifier(name).split("_"))
