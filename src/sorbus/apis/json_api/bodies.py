"""Request documents: from JSON to the inputs of an action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

import msgspec

from sorbus.apis.json_api.routes import RouteKind, RouteSpec
from sorbus.apis.json_api.surface import Surface
from sorbus.errors.http import ClientIdRefused, IdConflict, InvalidDocument, MalformedBody, TypeConflict
from sorbus.errors.inputs import NoSuchInput
from sorbus.schema.fields import Cardinality, RelationshipSpec

MOST_UNKNOWN = 16
"""The most unknown attributes that are reported one by one."""

LONGEST_NAME = 200

_DATA = ("data",)


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs in a document.

    Attributes:
        values: by input name.
        linked: the relationship that an input was given by, for those that were not attributes.
    """

    values: dict[str, Any]
    linked: Mapping[str, str] = MappingProxyType({})


class BodyReader:
    """Reads the documents of one route; built once."""

    def __init__(self, route: RouteSpec, surface: Surface) -> None:
        self.route = route
        self.label = route.action.label
        self.type = route.exposed.type
        self.names = tuple(each.name for each in route.action.public_inputs)
        self.known = frozenset(self.names)
        self.relationships = {
            each.name: (each, surface.destination(each).type)
            for each in route.exposed.relationships.values()
            if each.cardinality is Cardinality.BELONGS_TO and each.source_attribute in self.known
        }
        key = route.exposed.spec.primary_key.name
        self.client_id = route.kind is RouteKind.CREATE and key not in self.known

    def read(self, body: bytes, *, key: str | None) -> Inputs:
        """The inputs in a body; an empty body has none.

        Args:
            key: the key in the path, for routes that are about one record.

        Raises:
            MalformedBody: it is no JSON.
            InvalidDocument: it is no JSON:API document with one resource object.
            TypeConflict, IdConflict, ClientIdRefused: the resource object is not one of this route.
            NoSuchInput: a relationship is no input of the action.
        """
        if not body.strip():
            return Inputs({})
        document = _decoded(body)
        if not isinstance(document, dict):
            raise InvalidDocument("it is no object")
        if "data" not in document:
            raise InvalidDocument('it has no `data`; it looks like {"data": {"attributes": {…}}}')
        data = _object(document["data"], _DATA)
        self._check_identity(data, key)
        attributes = _object(data.get("attributes", {}), (*_DATA, "attributes"))
        self._check_names(attributes)
        linkage = _object(data.get("relationships", {}), (*_DATA, "relationships"))
        if not linkage:
            return Inputs(attributes)
        linked = self._linked(linkage, attributes)
        values = {name: value for name, (_, value) in linked.items()}
        return Inputs({**attributes, **values}, {name: relation for name, (relation, _) in linked.items()})

    def _check_identity(self, data: dict[str, Any], key: str | None) -> None:
        if "type" in data and data["type"] != self.type:
            raise TypeConflict(data["type"], expected=self.type)
        if "id" not in data:
            return
        if self.client_id:
            raise ClientIdRefused(self.route.exposed.spec.name)
        if key is not None and data["id"] != key:
            raise IdConflict(data["id"], expected=key)

    def _check_names(self, attributes: dict[str, Any]) -> None:
        """Refuse at once what would make a long list of errors."""
        unknown = attributes.keys() - self.known
        if len(unknown) > MOST_UNKNOWN or any(len(name) > LONGEST_NAME for name in unknown):
            raise InvalidDocument(
                f"{len(unknown)} of its attributes are no inputs of {self.label}",
                at=(*_DATA, "attributes"),
                hint=f"Inputs: {', '.join(sorted(self.names)) or 'none'}.",
            )

    def _linked(self, linkage: dict[str, Any], attributes: dict[str, Any]) -> dict[str, tuple[str, Any]]:
        """The inputs given by relationships: by the key's attribute, the relationship and the value."""
        found: dict[str, tuple[str, Any]] = {}
        for name, given in linkage.items():
            at = (*_DATA, "relationships", name[:LONGEST_NAME])
            known = self.relationships.get(name)
            if known is None:
                error = NoSuchInput(self.label, name[:LONGEST_NAME], allowed=self.relationships)
                error.path = ("document", *at)
                raise error
            relationship, kind = known
            attribute = relationship.source_attribute
            if attribute in attributes:
                raise InvalidDocument(f"`{name}` is given twice: `{attribute}` is an attribute too", at=at)
            found[attribute] = (name, self._key(_object(given, at), relationship, kind, at))
        return found

    def _key(
        self, given: dict[str, Any], relationship: RelationshipSpec, kind: str, at: tuple[str, ...]
    ) -> Any:
        if "data" not in given:
            raise InvalidDocument(f"the relationship `{relationship.name}` has no `data`", at=at)
        if given["data"] is None:
            return None
        identifier = _object(given["data"], (*at, "data"))
        if identifier.get("type") != kind:
            raise TypeConflict(identifier.get("type"), expected=kind, at=(*at, "data", "type"))
        if not isinstance(identifier.get("id"), str):
            raise InvalidDocument(
                "a resource identifier needs an `id`, which is a text", at=(*at, "data", "id")
            )
        return identifier["id"]


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        text = str(error)
        raise MalformedBody(text[:1].lower() + text[1:]) from None
    except RecursionError:
        raise MalformedBody("it is nested too deeply") from None


def _object(value: Any, at: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidDocument(f"`{at[-1][:LONGEST_NAME]}` must be an object", at=at)
    return cast("dict[str, Any]", value)
