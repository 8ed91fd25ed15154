"""Reads whose rows Python looks at one by one: windows, pages and totals over those that it lets through."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sorbus.data_layers.base import Row
from sorbus.engine.judging import LEAST_BATCH
from sorbus.engine.planning import actions_of
from sorbus.engine.read_plans import Known, ReadPlan
from sorbus.engine.shaping import Lowered
from sorbus.policies.nodes import has_runtime
from sorbus.query.query import Query
from sorbus.schema.resource import ResourceSpec
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.engine.reading import Reader


async def seen_rows(
    reader: Reader, lowered: Lowered, scope: Scope, inputs: dict[str, Any], known: Known
) -> tuple[ReadPlan, list[Row], list[Any]]:
    """As many rows as were asked for, of those that Python lets through, and their records.

    They are read in batches until there are enough: a page is as long as if the others did not exist.
    """
    shape, values = lowered.shape, list(lowered.values)
    if shape.limit is None:
        plan = reader.planner.plan(shape, scope, inputs, values, known)
        rows = await reader.run(plan, scope, values, inputs)
        return plan, *await _seen(plan, rows, scope)
    limit, offset = shape.limit, shape.offset
    take, skip = values[limit], values[offset] if offset is not None else 0
    if offset is None:
        offset = len(values)
        values.append(0)
    shape = replace(shape, offset=offset, usual=None)
    plan = reader.planner.plan(shape, scope, inputs, values, known)
    values[limit], values[offset] = max(LEAST_BATCH, skip + take), 0
    kept: list[Row] = []
    found: list[Any] = []
    while True:
        rows = await reader.run(plan, scope, values, inputs)
        some, records = await _seen(plan, rows, scope)
        kept += some
        found += records
        values[offset] += values[limit]
        if len(found) >= skip + take or len(rows) < values[limit]:
            return plan, kept[skip : skip + take], found[skip : skip + take]


async def _seen(plan: ReadPlan, rows: Any, scope: Scope) -> tuple[list[Row], list[Any]]:
    records = plan.hydrate(rows)
    if plan.judge is None:
        return list(rows), records
    return await plan.judge.seen(rows, records, scope)


async def seen_query(
    reader: Reader,
    query: Query[Any],
    spec: ResourceSpec,
    scope: Scope,
    known: Known,
    *,
    whole: bool = False,
) -> Query[Any]:
    """A query whose rows may be counted and added up: where Python has to look, those that it lets through.

    Args:
        whole: whether the query's limit and offset are left out.
    """
    if known is None:
        return query
    programs = [reader.engine.program(spec, each) for each in actions_of(query)]
    if not any(
        each.runtime and has_runtime(each.fold(variant))
        for each, variant in zip(programs, known[0], strict=True)
    ):
        return query
    rows = replace(query, loads=(), only=None, locking=None)
    if whole:
        rows = replace(rows, take=None, skip=None)
    key = spec.primary_key.name
    keys = [each.__dict__[key] for each in await reader.everything(rows, scope)]
    python: Any = spec.python
    return replace(query, conditions=(getattr(python, key).is_in(keys),), take=None, skip=None)
