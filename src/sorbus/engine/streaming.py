"""Streams: every row of a query in batches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sorbus.engine.paging import not_keyset
from sorbus.engine.read_plans import Known
from sorbus.engine.shaping import whole
from sorbus.errors.inputs import InvalidPage
from sorbus.query.query import Fallback, Query
from sorbus.schema.resource import ResourceSpec
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.engine.reading import Reader

_LARGEST_BATCH = 10_000


async def stream(
    reader: Reader, query: Query[Any], scope: Scope, *, batch: int, fallback: Fallback | None
) -> AsyncIterator[Any]:
    """Every record of a query, as `Query.stream` says.

    Raises:
        InvalidPage: no keyset is possible, and there is no fallback; or a batch of no rows.
    """
    if not 1 <= batch <= _LARGEST_BATCH:
        raise InvalidPage("batch", batch, allowed=f"1 to {_LARGEST_BATCH}")
    spec = reader.engine.spec_with_rows(query.resource)
    scope, known = reader.checked(query, spec, scope)
    left = query.take
    # Counting the rows is cheaper than to find the same limited set of rows again for each batch.
    whole_query = whole(query) if query.skip is not None else replace(query, take=None)
    problem = not_keyset(reader.planner.lower(whole_query, spec).shape, spec)
    if not problem:
        rows = _by_cursor(reader, whole_query, spec, scope, batch=batch, left=left, known=known)
    elif fallback == "offset":
        rows = _by_position(reader, query, scope, batch=batch)
    elif fallback == "full":
        rows = _at_once(reader, query, scope)
    else:
        allowed = 'what has one order; else give `fallback="offset"` or `"full"`'
        raise InvalidPage("sort", problem, allowed=allowed)
    async for record in rows:
        yield record


async def _by_cursor(
    reader: Reader,
    query: Query[Any],
    spec: ResourceSpec,
    scope: Scope,
    *,
    batch: int,
    left: int | None,
    known: Known,
) -> AsyncIterator[Any]:
    after: str | None = None
    while left is None or left > 0:
        size = batch if left is None else min(batch, left)
        page = await reader.pages.page_of(query, spec, scope, size=size, after=after, known=known)
        for record in page.items:
            yield record
        if not page.has_next:
            return
        left = None if left is None else left - size
        after = page.end_cursor


async def _by_position(reader: Reader, query: Query[Any], scope: Scope, *, batch: int) -> AsyncIterator[Any]:
    offset, left = query.skip or 0, query.take
    while left is None or left > 0:
        size = batch if left is None else min(batch, left)
        records = await reader.everything(query.limit(size).offset(offset), scope)
        for record in records:
            yield record
        if len(records) < size:
            return
        offset += size
        left = None if left is None else left - size


async def _at_once(reader: Reader, query: Query[Any], scope: Scope) -> AsyncIterator[Any]:
    for record in await reader.everything(query, scope):
        yield record
