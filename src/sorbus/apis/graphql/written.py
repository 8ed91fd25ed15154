"""Lists of records that the data layer has written, where their selection needs no Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from sorbus.apis.graphql.plans import Plan, Way
from sorbus.query.query import LoadItem, Query
from sorbus.query.templates import Templates
from sorbus.schema.fields import Cardinality
from sorbus.scope import Scope

Row = Sequence[Any]
"""A key, the keys that lead on from it, and the texts."""


def can_write(plan: Plan, query: Query[Any], scope: Scope) -> bool:
    """Whether the data layer can write everything that a query shows of its rows."""
    writing = plan.writing
    if writing is None or writing.needs_python or query.parts or plan.calls:
        return False
    known = writing.writable.get(query.action)
    if known is None:
        found: bool = scope.need_runtime().writes(query, writing.templates.names)
        known = found and all(can_write(way.plan, way.plan.rows, scope) for way in writing.ways)
        writing.writable[query.action] = known
    return known


@dataclass(frozen=True, slots=True)
class Written:
    """How the records of a query are read as texts.

    Attributes:
        query: answers with rows of texts.
        filled: the query as the plan has filled it, with what it loads along.
        together: whether one statement writes everything.
    """

    plan: Plan
    query: Query[Any]
    filled: Query[Any]
    together: bool

    async def texts(self, rows: Sequence[Row], scope: Scope) -> list[str]:
        """The records of rows of `query`, with everything behind them."""
        if self.together:
            return [row[1] for row in rows]
        return await _texts(self.plan, self.filled, rows, scope)


def written(plan: Plan, query: Query[Any], scope: Scope) -> Written | None:
    """How the records of a query are read as texts; None where that needs Python.

    Args:
        query: as the plan has filled it.
    """
    writing = plan.writing
    if writing is None or not can_write(plan, query, scope):
        return None
    if writing.ways and can_nest(plan):
        nested = _nested(plan, query, writing.together)
        if scope.need_runtime().nests(nested, scope):
            return Written(plan, nested, query, together=True)
    loads = query.loads[: len(plan.derived)]
    return Written(plan, query.written(writing.templates, *loads), query, together=not writing.ways)


def can_nest(plan: Plan) -> bool:
    """Whether it is worth while to write all records in one statement.

    What is behind a record that many lead to would be read again for each of them.
    """
    writing = plan.writing
    assert writing is not None
    if writing.nestable is None:
        writing.nestable = all(
            can_nest(way.plan) and not (_shared(way) and _branches(way.plan)) for way in writing.ways
        )
    return writing.nestable


def _shared(way: Way) -> bool:
    return way.relationship.cardinality not in {Cardinality.HAS_MANY, Cardinality.HAS_ONE}


def _branches(plan: Plan) -> bool:
    """Whether there are lists behind the records."""
    assert plan.writing is not None
    return any(way.relationship.to_many or _branches(way.plan) for way in plan.writing.ways)


def _nested(plan: Plan, query: Query[Any], templates: Templates) -> Query[Any]:
    """The query that reads the records behind it along."""
    writing = plan.writing
    assert writing is not None
    loads = list(query.loads[: len(plan.derived)])
    behind = {item.target: item.query for item in query.loads[len(plan.derived) :]}
    for way in writing.ways:
        inner = way.plan.writing
        assert inner is not None
        rows = behind[way.target] if way.relationship.to_many else behind[way.target].limit(1)
        loads.append(LoadItem(target=way.target, query=_nested(way.plan, rows, inner.together_gathered)))
    return query.written(templates, *loads)


async def _texts(plan: Plan, query: Query[Any], rows: Sequence[Row], scope: Scope) -> list[str]:
    writing = plan.writing
    assert writing is not None
    first = 1 + len(writing.ways)
    if not writing.ways:
        return [row[first] for row in rows]
    behind = {item.target: item.query for item in query.loads[len(plan.derived) :]}
    scope = scope.need_runtime().reaching(query, scope)
    shown = [
        (place, await _behind(plan, way, behind[way.target], rows, place, scope))
        for place, way in enumerate(writing.ways, start=1)
    ]
    found: list[str] = []
    for row in rows:
        pieces: list[str] = [row[first]]
        for number, (place, (known, none)) in enumerate(shown, first + 1):
            pieces += (known.get(row[place], none), row[number])
        found.append("".join(pieces))
    return found


async def _behind(
    plan: Plan, way: Way, query: Query[Any], rows: Sequence[Row], place: int, scope: Scope
) -> tuple[dict[Any, str], str]:
    """What is shown of the records behind a relationship, by the keys that lead to them, and what without any."""
    none = "" if way.relationship.to_many else "null"
    keys = list(dict.fromkeys(row[place] for row in rows if row[place] is not None))
    inner = way.plan.writing
    assert inner is not None
    gathered = inner.gathered if way.relationship.to_many else None
    loads = query.loads[: len(way.plan.derived)]
    if not keys:
        return {}, none
    written = query.written(gathered or inner.templates, *loads)
    source = plan.exposed.spec.python
    found = await scope.need_runtime().related_texts(source, way.relationship, written, keys, scope)
    if not found:
        return {}, none
    if gathered is not None:
        return {start: text for start, (_, text) in found}, none
    texts = await _texts(way.plan, query, [row for _, row in found], scope)
    groups: dict[Any, list[str]] = {}
    for (start, _), text in zip(found, texts, strict=True):
        groups.setdefault(start, []).append(text)
    if way.relationship.to_many:
        return {start: ",".join(each) for start, each in groups.items()}, none
    return {start: each[0] for start, each in groups.items()}, none


def whole(texts: Sequence[str]) -> msgspec.Raw:
    """A list of records."""
    return msgspec.Raw(f"[{','.join(texts)}]".encode())


def single(text: str) -> msgspec.Raw:
    """A record."""
    return msgspec.Raw(text.encode())


def or_written(encode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The encoder of records that lets through what the data layer has written."""
    return lambda each: each if each.__class__ is msgspec.Raw else encode(each)
