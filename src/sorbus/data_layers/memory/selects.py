"""Selects and counts over rows in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sorbus.data_layers.base import Row
from sorbus.data_layers.memory.rows import Frame, MemoryRows
from sorbus.data_layers.memory.tables import Row as StoredRow
from sorbus.data_layers.memory.tables import Table
from sorbus.data_layers.memory.values import conform
from sorbus.expressions.nodes import Aggregated, Call, Exists, Node, Ref, walk
from sorbus.query.statements import Count, Output, Related, Select
from sorbus.schema.resource import ResourceSpec

Lookup = tuple[str, Node]
"""An attribute with an index, and the value that a condition asks of it."""


def read(statement: Select | Count, rows: MemoryRows, lookup: Lookup | None) -> Sequence[Row]:
    """The outputs of the rows that a statement asks for."""
    if isinstance(statement, Count):
        return [(sum(1 for _ in matching(statement.resource, statement.where, rows, lookup)),)]
    if statement.related is not None:
        return _related(statement, statement.related, rows)
    found = list(matching(statement.resource, statement.where, rows, lookup))
    ordered = rows.ordered(found, statement.order)
    return [outputs(statement.outputs, each, rows) for each in ordered[_window(statement, rows)]]


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


def _related(statement: Select, related: Related, rows: MemoryRows) -> Sequence[Row]:
    """The rows behind a relationship, each with the key of its source row in front."""
    pairs: list[tuple[Any, Frame]] = []
    for key in rows.evaluate(related.keys, None):
        source = Frame(related.source, {related.relationship.source_attribute: key})
        for far in rows.related(source, related.relationship):
            frame = Frame(far.spec, far.row)
            if rows.holds(statement.where, frame):
                pairs.append((key, frame))
    keys = {id(frame): key for key, frame in pairs}
    ordered = rows.ordered([frame for _, frame in pairs], statement.order)
    window = _window(statement, rows)
    seen: dict[Any, int] = {}
    found: list[Row] = []
    for frame in ordered:
        key = keys[id(frame)]
        place = seen[key] = seen.get(key, -1) + 1
        if place >= (window.start or 0) and (window.stop is None or place < window.stop):
            found.append((key, *outputs(statement.outputs, frame, rows)))
    return found


def _window(statement: Select, rows: MemoryRows) -> slice:
    offset = rows.evaluate(statement.offset, None) if statement.offset is not None else 0
    limit = rows.evaluate(statement.limit, None) if statement.limit is not None else None
    return slice(offset, None if limit is None else offset + limit)


def outputs(wanted: Sequence[Output], frame: Frame, rows: MemoryRows) -> Row:
    """The outputs of one row."""
    return tuple(
        frame.row[each.node.name]
        if isinstance(each.node, Ref) and not each.node.path and each.node.name in frame.row
        else conform(rows.evaluate(each.node, frame), each.type)
        for each in wanted
    )


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
