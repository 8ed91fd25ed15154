"""Values over many rows in memory."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sorbus.data_layers.base import Row
from sorbus.data_layers.memory.rows import MemoryRows, sortable
from sorbus.data_layers.memory.selects import every
from sorbus.data_layers.memory.tables import frozen
from sorbus.data_layers.memory.values import conform
from sorbus.data_layers.memory.ways import Frame
from sorbus.expressions.operators import OPERATORS
from sorbus.query.statements import Summarize, Summary, SummaryKind


def summarize(statement: Summarize, rows: MemoryRows) -> Sequence[Row]:
    """One row with one value for each summary."""
    found = every(statement.rows, rows)
    return [tuple(_value(each, found, rows) for each in statement.summaries)]


def _value(summary: Summary, found: Sequence[Frame], rows: MemoryRows) -> Any:
    frames = [frame for frame in found if rows.holds(summary.where, frame)]
    if summary.kind is SummaryKind.EXISTS:
        return bool(frames)
    if summary.of is None:
        return len(frames)
    if summary.kind in {SummaryKind.FIRST, SummaryKind.LIST}:
        values = [_conformed(summary, frame, rows) for frame in rows.ordered(frames, summary.order)]
        if summary.kind is SummaryKind.FIRST:
            return values[0] if values else None
        return _distinct(values) if summary.unique else values
    values = [value for frame in frames if (value := rows.evaluate(summary.of, frame)) is not None]
    if summary.unique:
        values = _distinct(values)
    return _combined(summary, values)


def _conformed(summary: Summary, frame: Frame, rows: MemoryRows) -> Any:
    return conform(rows.evaluate(summary.of, frame), summary.type) if summary.of is not None else None


def _combined(summary: Summary, values: list[Any]) -> Any:
    if summary.kind is SummaryKind.COUNT:
        return len(values)
    if not values:
        if summary.kind is not SummaryKind.SUM or summary.of is None:
            return None
        return conform(0, summary.type)
    match summary.kind:
        case SummaryKind.MIN:
            found = min(values, key=sortable)
        case SummaryKind.MAX:
            found = max(values, key=sortable)
        case _:
            found = values[0]
            for value in values[1:]:
                found = OPERATORS["add"].python(found, value)
            if summary.kind is SummaryKind.AVG:
                found = Decimal(found) if isinstance(found, int) else found
                found = OPERATORS["div"].python(found, len(values))
    return conform(found, summary.type)


def _distinct(values: list[Any]) -> list[Any]:
    """Each value once, sorted as the database sorts them: nulls last."""
    once = list({frozen(value): value for value in values}.values())
    return sorted(once, key=lambda value: (value is None, None if value is None else sortable(value)))
