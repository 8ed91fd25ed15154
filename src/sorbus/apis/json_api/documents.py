"""Documents: from a read to the bytes of a JSON:API document.

`Documents` is the seam between the routes and whoever makes the documents. `RecordDocuments` makes them from
records; another implementation may let the database build them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from sorbus.apis.json_api.encoding import INCLUDED_LIMIT, page_meta
from sorbus.apis.json_api.paging import Paging
from sorbus.apis.json_api.related import Source, in_one_order, related_page, related_record
from sorbus.apis.json_api.views import View
from sorbus.errors.base import Forbidden
from sorbus.errors.inputs import InvalidCursor, InvalidPage, NotFound
from sorbus.query.keys import with_key
from sorbus.query.page import Page
from sorbus.query.query import Query
from sorbus.scope import Scope
from sorbus.types.hidden import HIDDEN
from sorbus.types.showing import to_json

VERSION = {"version": "1.1"}
_POSITION = ("page[after]", "page[before]", "page[offset]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Makes the links of a list: the request's own parameters with another position.

    Attributes:
        path: the path of the list.
        query: the query string of the request.
    """

    path: str
    query: str = ""

    @property
    def itself(self) -> str:
        """The link to what was asked for."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def at(self, **position: object) -> str:
        """The link to another page, as in `links.at(after=cursor)`."""
        kept = [each for each in self.query.split("&") if each and not _is_position(each)]
        kept += [f"page%5B{name}%5D={quote(str(value), safe='')}" for name, value in position.items()]
        return f"{self.path}?{'&'.join(kept)}" if kept else self.path


def _is_position(part: str) -> bool:
    name = part.partition("=")[0].replace("%5B", "[").replace("%5D", "]")
    return name.replace("%5b", "[").replace("%5d", "]") in _POSITION


class Documents(Protocol):
    """Makes the documents of reads and of what a write has written."""

    async def single(self, view: View, scope: Scope, key: Any, *, itself: str = "") -> bytes:
        """The document of the record with a key.

        Args:
            itself: the link to the document.

        Raises:
            NotFound: there is none that the actor may see.
            Forbidden: no policy allows the actor to read here.
        """
        ...

    async def listing(
        self, view: View, scope: Scope, query: Query[Any], *, paging: Paging, links: Links
    ) -> bytes:
        """The document of one page of a query."""
        ...

    async def written(self, view: View, scope: Scope, record: Any) -> bytes:
        """The document of a record that an action has just answered with."""
        ...

    async def related(
        self, view: View, scope: Scope, source: Source, query: Query[Any], *, paging: Paging, links: Links
    ) -> bytes:
        """The document of what a record's relationship leads to: one record, or a page of them."""
        ...

    async def linkage(
        self, scope: Scope, source: Source, query: Query[Any], *, kind: str, paging: Paging, links: Links
    ) -> bytes:
        """The document of a relationship: the identifiers of what it leads to."""
        ...


class RecordDocuments:
    """Documents made from records that the engine has read."""

    async def single(self, view: View, scope: Scope, key: Any, *, itself: str = "") -> bytes:
        """See `Documents.single`."""
        return _document(view, await self._record(view, scope, key), itself=itself)

    async def _record(self, view: View, scope: Scope, key: Any) -> Any:
        spec = view.exposed.spec
        runtime = scope.need_runtime()
        if view.plain:
            return await runtime.get(spec.python, scope, key)
        return await view.apply(with_key(spec, key, scope)).one()

    async def listing(
        self, view: View, scope: Scope, query: Query[Any], *, paging: Paging, links: Links
    ) -> bytes:
        """See `Documents.listing`."""
        records, page = await listed(view.apply(query), scope, paging)
        return _list_document(view, records, *about_list(page, links))

    async def related(
        self, view: View, scope: Scope, source: Source, query: Query[Any], *, paging: Paging, links: Links
    ) -> bytes:
        """See `Documents.related`."""
        query = view.apply(query)
        if source.relationship.to_many:
            query = in_one_order(source.relationship, query, view.exposed.spec.primary_key.name)
            page = await related_page(source, scope, query, paging)
            return _list_document(view, page.items, *about_list(page, links))
        record = await related_record(source, scope, query)
        if record is None:
            document: dict[str, Any] = {"data": None, "links": {"self": links.itself}, "jsonapi": VERSION}
            return to_json({**document, "included": []} if view.compound else document)
        return _document(view, record, itself=links.itself)

    async def linkage(
        self, scope: Scope, source: Source, query: Query[Any], *, kind: str, paging: Paging, links: Links
    ) -> bytes:
        """See `Documents.linkage`."""
        spec = scope.need_runtime().spec_of(query.resource)
        key = spec.primary_key.name
        if not source.relationship.to_many:
            record = await related_record(source, scope, query)
            data: Any = None if record is None else {"type": kind, "id": str(record.__dict__[key])}
            return to_json({"data": data, "links": source.links, "jsonapi": VERSION})
        page = await related_page(source, scope, in_one_order(source.relationship, query, key), paging)
        found = [{"type": kind, "id": str(each.__dict__[key])} for each in page.items]
        shown = {**page_links(page, links), "related": source.links["related"]}
        return to_json({"data": found, "links": shown, "meta": {"page": page_meta(page)}, "jsonapi": VERSION})

    async def written(self, view: View, scope: Scope, record: Any) -> bytes:
        """See `Documents.written`."""
        if not view.plain:
            key = record.__dict__[view.exposed.spec.primary_key.name]
            try:
                record = await self._record(view, scope, key)
            except (Forbidden, NotFound):
                # It is written, though the actor may not read it: the request has succeeded all the same.
                return to_json({"data": None, "jsonapi": VERSION})
        return _document(view, record)


async def listed(query: Query[Any], scope: Scope, paging: Paging) -> tuple[Sequence[Any], Page[Any] | None]:
    """The rows of a list, and the page that they are; None where the query says itself how many there are.

    Raises:
        InvalidPage, InvalidCursor: the page cannot be had.
    """
    if query.cut:
        if paging.given:
            raise InvalidPage("limit", paging.limit, allowed="nothing; this list has no pages")
        return await query.all(scope), None
    if paging.offset is not None:
        page = await query.offset_page(
            limit=paging.limit, offset=paging.offset, count=paging.count, scope=scope
        )
        return page.items, page
    try:
        page = await query.page(
            limit=paging.limit, after=paging.after, before=paging.before, count=paging.count, scope=scope
        )
    except InvalidCursor as error:
        error.path = ("query", "page[before]" if paging.before is not None else "page[after]")
        raise
    return page.items, page


def about_list(
    page: Page[Any] | None, links: Links
) -> tuple[Mapping[str, str | None], dict[str, Any] | None]:
    """The links of a list, and what it says about its page."""
    if page is None:
        return {"self": links.itself}, None
    return page_links(page, links), page_meta(page)


def page_links(page: Page[Any], links: Links) -> dict[str, str | None]:
    """The links of a page: to itself, to the first one, and to its neighbours."""
    if page.offset is None:
        following = page.has_next and page.end_cursor is not None
        preceding = page.has_previous and page.start_cursor is not None
        return {
            "self": links.itself,
            "first": links.at(),
            "prev": links.at(before=page.start_cursor) if preceding else None,
            "next": links.at(after=page.end_cursor) if following else None,
        }
    offset, limit = page.offset, page.limit
    shown: dict[str, str | None] = {
        "self": links.itself,
        "first": links.at(offset=0),
        "prev": links.at(offset=max(0, offset - limit)) if page.has_previous else None,
        "next": links.at(offset=offset + limit) if page.has_next else None,
    }
    if page.count is not None:
        shown["last"] = links.at(offset=max(0, (page.count - 1) // limit * limit))
    return shown


def _document(view: View, record: Any, *, itself: str = "") -> bytes:
    """The document of one record.

    Args:
        itself: the link to the document, where it is another than that to the record.
    """
    data = view.encode(record)
    links = {"self": itself} if itself else data.get("links")
    document: dict[str, Any] = {"data": data, "links": links, "jsonapi": VERSION}
    if links is None:
        del document["links"]
    if view.compound:
        document["included"] = _included(view, [record], [data])
    return to_json(document)


def _list_document(
    view: View, records: Sequence[Any], links: Mapping[str, str | None], meta: dict[str, Any] | None
) -> bytes:
    data = list(map(view.encode, records))
    document: dict[str, Any] = {"data": data, "links": links, "jsonapi": VERSION}
    if meta is not None:
        document["meta"] = {"page": meta}
    if view.compound:
        document["included"] = _included(view, records, data)
    return to_json(document)


def _included(view: View, records: Sequence[Any], primary: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The included resource objects, each once, whichever ways lead to it."""
    known: dict[tuple[str, str], dict[str, Any]] = {(each["type"], each["id"]): each for each in primary}
    found: list[dict[str, Any]] = []
    _gather(view, records, known, found.append)
    return found


def _gather(
    view: View,
    records: Sequence[Any],
    known: dict[tuple[str, str], dict[str, Any]],
    add: Callable[[dict[str, Any]], None],
) -> None:
    for name, child in view.children.items():
        related = _related(records, name)
        for record in related:
            made = child.encode(record)
            key = (made["type"], made["id"])
            there = known.get(key)
            if there is None:
                known[key] = made
                add(made)
            elif "relationships" in made:
                # Another way to the same record may have loaded other relationships.
                _merge(there.setdefault("relationships", {}), made["relationships"])
        _gather(child, related, known, add)


def _merge(known: dict[str, Any], other: dict[str, Any]) -> None:
    """Add the relationships of which more is known."""
    for name, each in other.items():
        if "data" in each or name not in known:
            known[name] = each


def _related(records: Sequence[Any], name: str) -> list[Any]:
    """The related records of many records, each once."""
    found: dict[int, Any] = {}
    for record in records:
        value = record.__dict__[name]
        if isinstance(value, Page):
            page: Page[Any] = value  # pyright: ignore[reportUnknownVariableType]
            found.update((id(each), each) for each in page.items)
        elif isinstance(value, list):
            rows: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
            found.update((id(each), each) for each in rows[:INCLUDED_LIMIT])
        elif value is not None and value is not HIDDEN:
            found[id(value)] = value
    return list(found.values())
