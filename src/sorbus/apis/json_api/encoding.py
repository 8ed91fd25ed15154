"""Encoding: from records to resource objects, by a function written once for each selection of fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID

from sorbus.apis.json_api.surface import Exposed, Surface
from sorbus.apis.json_api.templates import TemplateFactory
from sorbus.query.page import Page
from sorbus.schema.fields import Cardinality, RelationshipSpec
from sorbus.types.hidden import HIDDEN

INCLUDED_LIMIT = 1000
"""The most related records that are included for each record; of more, the relationship says `truncated`."""

INCLUDED_MOST = 20_000
"""The most related records that a relationship may bring into one document."""

Encode = Callable[[Any], dict[str, Any]]
"""From a record to its resource object."""


_SAFE_IN_PATHS = (UUID, int)


class EncoderFactory:
    """Makes the encoders of one application and keeps them.

    Args:
        prefix: what stands before the paths of links.

    Attributes:
        templates: makes what a data layer needs to write resource objects itself.
    """

    def __init__(self, surface: Surface, *, prefix: str) -> None:
        self.surface = surface
        self.prefix = prefix
        self.templates = TemplateFactory(surface, prefix=prefix)
        self._known: dict[tuple[str, frozenset[str] | None, frozenset[str], frozenset[str]], Encode] = {}

    def encoder(
        self,
        exposed: Exposed,
        fields: frozenset[str] | None,
        loaded: frozenset[str],
        filtered: frozenset[str] = frozenset(),
    ) -> Encode:
        """The encoder of a resource.

        Args:
            fields: what to show; None means every attribute and relationship.
            loaded: the relationships that are loaded with the records.
            filtered: those of them of which only some records are loaded.
        """
        key = (exposed.spec.name, fields, loaded, filtered)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= 1000:
                self._known.clear()
            found = self._known[key] = self._write(exposed, fields, loaded, filtered)
        return found

    def _write(
        self,
        exposed: Exposed,
        fields: frozenset[str] | None,
        loaded: frozenset[str],
        filtered: frozenset[str],
    ) -> Encode:
        names: dict[str, Any] = {"one": _one, "many": _many, "HIDDEN": HIDDEN, "quote": quote}
        key = exposed.spec.primary_key
        shown = [name for name in exposed.attributes if fields is None or name in fields]
        shown += [name for name in exposed.derived if fields is not None and name in fields]
        attributes = ", ".join(self._value(exposed, name, names) for name in shown)
        members = [f"'type': {exposed.type!r}", "'id': i", f"'attributes': {{{attributes}}}"]
        relationships = [
            f"{exposed.names.wire(name)!r}: {{{', '.join(terms)}}}"
            for name, each in exposed.relationships.items()
            if (fields is None or name in fields)
            and (terms := self._relationship(exposed, each, name in loaded, name in filtered))
        ]
        if relationships:
            members.append(f"'relationships': {{{', '.join(relationships)}}}")
        if exposed.gettable:
            members.append("'links': {'self': u}")
        # Keys that are texts may hold what a path may not.
        text = "i" if issubclass(key.type.python, _SAFE_IN_PATHS) else "quote(i, safe='')"
        code = (
            "def encode(record):\n"
            " d = record.__dict__\n"
            f" i = str(d[{key.name!r}])\n"
            f" u = {self.prefix + exposed.path + '/'!r} + {text}\n"
            f" return {{{', '.join(members)}}}\n"
        )
        exec(code, names)  # noqa: S102  # built from field names that were checked when the class was declared
        encode: Encode = names["encode"]
        return encode

    def _value(self, exposed: Exposed, name: str, names: dict[str, Any]) -> str:
        """The code of one attribute; a type with a form of its own is brought to it."""
        convert = exposed.spec.fields[name].type.codec.show
        wire = exposed.names.wire(name)
        if convert is None:
            return f"{wire!r}: d[{name!r}]"
        holder = f"show{len(names)}"
        names[holder] = convert
        return f"{wire!r}: None if (v := d[{name!r}]) is None else {holder}(v)"

    def _relationship(
        self,
        exposed: Exposed,
        spec: RelationshipSpec,
        loaded: bool,
        filtered: bool,
    ) -> list[str]:
        """The code of the members of one relationship object; none when nothing is known about it."""
        far = self.surface.destination(spec)
        wire = exposed.names.wire(spec.name)
        members: list[str] = []
        if exposed.linked(spec.name):
            itself, related = f"u + {'/relationships/' + wire!r}", f"u + {'/' + wire!r}"
            members.append(f"'links': {{'self': {itself}, 'related': {related}}}")
        if loaded:
            linkage = f"many({far.type!r}, {far.spec.primary_key.name!r}, d[{spec.name!r}], {filtered})"
            if not spec.to_many:
                linkage = f"one({far.type!r}, {far.spec.primary_key.name!r}, d[{spec.name!r}])"
            return [*members, f"**{linkage}"]
        own = exposed.spec.attributes[spec.source_attribute]
        points_at_key = spec.destination_attribute == far.spec.primary_key.name
        if spec.cardinality is not Cardinality.BELONGS_TO or not own.public or not points_at_key:
            return members
        if not own.select_by_default:
            return members
        value = f"d[{own.name!r}]"
        # A hidden key is as good as none, and so is a hidden relationship behind one that may be seen.
        names = f"{value} is None or {value} is HIDDEN or d.get({spec.name!r}) is HIDDEN"
        data = f"None if {names} else {{'type': {far.type!r}, 'id': str({value})}}"
        return [*members, f"'data': {data}"]


def _one(kind: str, key: str, record: Any) -> dict[str, Any]:
    """The linkage of a loaded to-one relationship."""
    return {
        "data": None
        if record is None or record is HIDDEN
        else {"type": kind, "id": str(record.__dict__[key])}
    }


def _many(kind: str, key: str, records: Any, filtered: bool) -> dict[str, Any]:
    """The linkage of a loaded to-many relationship, or of a page of it; of a hidden one nothing is known."""
    if records is HIDDEN:
        return {"data": []}
    meta: dict[str, Any] = {"filtered": True} if filtered else {}
    shown: Sequence[Any] = records
    if isinstance(records, Page):
        page: Page[Any] = records  # pyright: ignore[reportUnknownVariableType]
        shown = page.items
        meta["page"] = page_meta(page)
        meta["page"] |= {
            name: cursor
            for name, cursor in (
                ("after", page.end_cursor if page.has_next else None),
                ("before", page.start_cursor if page.has_previous else None),
            )
            if cursor is not None
        }
    elif len(records) > INCLUDED_LIMIT:
        shown, meta = records[:INCLUDED_LIMIT], {**meta, "truncated": True}
    data = [{"type": kind, "id": str(each.__dict__[key])} for each in shown]
    return {"data": data, "meta": meta} if meta else {"data": data}


def page_meta(page: Page[Any]) -> dict[str, Any]:
    """What a document says about a page."""
    meta: dict[str, Any] = {"limit": page.limit}
    if page.offset is not None:
        meta["offset"] = page.offset
    if page.count is not None:
        meta["total"] = page.count
    return meta
