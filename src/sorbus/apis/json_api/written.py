"""Documents that the data layer has written: Python puts texts together, and no record is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sorbus.apis.json_api.documents import VERSION, Links, RecordDocuments, about_list, listed
from sorbus.apis.json_api.encoding import INCLUDED_LIMIT
from sorbus.apis.json_api.paging import Paging
from sorbus.apis.json_api.templates import Writing
from sorbus.apis.json_api.views import View
from sorbus.query.keys import with_key
from sorbus.query.query import Query
from sorbus.query.templates import Templates
from sorbus.schema.fields import Cardinality
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
        groups: for each included relationship the related rows by the key that leads to them; None where the actor
            may see none.
        children: the levels behind them.
    """

    view: View
    writing: Writing
    rows: Sequence[Row]
    groups: dict[str, dict[Any, list[Row]] | None] = field(default_factory=dict[str, Any])
    children: dict[str, _Level] = field(default_factory=dict[str, "_Level"])

    def texts(self) -> list[str]:
        """The resource objects."""
        starts, slots = self.writing.templates.starts, self.writing.slots
        first = 1 + len(starts)
        if not slots:
            return [row[first] for row in self.rows]
        linkages = [(1 + starts.index(name), self._linkage(name)) for name in slots]
        found: list[str] = []
        for row in self.rows:
            pieces: list[str] = [row[first]]
            for number, (start, linkage) in enumerate(linkages, first + 1):
                pieces += (linkage(row[start]), row[number])
            found.append("".join(pieces))
        return found

    def _linkage(self, name: str) -> Callable[[Any], str]:
        """What a relationship object says, by the key that leads on; of a hidden relationship nothing."""
        groups = self.groups[name]
        before = f'{{"type":{to_json(self.children[name].view.exposed.type).decode()},"id":"'
        if not self.view.exposed.spec.relationships[name].to_many:

            def one(start: Any) -> str:
                found = groups.get(start) if groups is not None else None
                return f'"data":{before}{found[0][0]}"}}' if found else '"data":null'

            return one
        filtered = ('"filtered":true',) if self.view.included[name].conditions else ()

        def many(start: Any) -> str:
            if start is None or groups is None:
                return '"data":[]'
            found = groups.get(start, ())
            data = ",".join([f'{before}{row[0]}"}}' for row in found[:INCLUDED_LIMIT]])
            about = (*filtered, '"truncated":true') if len(found) > INCLUDED_LIMIT else filtered
            meta = f',"meta":{{{",".join(about)}}}' if about else ""
            return f'"data":[{data}]{meta}'

        return many

    def below(self) -> Iterator[_Level]:
        """Every level behind this one, from the top down."""
        for each in self.children.values():
            yield each
            yield from each.below()


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
        level = await _level(view, writing, [await _asked(view, writing, query).one()], scope)
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
        rows, page = await listed(_asked(view, writing, query), scope, paging)
        level = await _level(view, writing, rows, scope)
        around, meta = about_list(page, links)
        return _document(level, f"[{','.join(level.texts())}]", around, meta)

    def _writing(self, view: View, query: Query[Any], scope: Scope) -> Writing | None:
        """How the rows of a query are written for a view; None where records are needed."""
        if query.parts or not _once(view, {}):
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


def _once(view: View, known: dict[str, View]) -> bool:
    """Whether each record looks the same wherever it stands: nothing that is shown differently comes twice."""
    there = known.setdefault(view.exposed.type, view)
    if there is not view and (view.children or there.children or there.writing is not view.writing):
        return False
    return all(_once(each, known) for each in view.children.values())


def _asked(view: View, writing: Writing, query: Query[Any]) -> Query[Any]:
    return replace(query, loads=query.loads + view.derived, templates=writing.templates)


async def _level(view: View, writing: Writing, rows: Sequence[Row], scope: Scope) -> _Level:
    """Rows with everything that is included below them, one statement for each relationship."""
    level = _Level(view, writing, rows)
    spec = view.exposed.spec
    for place, ((name, child), item) in enumerate(
        zip(view.children.items(), view.related, strict=True), start=1
    ):
        inner = child.writing
        assert inner is not None
        groups: dict[Any, list[Row]] | None = {}
        if rows:
            keys = list(dict.fromkeys(row[place] for row in rows if row[place] is not None))
            query = _asked(child, inner, replace(item.query, loads=()))
            relationship = spec.relationships[name]
            found = await scope.need_runtime().related_texts(spec.python, relationship, query, keys, scope)
            groups = None if found is None else _grouped(found)
        level.groups[name] = groups
        related = _distinct(rows, place, groups) if groups else ()
        level.children[name] = await _level(child, inner, related, scope)
    return level


def _grouped(found: Sequence[tuple[Any, Row]]) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = {}
    for start, row in found:
        groups.setdefault(start, []).append(row)
    return groups


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
    found: dict[tuple[str, Any], str] = {}
    for each in level.below():
        kind = each.view.exposed.type
        for row, text in zip(each.rows, each.texts(), strict=True):
            found.setdefault((kind, row[0]), text)
    return list(found.values())
