"""Selects over rows in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sorbus.data_layers.base import Row
from sorbus.data_layers.memory.rows import MemoryRows
from sorbus.data_layers.memory.tables import Row as StoredRow
from sorbus.data_layers.memory.tables import Table, frozen
from sorbus.data_layers.memory.values import conform
from sorbus.data_layers.memory.ways import Frame, follow
from sorbus.expressions.nodes import Aggregated, Call, Exists, Node, Ref, walk
from sorbus.query.statements import Combined, CombineKind, Output, Related, Select
from sorbus.schema.resource import ResourceSpec
from sorbus.schema.ways import sees_source

Lookup = tuple[str, Node]
"""An attribute with an index, and the value that a condition asks of it."""


def read(statement: Select, rows: MemoryRows, lookup: Lookup | None) -> Sequence[Row]:
    """The outputs of the rows that a statement asks for."""
    if statement.related is not None:
        return list(_related(statement, statement.related, rows))
    found = members(statement, rows, _candidates(statement, rows, lookup))
    about = _about(statement, found, rows)
    return [(*about, *outputs(statement.outputs, each, rows)) for each in page(statement, found, rows)]


def _given(statement: Select, given: tuple[tuple[str, Node], ...], rows: MemoryRows) -> Iterator[Frame]:
    """One row that is in no table, if it meets the condition."""
    spec = statement.resource
    found = {name: rows.evaluate(node, None) for name, node in given}
    frame = Frame(spec, {name: conform(found.get(name), each.type) for name, each in spec.attributes.items()})
    if rows.holds(statement.where, frame):
        yield frame


def matching(
    spec: ResourceSpec, where: Node | None, rows: MemoryRows, lookup: Lookup | None
) -> Iterator[Frame]:
    """The rows that meet a condition, by an index where one fits."""
    table = rows.tables[spec.name]
    candidates: Iterator[StoredRow] = iter(tuple(table.rows.values()))
    if lookup is not None:
        name, node = lookup
        candidates = table.find((name,), (rows.evaluate(node, None),))
    for row in candidates:
        frame = Frame(spec, row)
        if rows.holds(where, frame):
            yield frame


def every(statement: Select, rows: MemoryRows) -> list[Frame]:
    """The rows of a statement, sorted and cut."""
    found = members(statement, rows, _candidates(statement, rows, None))
    return page(statement, found, rows)


def _candidates(statement: Select, rows: MemoryRows, lookup: Lookup | None) -> Iterator[Frame]:
    """The rows that a statement chooses from; a row that a combination has twice comes twice."""
    spec = statement.resource
    if statement.given is not None:
        return _given(statement, statement.given, rows)
    if statement.within is None:
        return matching(spec, statement.where, rows, lookup)
    table = rows.tables[spec.name]
    frames = (Frame(spec, table.rows[key]) for key in combined(statement.within, rows))
    return (frame for frame in frames if rows.holds(statement.where, frame))


def combined(within: Combined, rows: MemoryRows) -> list[Any]:
    """The keys of a combination, from left to right."""
    keys = _keys(within.first, rows)
    for kind, part in within.steps:
        more = _keys(part, rows)
        match kind:
            case CombineKind.UNION_ALL:
                keys = keys + more
            case CombineKind.UNION:
                keys = list(dict.fromkeys(keys + more))
            case CombineKind.INTERSECT:
                keys = list(dict.fromkeys(key for key in keys if key in set(more)))
            case CombineKind.DIFFERENCE:
                keys = list(dict.fromkeys(key for key in keys if key not in set(more)))
    return keys


def _keys(statement: Select, rows: MemoryRows) -> list[Any]:
    table = rows.tables[statement.resource.name]
    return [frozen(frame.row[table.key]) for frame in every(statement, rows)]


def members(statement: Select, rows: MemoryRows, candidates: Iterable[Frame]) -> list[Frame]:
    """The rows of a statement before it cuts a page: one for each combination, where they are distinct."""
    found = list(candidates)
    if statement.distinct is None:
        return found
    kept: dict[tuple[Any, ...], Frame] = {}
    for frame in rows.ordered(found, statement.distinct.order):
        kept.setdefault(tuple(frozen(rows.evaluate(each, frame)) for each in statement.distinct.on), frame)
    return list(kept.values())


def page(statement: Select, found: Sequence[Frame], rows: MemoryRows) -> list[Frame]:
    """The rows beyond `seek`, sorted and cut."""
    beyond = [frame for frame in found if rows.holds(statement.seek, frame)]
    return rows.ordered(beyond, statement.order)[_window(statement, rows)]


def _about(statement: Select, found: Sequence[Frame], rows: MemoryRows) -> list[Any]:
    """What each row says about all of them."""
    about: list[Any] = [len(found)] if statement.total else []
    if statement.earlier:
        about.append(any(not rows.holds(statement.seek, frame) for frame in found))
    return about


def _related(statement: Select, related: Related, rows: MemoryRows) -> Iterator[Row]:
    """The rows behind a relationship, each with the key of its source row in front."""
    inside: Counter[Any] | None = None
    if statement.within is not None:
        inside = Counter(combined(statement.within, rows))
    nothing = (None,) * (len(statement.outputs) + len(related.carried))
    key_name = statement.resource.primary_key.name
    assert related.keys is not None  # nothing is nested here: this layer writes no texts
    for key in rows.evaluate(related.keys, None):
        # What the statement itself asks sees the far row alone.
        ways: dict[int, Frame] = {}
        candidates: list[Frame] = []
        for far in _reached(related, rows, key):
            frame = Frame(far.spec, far.row)
            ways[id(frame)] = far
            if rows.holds(statement.where, frame):
                times = 1 if inside is None else inside[frozen(far.row[key_name])]
                candidates.extend([frame] * times)
        found = members(statement, rows, candidates)
        about = _about(statement, found, rows)
        shown = _page_of(statement, related, found, ways, rows)
        for each in shown:
            parent = ways[id(each)].parent
            between = outputs(related.carried, parent, rows) if parent is not None else ()
            yield (key, *about, *outputs(statement.outputs, each, rows), *between)
        if about and not shown:
            yield (key, *about, *nothing)


def _reached(related: Related, rows: MemoryRows, key: Any) -> Iterator[Frame]:
    """The rows behind a key; the source row itself is read where the relationship looks at it."""
    first = rows.application.segments(related.source, related.relationship)[0]
    sources = [Frame(related.source, {related.key: key})]
    if sees_source(first):
        table = rows.tables[related.source.name]
        sources = [Frame(related.source, row) for row in table.find((related.key,), (key,))]
    for source in sources:
        yield from follow(rows, source, related.relationship, related.hops, every=related.every)


def _page_of(
    statement: Select, related: Related, found: list[Frame], ways: dict[int, Frame], rows: MemoryRows
) -> list[Frame]:
    """The page of one source row, by the relationship's own order first."""
    if not related.order:
        return page(statement, found, rows)
    ordered = rows.ordered(found, statement.order)
    places = {id(ways[id(each)]): each for each in ordered}
    far = rows.ordered([ways[id(each)] for each in ordered], related.order)
    return [places[id(each)] for each in far][_window(statement, rows)]


def _window(statement: Select, rows: MemoryRows) -> slice:
    offset = rows.evaluate(statement.offset, None) if statement.offset is not None else 0
    limit = rows.evaluate(statement.limit, None) if statement.limit is not None else None
    return slice(offset, None if limit is None else offset + limit)


def outputs(wanted: Sequence[Output], frame: Frame, rows: MemoryRows) -> Row:
    """The outputs of one row."""
    return tuple(
        frame.row[each.node.name]
        if isinstance(each.node, Ref) and not each.node.path and each.node.name in frame.row
        else _computed(each, frame, rows)
        for each in wanted
    )


def _computed(output: Output, frame: Frame, rows: MemoryRows) -> Any:
    value = rows.evaluate(output.node, frame)
    return value if output.type is None else conform(value, output.type)


def select_nodes(statement: Select) -> Iterator[Node]:
    """Every expression in a select and its parts."""
    yield from (each.node for each in statement.outputs)
    yield from (each.node for each in statement.order)
    yield from (each for each in (statement.where, statement.seek) if each is not None)
    if statement.distinct is not None:
        yield from statement.distinct.on
        yield from (each.node for each in statement.distinct.order)
    if statement.within is not None:
        yield from select_nodes(statement.within.first)
        for _, part in statement.within.steps:
            yield from select_nodes(part)


def lookup_of(table: Table, where: Node | None) -> Lookup | None:
    """`attribute == value` among the conditions that must all hold, where the attribute has an index."""
    parts = where.args if isinstance(where, Call) and where.operator == "and" else (where,)
    found: list[Lookup] = []
    for part in parts:
        match part:
            case Call("eq", (Ref(name, (), 0), value)) if table.can_find((name,)) and _is_fixed(value):
                found.append((name, value))
            case _:
                continue
    return min(found, key=lambda each: each[0] != table.key, default=None)


def _is_fixed(node: Node) -> bool:
    return not any(isinstance(each, (Ref, Exists, Aggregated)) for each in walk(node))
