"""Related records: read through the record that they belong to, so that its policies and theirs hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sorbus.apis.json_api.paging import Paging
from sorbus.apis.json_api.surface import Exposed
from sorbus.errors.access import HiddenField
from sorbus.errors.inputs import InvalidCursor
from sorbus.query.page import Page
from sorbus.query.query import LoadItem, Query
from sorbus.schema.fields import RelationshipSpec
from sorbus.schema.ways import looks_around
from sorbus.scope import Scope
from sorbus.types.hidden import HIDDEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The record whose related ones are asked for.

    Attributes:
        path: the path of the record.
    """

    exposed: Exposed
    relationship: RelationshipSpec
    key: Any
    path: str

    @property
    def name(self) -> str:
        """The relationship's name."""
        return self.relationship.name

    @property
    def links(self) -> dict[str, str]:
        """The links of the relationship itself."""
        wire = self.exposed.names.wire(self.name)
        return {"self": f"{self.path}/relationships/{wire}", "related": f"{self.path}/{wire}"}


def in_one_order(relationship: RelationshipSpec, query: Query[Any], key: str) -> Query[Any]:
    """The query in an order that pages can be cut from: what sorts by the row between cannot."""
    if query.sorts or not looks_around(relationship.order):
        return query
    return query.order_by(getattr(query.resource, key))


async def related_page(source: Source, scope: Scope, query: Query[Any], paging: Paging) -> Page[Any]:
    """A page of the records that a to-many relationship leads to.

    Raises:
        NotFound: the record is not there, or the actor may not see it.
        Forbidden: the actor may not read what is related at all.
        InvalidCursor, InvalidPage: the page cannot be had.
    """
    try:
        found = await _load(source, scope, LoadItem(target=None, query=query, page=paging.nested))
    except InvalidCursor as error:
        error.path = ("query", "page[before]" if paging.before is not None else "page[after]")
        raise
    page: Page[Any] = found
    return page


async def related_record(source: Source, scope: Scope, query: Query[Any]) -> Any:
    """The record that a to-one relationship leads to, or None.

    Raises:
        NotFound: the record is not there, or the actor may not see it.
        Forbidden: the actor may not read what is related at all.
    """
    return await _load(source, scope, LoadItem(target=None, query=query))


async def _load(source: Source, scope: Scope, item: LoadItem) -> Any:
    spec = source.exposed.spec
    python = spec.python
    load = LoadItem(target=getattr(python, source.name), query=item.query, page=item.page)
    condition = getattr(python, spec.primary_key.name) == source.key
    query: Query[Any] = Query(resource=python, scope=scope, conditions=(condition,), loads=(load,))
    record = await query.one()
    found = record.__dict__[source.name]
    if found is HIDDEN:
        raise HiddenField(spec.name, source.name)
    return found
