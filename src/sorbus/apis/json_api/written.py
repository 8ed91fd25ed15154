"""Documents that the data layer has written: Python puts texts together, and no record is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sorbus.apis.json_api.documents import VERSION, Links, RecordDocuments, about_list, listed
from sorbus.apis.json_api.encoding import INCLUDED_LIMIT, INCLUDED_MOST
from sorbus.apis.json_api.paging import Paging
from sorbus.apis.json_api.templates import Writing
from sorbus.apis.json_api.views import View, from_one
from sorbus.query.keys import with_key
from sorbus.query.page import Page
from sorbus.query.query import LoadItem, Query
from sorbus.query.templates import Templates
from sorbus.schema.fields import Cardinality, RelationshipSpec
from sorbus.scope import Scope
from sorbus.types.showing import to_json

Row = Sequence[Any]
"""A key, the keys that lead on from it, and the texts."""

_VERSION = b',"jsonapi":' + to_json(VERSION)
_LARGEST_CACHE = 2000


@dataclass(slots=True)
class _Level:
    """The rows of one view in a document, each once.

    Attributes:
        rows: behind the texts, the objects of nested records and how many there are.
        groups: for each included relationship the related rows by the key that leads to them; None where the actor
            may see none.
        gathered: for some of them the identifiers and the objects of all related rows instead, as one text each.
        children: the levels behind the others.
    """

    view: View
    writing: Writing
    rows: Sequence[Row]
    groups: dict[str, dict[Any, list[Row]] | None] = field(default_factory=dict[str, Any])
    gathered: dict[str, dict[Any, tuple[str, str]]] = field(default_factory=dict[str, Any])
    children: dict[str, _Level] = field(default_factory=dict[str, "_Level"])

    def texts(self) -> list[str]:
        """The resource objects."""
        starts, slots = self.writing.templates.starts, self.writing.slots
        first = 1 + len(starts)
        if not slots:
            return [row[first] for row in self.rows]
        linkages = [(1 + starts.index(name), self._linkage(name)) for name in slots]
        if len(linkages) == 1:
            ((start, linkage),) = linkages
            return [f"{row[first]}{linkage(row[start])}{row[first + 1]}" for row in self.rows]
        found: list[str] = []
        for row in self.rows:
            pieces: list[str] = [row[first]]
            for number, (start, linkage) in enumerate(linkages, first + 1):
                pieces += (linkage(row[start]), row[number])
            found.append("".join(pieces))
        return found

    def _linkage(self, name: str) -> Callable[[Any], str]:
        """What a relationship object says, by the key that leads on; of a hidden relationship nothing."""
        many = self.view.exposed.spec.relationships[name].to_many
        filtered = ('"filtered":true',) if self.view.included[name].conditions else ()
        if name in self.gathered:
            return _together(self.gathered[name], filtered)
        groups = self.groups[name]
        before = f'{{"type":{to_json(self.children[name].view.exposed.type).decode()},"id":"'
        if not many:

            def one(start: Any) -> str:
                found = groups.get(start) if groups is not None else None
                return f'"data":{before}{found[0][0]}"}}' if found else '"data":null'

            return one

        def several(start: Any) -> str:
            if start is None or groups is None:
                return '"data":[]'
            found = groups.get(start, ())
            data = ",".join([f'{before}{row[0]}"}}' for row in found[:INCLUDED_LIMIT]])
            return _list(data, (*filtered, '"truncated":true') if len(found) > INCLUDED_LIMIT else filtered)

        return several

    def included(self) -> Iterator[tuple[str, Any, str]]:
        """The resource objects behind this level, each with its type and key, or those of one row together."""
        starts, slots = self.writing.templates.starts, self.writing.slots
        for place, name in enumerate(self.writing.nested, 2 + len(starts) + len(slots)):
            kind = f"all {name}"
            yield from ((kind, row[0], row[place]) for row in self.rows if row[place])
        for place, name in enumerate(starts, 1):
            together = self.gathered.get(name)
            if together is not None:
                kind, keys = f"all {name}", dict.fromkeys(row[place] for row in self.rows)
                yield from ((kind, key, together[key][1]) for key in keys if key in together)
                continue
            child = self.children[name]
            kind = child.view.exposed.type
            yield from ((kind, row[0], text) for row, text in zip(child.rows, child.texts(), strict=True))
            yield from child.included()


def _list(data: str, about: Sequence[str]) -> str:
    meta = f',"meta":{{{",".join(about)}}}' if about else ""
    return f'"data":[{data}]{meta}'


def _together(gathered: dict[Any, tuple[str, str]], about: Sequence[str]) -> Callable[[Any], str]:
    """What a relationship object says whose related rows came as one text."""

    def several(start: Any) -> str:
        found = gathered.get(start)
        return _list("" if found is None else found[0], () if start is None else about)

    return several


class WrittenDocuments(RecordDocuments):
    """Documents from texts of the data layer where it can write them, and from records elsewhere."""

    def __init__(self) -> None:
        self._writable: dict[tuple[Templates, str], bool] = {}

    async def single(self, view: View, scope: Scope, key: Any, *, itself: str = "") -> bytes:
        """See `Documents.single`."""
        query = with_key(view.exposed.spec, key, scope)
        # A record with nothing around it is encoded as quickly.
        writing = self._writing(view, query, scope) if view.related else None
        if writing is None:
            return await super().single(view, scope, key, itself=itself)

        async def one(query: Query[Any]) -> tuple[Sequence[Row], None]:
            return [await query.one()], None

        writing, rows, _ = await _read(view, writing, query, scope, 1, one)
        level = await _level(view, writing, rows, scope.need_runtime().reaching(query, scope), view.alone)
        (text,) = level.texts()
        links = {"self": itself} if itself else None
        return _document(level, text, links)

    async def listing(
        self, view: View, scope: Scope, query: Query[Any], *, paging: Paging, links: Links
    ) -> bytes:
        """See `Documents.listing`."""
        writing = self._writing(view, query, scope)
        if writing is None:
            return await super().listing(view, scope, query, paging=paging, links=links)
        most = (
            query.take if query.cut else view.exposed.spec.actions[query.action].page.limit_of(paging.limit)
        )
        writing, rows, page = await _read(
            view, writing, query, scope, most, lambda query: listed(query, scope, paging)
        )
        level = await _level(view, writing, rows, scope.need_runtime().reaching(query, scope), view.alone)
        around, meta = about_list(page, links)
        return _document(level, f"[{','.join(level.texts())}]", around, meta)

    def _writing(self, view: View, query: Query[Any], scope: Scope) -> Writing | None:
        """How the rows of a query are written for a view; None where records are needed."""
        if query.parts or not view.alike:
            return None
        return view.writing if self._writes(view, query, scope) else None

    def _writes(self, view: View, query: Query[Any], scope: Scope) -> bool:
        if view.writing is None:
            return False
        templates = view.writing.templates
        key = (templates, query.action)
        known = self._writable.get(key)
        if known is None:
            if len(self._writable) >= _LARGEST_CACHE:
                self._writable.clear()
            known = self._writable[key] = scope.need_runtime().writes(query, templates.names)
        if not known:
            return False
        relationships = view.exposed.spec.relationships
        return all(
            item.page is None
            and relationships[name].cardinality is not Cardinality.MANUAL
            and self._writes(child, item.query, scope)
            for (name, child), item in zip(view.children.items(), view.related, strict=True)
        )


async def _read(
    view: View,
    writing: Writing,
    query: Query[Any],
    scope: Scope,
    most: int | None,
    read: Callable[[Query[Any]], Awaitable[tuple[Sequence[Row], Page[Any] | None]]],
) -> tuple[Writing, Sequence[Row], Page[Any] | None]:
    """The rows of a query and how they are written: with related records where one statement can do that.

    Args:
        most: the most rows that there may be; None when that is not known.
    """
    if view.together is not None and most is not None:
        # Those that come together are not counted before they are there, so that none may have very many.
        least = min(INCLUDED_LIMIT, INCLUDED_MOST // max(1, most))
        loads = [_inside(view, name, least) for name in view.together.nested]
        nested = query.written(view.together.templates, *query.loads, *view.derived, *loads)
        if scope.need_runtime().nests(nested, scope):
            rows, page = await read(nested)
            count = len(loads)
            if all(number <= least for row in rows for number in row[-count:]):
                return view.together, rows, page
    rows, page = await read(query.written(writing.templates, *query.loads, *view.derived))
    return writing, rows, page


def _inside(view: View, name: str, least: int) -> LoadItem:
    """The related records that the statement of a view writes: one more of each than it may have."""
    item = next(each for each in view.related if each.target.name == name)
    child = view.children[name]
    assert child.writing is not None
    assert child.writing.gathered is not None
    return LoadItem(
        target=item.target, query=item.query.limit(least + 1).written(child.writing.gathered, *child.derived)
    )


async def _level(
    view: View, writing: Writing, rows: Sequence[Row], scope: Scope, alone: frozenset[str]
) -> _Level:
    """Rows with everything that is included below them, one statement for each relationship.

    Args:
        alone: the types that come in one place of the document only.
    """
    level = _Level(view, writing, rows)
    items = {item.target.name: item for item in view.related}
    for place, name in enumerate(writing.templates.starts, start=1):
        child, item = view.children[name], items[name]
        inner = child.writing
        assert inner is not None
        way = _Way(view, name, child, item.query, scope)
        keys = list(dict.fromkeys(row[place] for row in rows if row[place] is not None))
        if rows and inner.gathered is not None and child.exposed.type in alone and from_one(way.relationship):
            together = await way.gathered(inner.gathered, keys)
            if together is not None:
                level.gathered[name] = together
                continue
        groups = await way.groups(inner.templates, keys) if rows else {}
        level.groups[name] = groups
        related = _distinct(rows, place, groups) if groups else ()
        further = scope.need_runtime().reaching(item.query, scope)
        level.children[name] = await _level(child, inner, related, further, alone)
    return level


@dataclass(frozen=True, slots=True)
class _Way:
    """What leads from one level to the next."""

    view: View
    name: str
    child: View
    query: Query[Any]
    scope: Scope

    @property
    def relationship(self) -> RelationshipSpec:
        """The relationship."""
        return self.view.exposed.spec.relationships[self.name]

    async def _texts(
        self, query: Query[Any], templates: Templates, keys: list[Any]
    ) -> list[tuple[Any, Row]] | None:
        found: list[tuple[Any, Row]] | None = await self.scope.need_runtime().related_texts(
            self.view.exposed.spec.python,
            self.relationship,
            query.written(templates, *self.child.derived),
            keys,
            self.scope,
            most=INCLUDED_MOST,
        )
        return found

    async def groups(self, templates: Templates, keys: list[Any]) -> dict[Any, list[Row]] | None:
        """The related rows by the keys that lead to them; None where the actor may see none."""
        found = await self._texts(self.query, templates, keys)
        if found is None:
            return None
        groups: dict[Any, list[Row]] = {}
        for start, row in found:
            groups.setdefault(start, []).append(row)
        return groups

    async def gathered(self, templates: Templates, keys: list[Any]) -> dict[Any, tuple[str, str]] | None:
        """The identifiers and objects behind each key; None where there are too many, or the actor may see none."""
        # Those that come together are not counted before they are there, so that none may have very many.
        least = min(INCLUDED_LIMIT, INCLUDED_MOST // max(1, len(keys)))
        found = await self._texts(self.query.limit(least + 1), templates, keys)
        if found is None or any(number > least for _, (number, _, _) in found):
            return None
        return {start: (identifiers, objects) for start, (_, identifiers, objects) in found}


def _distinct(rows: Sequence[Row], place: int, groups: dict[Any, list[Row]]) -> list[Row]:
    """The related rows that are included, each once, in the order of the rows that lead to them."""
    found: dict[Any, Row] = {}
    for row in rows:
        for each in groups.get(row[place], ())[:INCLUDED_LIMIT]:
            found.setdefault(each[0], each)
    return list(found.values())


def _document(level: _Level, data: str, links: Any, meta: dict[str, Any] | None = None) -> bytes:
    pieces = [b'{"data":', data.encode()]
    if links is not None:
        pieces += (b',"links":', to_json(links))
    pieces.append(_VERSION)
    if meta is not None:
        pieces += (b',"meta":', to_json({"page": meta}))
    if level.view.compound:
        pieces += (b',"included":[', ",".join(_included(level)).encode(), b"]")
    return b"".join((*pieces, b"}"))


def _included(level: _Level) -> list[str]:
    """The included resource objects, each once, whichever ways lead to it."""
    nested = level.writing.nested
    if len(nested) == 1 and not level.writing.templates.starts:  # each belongs to one row
        place = 2 + len(level.writing.slots)
        return [text for row in level.rows if (text := row[place])]
    found: dict[tuple[str, Any], str] = {}
    for kind, key, text in level.included():
        found.setdefault((kind, key), text)
    return list(found.values())
