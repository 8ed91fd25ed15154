"""Encoding: from records to resource objects, by a function written once for each selection of fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec
from pydantic_core import to_jsonable_python

from sorbus.apis.json_api.surface import Exposed, Surface
from sorbus.schema.fields import Cardinality, RelationshipSpec
from sorbus.types.hidden import HIDDEN
from sorbus.types.rules import ON_CLASS
from sorbus.types.rules import shown as shown_value

INCLUDED_LIMIT = 1000
"""The most related records that are included for each record; of more, the relationship says `truncated`."""

Encode = Callable[[Any], dict[str, Any]]
"""From a record to its resource object."""


def _other(value: Any) -> Any:
    """What msgspec does not know: what the client may not see is null; our own types, and what Pydantic knows."""
    if value is HIDDEN:
        return None
    return shown_value(value) if hasattr(value, ON_CLASS) else to_jsonable_python(value)


_encoder = msgspec.json.Encoder(enc_hook=_other)
_SAFE_IN_PATHS = (UUID, int)


def to_json(document: Any) -> bytes:
    """A document as bytes; also of values that only Pydantic knows how to write."""
    return _encoder.encode(document)


class EncoderFactory:
    """Makes the encoders of one application and keeps them.

    Args:
        prefix: what stands before the paths of links.
    """

    def __init__(self, surface: Surface, *, prefix: str) -> None:
        self.surface = surface
        self.prefix = prefix
        self._known: dict[tuple[str, frozenset[str] | None, frozenset[str]], Encode] = {}

    def encoder(self, exposed: Exposed, fields: frozenset[str] | None, loaded: frozenset[str]) -> Encode:
        """The encoder of a resource.

        Args:
            fields: what to show; None means every attribute and relationship.
            loaded: the relationships that are loaded with the records.
        """
        key = (exposed.spec.name, fields, loaded)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= 1000:
                self._known.clear()
            found = self._known[key] = self._write(exposed, fields, loaded)
        return found

    def _write(self, exposed: Exposed, fields: frozenset[str] | None, loaded: frozenset[str]) -> Encode:
        names: dict[str, Any] = {"one": _one, "many": _many, "HIDDEN": HIDDEN}
        key = exposed.spec.primary_key
        shown = [name for name in exposed.attributes if fields is None or name in fields]
        shown += [name for name in exposed.derived if fields is not None and name in fields]
        attributes = ", ".join(self._value(exposed, name, names) for name in shown)
        members = [f"'type': {exposed.type!r}", "'id': i", f"'attributes': {{{attributes}}}"]
        relationships = [
            term
            for name, each in exposed.relationships.items()
            if (fields is None or name in fields) and (term := self._relationship(exposed, each, loaded))
        ]
        if relationships:
            members.append(f"'relationships': {{{', '.join(relationships)}}}")
        if exposed.gettable:
            # Keys that are texts may hold what a path may not.
            text = "i" if issubclass(key.type.python, _SAFE_IN_PATHS) else "quote(i, safe='')"
            names["quote"] = quote
            members.append(f"'links': {{'self': {self.prefix + exposed.path + '/'!r} + {text}}}")
        code = (
            "def encode(record):\n"
            " d = record.__dict__\n"
            f" i = str(d[{key.name!r}])\n"
            f" return {{{', '.join(members)}}}\n"
        )
        exec(code, names)  # noqa: S102  # built from field names that were checked when the class was declared
        encode: Encode = names["encode"]
        return encode

    def _value(self, exposed: Exposed, name: str, names: dict[str, Any]) -> str:
        """The code of one attribute; a type with a form of its own is brought to it."""
        convert = exposed.spec.fields[name].type.codec.show
        if convert is None:
            return f"{name!r}: d[{name!r}]"
        holder = f"show{len(names)}"
        names[holder] = convert
        return f"{name!r}: None if (v := d[{name!r}]) is None else {holder}(v)"

    def _relationship(self, exposed: Exposed, spec: RelationshipSpec, loaded: frozenset[str]) -> str:
        """The code of one relationship object; empty when nothing is known about it."""
        far = self.surface.destination(spec)
        if spec.name in loaded:
            linkage = "many" if spec.to_many else "one"
            key = far.spec.primary_key.name
            return f"{spec.name!r}: {linkage}({far.type!r}, {key!r}, d[{spec.name!r}])"
        own = exposed.spec.attributes[spec.source_attribute]
        points_at_key = spec.destination_attribute == far.spec.primary_key.name
        if spec.cardinality is not Cardinality.BELONGS_TO or not own.public or not points_at_key:
            return ""
        value = f"d[{own.name!r}]"
        # A hidden key is as good as none, and so is a hidden relationship behind one that may be seen.
        names = f"{value} is None or {value} is HIDDEN or d.get({spec.name!r}) is HIDDEN"
        data = f"None if {names} else {{'type': {far.type!r}, 'id': str({value})}}"
        return f"{spec.name!r}: {{'data': {data}}}"


def _one(kind: str, key: str, record: Any) -> dict[str, Any]:
    """The linkage of a loaded to-one relationship."""
    return {
        "data": None
        if record is None or record is HIDDEN
        else {"type": kind, "id": str(record.__dict__[key])}
    }


def _many(kind: str, key: str, records: Sequence[Any]) -> dict[str, Any]:
    """The linkage of a loaded to-many relationship; of a hidden one nothing is known."""
    if records is HIDDEN:
        return {"data": []}
    data = [{"type": kind, "id": str(each.__dict__[key])} for each in records[:INCLUDED_LIMIT]]
    if len(records) > INCLUDED_LIMIT:
        return {"data": data, "meta": {"truncated": True}}
    return {"data": data}
