"""Views: which fields and related records of a resource a response shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from sorbus.apis.json_api.encoding import INCLUDED_LIMIT, Encode, EncoderFactory
from sorbus.apis.json_api.surface import Exposed, IncludePath
from sorbus.query.query import LoadItem, Query
from sorbus.resource.relationships import Relationship

FieldSets = Mapping[str, frozenset[str]]
"""The sparse fieldsets of a request, by type."""

NO_FIELD_SETS: FieldSets = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a response shows of one resource.

    Attributes:
        encode: from a loaded record to its resource object.
        children: the views of included relationships, by name.
        loads: what a query must load along.
    """

    exposed: Exposed
    encode: Encode
    children: Mapping[str, View]
    loads: tuple[LoadItem, ...]

    @property
    def plain(self) -> bool:
        """Whether the record's own attributes are enough."""
        return not self.loads

    def apply[R](self, query: Query[R]) -> Query[R]:
        """The query with everything loaded that the view shows."""
        return replace(query, loads=query.loads + self.loads) if self.loads else query


def view_of(
    encoders: EncoderFactory, exposed: Exposed, *, fields: FieldSets, includes: frozenset[IncludePath]
) -> View:
    """The view of a resource with its includes, from the top down."""
    heads = sorted({path[0] for path in includes})
    children: dict[str, View] = {}
    shown = fields.get(exposed.type)
    python = exposed.spec.python
    loads = [
        LoadItem(target=getattr(python, name))
        for name in exposed.derived
        if shown is not None and name in shown
    ]
    for name in heads:
        relationship = exposed.spec.relationships[name]
        beyond = frozenset(path[1:] for path in includes if path[0] == name and len(path) > 1)
        destination = encoders.surface.destination(relationship)
        child = children[name] = view_of(encoders, destination, fields=fields, includes=beyond)
        query: Query[Any] = child.apply(Query(resource=destination.spec.python))
        if relationship.to_many:
            query = query.limit(INCLUDED_LIMIT + 1)
        target: Relationship[Any] = getattr(python, name)
        loads.append(LoadItem(target=target, query=query))
    return View(
        exposed=exposed,
        encode=encoders.encoder(exposed, shown, frozenset(heads)),
        children=MappingProxyType(children),
        loads=tuple(loads),
    )
