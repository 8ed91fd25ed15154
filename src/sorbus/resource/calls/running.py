"""Running a call: from plain arguments to a plain answer, always by the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sorbus.errors.inputs import InvalidPage
from sorbus.query.keys import with_key
from sorbus.query.page import Page
from sorbus.query.query import Query
from sorbus.resource.calls.arguments import Listing, read_arguments
from sorbus.resource.calls.call import Call, CallKind
from sorbus.resource.calls.records import Records
from sorbus.scope import Scope


async def run_call(call: Call, records: Records, scope: Scope, given: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of a call, in the shape of its output schema.

    Args:
        records: those of the call's resource.
        given: the arguments by name, as JSON has them.

    Raises:
        Invalid: the arguments do not fit, or there is no such record that the actor may see.
        Forbidden: no policy allows it.
    """
    found = read_arguments(call, records, given)
    runtime = scope.need_runtime()
    match call.kind:
        case CallKind.GET:
            return await _get(call, records, scope, found.key, found.listing)
        case CallKind.LIST:
            return await _list(records, Query(resource=call.spec.python, scope=scope), scope, found.listing)
        case CallKind.READ:
            query: Query[Any] = runtime.read_action(call.declared, scope, found.inputs, ())
            return await _list(records, query, scope, found.listing)
        case CallKind.CREATE:
            return records.plain(await runtime.create(call.declared, scope, found.inputs, ()))
        case CallKind.UPDATE:
            return records.plain(await runtime.update(call.declared, scope, found.key, found.inputs, ()))
        case CallKind.DESTROY:
            await runtime.destroy(call.declared, scope, found.key, found.inputs, ())
            return {call.spec.primary_key.name: found.key, "destroyed": True}
        case CallKind.GENERIC:
            answer = await runtime.generic(call.declared, scope, found.inputs, ())
            returns = call.action.returns
            return {"result": answer if returns is None else returns.shown(answer)}


async def _get(call: Call, records: Records, scope: Scope, key: Any, listing: Listing) -> dict[str, Any]:
    if not listing.load:
        return records.plain(await scope.need_runtime().get(call.spec.python, scope, key))
    query = replace(with_key(call.spec, key, scope), loads=records.loads(listing.load))
    return records.plain(await query.one(), listing.load)


async def _list(records: Records, query: Query[Any], scope: Scope, listing: Listing) -> dict[str, Any]:
    if listing.filter is not None:
        query = query.filter_input(listing.filter)
    if listing.sort is not None:
        query = query.sort_input(listing.sort)
    if listing.load:
        query = replace(query, loads=query.loads + records.loads(listing.load))
    if query.cut:
        # The action has said how many rows there are; pages would undo that.
        if listing.paged:
            raise InvalidPage("limit", listing.limit, allowed="nothing; this list has no pages")
        return {"items": [records.plain(each, listing.load) for each in await query.all(scope)]}
    page: Page[Any]
    if listing.offset is not None:
        page = await query.offset_page(
            limit=listing.limit, offset=listing.offset, count=listing.count, scope=scope
        )
    else:
        page = await query.page(
            limit=listing.limit, after=listing.after, before=listing.before, count=listing.count, scope=scope
        )
    return {"items": [records.plain(each, listing.load) for each in page], "page": _page(page)}


def _page(page: Page[Any]) -> dict[str, Any]:
    """Where a page stands: the cursors of its neighbours, or its position."""
    told: dict[str, Any] = {"limit": page.limit, "has_next": page.has_next, "has_previous": page.has_previous}
    if page.offset is not None:
        told["offset"] = page.offset
    else:
        told["next"] = page.end_cursor if page.has_next else None
        told["previous"] = page.start_cursor if page.has_previous else None
    if page.count is not None:
        told["total"] = page.count
    return told
