"""Views: which fields and related records of a resource a response shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from sorbus.apis.json_api.encoding import INCLUDED_LIMIT, Encode, EncoderFactory
from sorbus.apis.json_api.paging import Paging
from sorbus.apis.json_api.related import in_one_order
from sorbus.apis.json_api.surface import Exposed, IncludePath
from sorbus.expressions.build import Expr, Sort
from sorbus.query.query import LoadItem, Query
from sorbus.resource.relationships import Relationship

FieldSets = Mapping[str, frozenset[str]]
"""The sparse fieldsets of a request, by type."""

NO_FIELD_SETS: FieldSets = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Included:
    """What a request says about the related records of an include path.

    Attributes:
        page: the page of each record's related ones; None includes them all, up to a limit.
    """

    conditions: tuple[Expr[bool], ...] = ()
    sorts: tuple[Sort, ...] = ()
    page: Paging | None = None

    def apply(self, query: Query[Any]) -> Query[Any]:
        """The query with its conditions and order."""
        if self.conditions:
            query = query.where(*self.conditions)
        return query.order_by(*self.sorts) if self.sorts else query


ALL_RELATED = Included()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a response shows of one resource.

    Attributes:
        encode: from a loaded record to its resource object.
        children: the views of included relationships, by name.
        loads: what a query must load along.
        compound: whether the document has `included`, even when nothing is.
    """

    exposed: Exposed
    encode: Encode
    children: Mapping[str, View]
    loads: tuple[LoadItem, ...]
    compound: bool = False

    @property
    def plain(self) -> bool:
        """Whether the record's own attributes are enough."""
        return not self.loads

    def apply[R](self, query: Query[R]) -> Query[R]:
        """The query with everything loaded that the view shows."""
        return replace(query, loads=query.loads + self.loads) if self.loads else query


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRequest:
    """What a request says about what is shown."""

    fields: FieldSets = NO_FIELD_SETS
    includes: frozenset[IncludePath] = frozenset()
    included: Mapping[IncludePath, Included] = MappingProxyType({})
    compound: bool = False


def view_of(encoders: EncoderFactory, exposed: Exposed, wanted: ViewRequest) -> View:
    """The view of a resource with its includes, from the top down."""
    return replace(_view(encoders, exposed, wanted, wanted.includes, ()), compound=wanted.compound)


def _view(
    encoders: EncoderFactory,
    exposed: Exposed,
    wanted: ViewRequest,
    includes: frozenset[IncludePath],
    here: IncludePath,
) -> View:
    heads = sorted({path[0] for path in includes})
    children: dict[str, View] = {}
    shown = wanted.fields.get(exposed.type)
    python = exposed.spec.python
    loads = [
        LoadItem(target=getattr(python, name))
        for name in exposed.derived
        if shown is not None and name in shown
    ]
    filtered: set[str] = set()
    for name in heads:
        relationship = exposed.spec.relationships[name]
        beyond = frozenset(path[1:] for path in includes if path[0] == name and len(path) > 1)
        destination = encoders.surface.destination(relationship)
        child = children[name] = _view(encoders, destination, wanted, beyond, (*here, name))
        said = wanted.included.get((*here, name), ALL_RELATED)
        query: Query[Any] = said.apply(child.apply(Query(resource=destination.spec.python)))
        if said.conditions:
            filtered.add(name)
        if relationship.to_many:
            if said.page is None:
                query = query.limit(INCLUDED_LIMIT + 1)
            else:
                query = in_one_order(relationship, query, destination.spec.primary_key.name)
        target: Relationship[Any] = getattr(python, name)
        page = None if said.page is None else said.page.nested
        loads.append(LoadItem(target=target, query=query, page=page))
    return View(
        exposed=exposed,
        encode=encoders.encoder(exposed, shown, frozenset(heads), frozenset(filtered)),
        children=MappingProxyType(children),
        loads=tuple(loads),
    )
