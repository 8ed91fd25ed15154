"""Which strategy a bulk run takes, and why."""

from __future__ import annotations

from typing import Any

from sorbus.engine.bulk.result import BulkOptions, BulkPlan, Strategy
from sorbus.engine.changing import begin_update, prepare
from sorbus.engine.lifecycle import ActionCall
from sorbus.engine.write_data import WriteData
from sorbus.errors.access import NotLoaded
from sorbus.errors.framework import NotAtomic
from sorbus.query.query import Query
from sorbus.schema.actions import ActionKind, HookPoint

_EACH = {
    HookPoint.BEFORE_TRANSACTION: "its `before_transaction` hooks run for each row, outside any transaction",
    HookPoint.BEFORE_WRITE: "its `before_write` hooks run for each row",
    HookPoint.AFTER_TRANSACTION: "its `after_transaction` hooks learn of each row how it ended",
}
_ORDER = (Strategy.STREAM, Strategy.BATCHES, Strategy.ATOMIC)


def slow_reason(data: WriteData) -> str:
    """Why an action must be run row by row; empty when it need not."""
    if data.action.body_async:
        return "its async body runs for each row, before the transaction"
    if data.program.runtime:
        return "its policies look at each row in Python"
    return next((text for point, text in _EACH.items() if point in data.action.hooks), "")


def plan_for_rows(data: WriteData, options: BulkOptions) -> BulkPlan:
    """The strategy for rows that are given one by one.

    Raises:
        NotAtomic: a better strategy was insisted on.
    """
    slow = slow_reason(data)
    best = (
        BulkPlan(strategy=Strategy.STREAM, reason=slow)
        if slow
        else BulkPlan(strategy=Strategy.BATCHES, reason="the rows are given one by one")
    )
    return insisted(data, best, options)


def plan_for_query(call: ActionCall, query: Query[Any], options: BulkOptions) -> BulkPlan:
    """The strategy for the rows of a query; where it is atomic, the call's changeset is ready to be written.

    Raises:
        NotAtomic: a better strategy was insisted on, or the action must be atomic.
        InvalidAction: the inputs do not fit.
    """
    data: WriteData = call.plan.data
    reason = slow_reason(data)
    if reason:
        return insisted(data, BulkPlan(strategy=Strategy.STREAM, reason=reason), options)
    reason = _bounded(query) or _looks(call, query) or _reads_rows(call)
    if reason:
        return insisted(data, BulkPlan(strategy=Strategy.BATCHES, reason=reason), options)
    best = BulkPlan(strategy=Strategy.ATOMIC, reason="nothing needs to be known of the rows before the write")
    return insisted(data, best, options)


def _bounded(query: Query[Any]) -> str:
    if query.cut:
        return "the query takes a part of its rows, which must be chosen first"
    if query.locking is not None:
        return "the query locks its rows first"
    if query.parts or query.distinct_on:
        return "the query chooses among rows, which must be read first"
    return ""


def _looks(call: ActionCall, query: Query[Any]) -> str:
    """Why the rows must be read before it is known which of them the actor may see; empty when they need not."""
    data: WriteData = call.plan.data
    if call.scope.authorize and data.engine.program(data.spec, query.action).runtime:
        return "the policies of its read look at each row in Python"
    return ""


def _reads_rows(call: ActionCall) -> str:
    """What of the row the action looks at before the write; empty when nothing."""
    data: WriteData = call.plan.data
    try:
        if data.action.kind is not ActionKind.CREATE:
            begin_update(call)
        if data.prepares:
            prepare(call)
    except NotLoaded as error:
        data.row_first = True
        return f"its body or one of its changes reads `{error.path[-1]}` of the row"
    if call.changeset.related:
        return "it writes related rows along with each row"
    return ""


def insisted(data: WriteData, best: BulkPlan, options: BulkOptions) -> BulkPlan:
    """The best strategy, or the one that was asked for when it is no better.

    Raises:
        NotAtomic: it is.
    """
    wanted = options.strategy or (Strategy.ATOMIC if data.action.atomic else None)
    if wanted is None or wanted is best.strategy:
        return best
    if _ORDER.index(wanted) > _ORDER.index(best.strategy):
        raise NotAtomic(data.action.label, wanted=wanted.value, found=best.strategy.value, reason=best.reason)
    return best if options.strategy is None else BulkPlan(strategy=wanted, reason="it was asked for")
