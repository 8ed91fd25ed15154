"""Request documents: from JSON to the inputs of an action."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from sorbus.apis.json_api.linkages import Link
from sorbus.apis.json_api.routes import RouteKind, RouteSpec
from sorbus.errors.http import (
    ClientIdRefused,
    IdConflict,
    InvalidDocument,
    RelationshipNotTaken,
    TypeConflict,
)
from sorbus.errors.inputs import NoSuchInput
from sorbus.http.bodies import json_of

MOST_UNKNOWN = 16
"""The most unknown attributes that are reported one by one."""

LONGEST_NAME = 200

_DATA = ("data",)

At = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """How an input was given by resource identifiers, so that errors can point to them.

    Attributes:
        at: where the identifier stands, or the list of them.
        several: whether it is a list.
    """

    at: At
    several: bool = False

    def pointer(self, inside: At) -> At:
        """Where in the document a fault lies, from where in the input it lies."""
        if not self.several:
            return (*self.at, "id")
        return (*self.at, inside[0], "id") if inside and isinstance(inside[0], int) else self.at


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs in a document.

    Attributes:
        values: by input name.
        linked: the inputs that were given by resource identifiers.
    """

    values: dict[str, Any]
    linked: Mapping[str, Given] = MappingProxyType({})


class BodyReader:
    """Reads the documents of one route; built once."""

    def __init__(self, route: RouteSpec) -> None:
        self.route = route
        self.label = route.action.label
        self.type = route.exposed.type
        names = route.exposed.names
        inputs = [each.name for each in route.action.public_inputs]
        self.client_id = route.client_id
        # A client's id is a member of its own, never an attribute.
        self.own = {names.wire(each): each for each in inputs if each != self.client_id}
        # The engine takes these from code only: it cannot tell where they come from.
        self.private = frozenset(each.name for each in route.action.inputs if not each.public)
        self.links = {names.wire(name): link for name, link in route.links.items()}
        self.relationships = frozenset(map(names.wire, route.exposed.relationships))

    def read(self, body: bytes, *, key: str | None) -> Inputs:
        """The inputs in a body; an empty body has none.

        Args:
            key: the key in the path, for routes that are about one record.

        Raises:
            MalformedBody: it is no JSON.
            InvalidDocument: it is no JSON:API document with one resource object.
            TypeConflict, IdConflict, ClientIdRefused: the resource object is not one of this route.
            RelationshipNotTaken: a relationship of the resource is no input of the action.
            NoSuchInput: something that is none is among the relationships.
        """
        if not body.strip():
            return Inputs({})
        document = _document(body)
        if not document and self.route.kind is RouteKind.DESTROY:
            # Some clients send an empty object with every DELETE.
            return Inputs({})
        data = _object(_primary(document), _DATA)
        given = self._identity(data, key)
        attributes = _members(data.get("attributes", {}), (*_DATA, "attributes"))
        self._check_names(attributes)
        values: dict[str, Any] = {self.own.get(name, name): value for name, value in attributes.items()}
        linkage = _members(data.get("relationships", {}), (*_DATA, "relationships"))
        linked = self._linked(linkage, attributes)
        return Inputs(
            {**values, **given, **{name: value for name, (value, _) in linked.items()}},
            {name: where for name, (_, where) in linked.items()},
        )

    def read_linkage(self, body: bytes) -> Inputs:
        """The input in the document of a relationship.

        Raises:
            MalformedBody: it is no JSON.
            InvalidDocument: its data are not the resource identifiers that the relationship takes.
            TypeConflict: an identifier is of another type.
        """
        (link,) = (each for each in self.links.values() if each.relationship is self.route.relationship)
        value = _keys(_primary(_document(body)), link, _DATA)
        return Inputs({link.input.name: value}, {link.input.name: Given(_DATA, link.several)})

    def _identity(self, data: dict[str, Any], key: str | None) -> dict[str, Any]:
        """Check type and id; a client's id is an input where the action takes one."""
        if "type" in data and data["type"] != self.type:
            raise TypeConflict(data["type"], expected=self.type)
        if "lid" in data and not isinstance(data["lid"], str):
            raise InvalidDocument("a `lid` is a text", at=(*_DATA, "lid"))
        if "id" not in data:
            return {}
        if not isinstance(data["id"], str):
            raise InvalidDocument("an `id` is a text", at=(*_DATA, "id"))
        if self.client_id is not None:
            return {self.client_id: data["id"]}
        if self.route.kind is RouteKind.CREATE:
            raise ClientIdRefused(self.route.exposed.spec.name)
        if key is not None and data["id"] != key:
            raise IdConflict(data["id"], expected=key)
        return {}

    def _check_names(self, attributes: dict[str, Any]) -> None:
        """Refuse at once what would make a long list of errors."""
        unknown = attributes.keys() - self.own.keys()
        if len(unknown) > MOST_UNKNOWN or any(len(name) > LONGEST_NAME for name in unknown):
            raise InvalidDocument(
                f"{len(unknown)} of its attributes are no inputs of {self.label}",
                at=(*_DATA, "attributes"),
                hint=f"Inputs: {', '.join(sorted(self.own)) or 'none'}.",
            )
        declared = set(self.own.values())
        for name in unknown:
            if name in self.private:
                allowed = {each.name: each for each in self.route.action.public_inputs}
                raise self._no_such_input(name, (*_DATA, "attributes", name), allowed)
            if name == self.client_id or name in declared:
                # Spelled as in the declaration, it would be taken for the input itself.
                raise self._no_such_input(name, (*_DATA, "attributes", name), self.own)

    def _no_such_input(self, name: str, at: At, allowed: Mapping[str, Any]) -> NoSuchInput:
        error = NoSuchInput(self.label, name[:LONGEST_NAME], allowed=allowed)
        error.path = ("document", *at)
        return error

    def _linked(self, linkage: dict[str, Any], attributes: dict[str, Any]) -> dict[str, tuple[Any, Given]]:
        """The inputs given by relationships: the value, and where it stands."""
        found: dict[str, tuple[Any, Given]] = {}
        for name, given in linkage.items():
            at = (*_DATA, "relationships", name[:LONGEST_NAME])
            link = self.links.get(name)
            if link is None:
                if name in self.relationships:
                    raise RelationshipNotTaken(self.label, name, at=at, allowed=self.links)
                raise self._no_such_input(name, at, self.links)
            own = link.input.name
            written = self.route.exposed.names.wire(own)
            if written in attributes:
                raise InvalidDocument(f"`{name}` is given twice: `{written}` is an attribute too", at=at)
            body = _object(given, at)
            if "data" not in body:
                raise InvalidDocument(f"the relationship `{name}` has no `data`", at=at)
            found[own] = (_keys(body["data"], link, (*at, "data")), Given((*at, "data"), link.several))
        return found


def _keys(data: Any, link: Link, at: At) -> Any:
    """The value of an input from resource identifiers."""
    if not link.several:
        return None if data is None else _key(data, link, at)
    if not isinstance(data, list):
        problem = f"`{link.relationship.name}` leads to several records, so its `data` is a list"
        raise InvalidDocument(problem, at=at)
    items = cast("Sequence[Any]", data)
    return [_key(each, link, (*at, place)) for place, each in enumerate(items)]


def _key(data: Any, link: Link, at: At) -> Any:
    if isinstance(data, list) and not link.several:
        raise InvalidDocument(
            f"`{link.relationship.name}` leads to one record, so its `data` is no list", at=at
        )
    identifier = _object(data, at)
    if identifier.get("type") != link.destination.type:
        raise TypeConflict(identifier.get("type"), expected=link.destination.type, at=(*at, "type"))
    if "lid" in identifier and "id" not in identifier:
        raise InvalidDocument(
            "a `lid` names a record that the same request makes, and this makes one only", at=(*at, "lid")
        )
    text = identifier.get("id")
    if not isinstance(text, str):
        raise InvalidDocument("a resource identifier needs an `id`, which is a text", at=(*at, "id"))
    if not link.items:
        return _typed(text, link)
    meta = _object(identifier.get("meta", {}), (*at, "meta"))
    return {**meta, link.destination.spec.primary_key.name: text}


def _typed(text: str, link: Link) -> Any:
    """The key in its own type; a text that is none is left to the action to refuse."""
    if link.key.python is str:
        return text
    try:
        return link.key.adapter.validate_strings(text)
    except ValueError:
        return text


def _document(body: bytes) -> dict[str, Any]:
    found = json_of(body)
    if not isinstance(found, dict):
        raise InvalidDocument("it is no object")
    return cast("dict[str, Any]", found)


def _primary(document: dict[str, Any]) -> Any:
    """The primary data of a document."""
    if "data" not in document:
        raise InvalidDocument('it has no `data`; it looks like {"data": {"attributes": {…}}}')
    return document["data"]


def _object(value: Any, at: At) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidDocument(f"`{str(at[-1])[:LONGEST_NAME]}` must be an object", at=at)
    return cast("dict[str, Any]", value)


def _members(value: Any, at: At) -> dict[str, Any]:
    """The members of an object; those whose names begin with `@` are none of JSON:API, wherever they stand."""
    found = _object(value, at)
    if not any(name.startswith("@") for name in found):
        return found
    return {name: each for name, each in found.items() if not name.startswith("@")}
