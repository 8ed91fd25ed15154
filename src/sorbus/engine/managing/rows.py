"""Writes to many related rows at once, by their own actions: one statement for each action."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sorbus.engine.bulk.choosing import slow_reason
from sorbus.engine.bulk.creates import BulkCreate
from sorbus.engine.bulk.result import BulkOptions, BulkPlan, BulkResult, Strategy
from sorbus.engine.bulk.updates import BulkChange
from sorbus.engine.lifecycle import ActionCall, ActionPlan, run
from sorbus.engine.managing.wanted import Path, rerooted
from sorbus.errors.base import Invalid
from sorbus.errors.inputs import InvalidAction
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine


@dataclass(slots=True, kw_only=True)
class RowWrite:
    """One row to write.

    Attributes:
        subject: the record or key to change; None for a new row.
        given: the inputs of its action.
        forced: the attributes that are set whatever its action accepts.
        path: where it came from.
    """

    path: Path
    subject: Any = None
    given: dict[str, Any] = field(default_factory=dict[str, Any])
    forced: dict[str, Any] = field(default_factory=dict[str, Any])


async def write_all(
    engine: Engine, plan: ActionPlan, scope: Scope, rows: Sequence[RowWrite], label: str
) -> list[Any]:
    """Run an action on many rows in the transaction of the task, and answer with their records.

    Args:
        label: the action on whose behalf, for the error.

    Raises:
        InvalidAction: with everything that is wrong with the rows, each with its path.
        Forbidden: the policies do not allow a row.
    """
    if not rows:
        return []
    made = BulkCreate if rows[0].subject is None else BulkChange
    chosen = BulkPlan(strategy=Strategy.BATCHES, reason="a relationship is managed")
    result: BulkResult[Any] = BulkResult(plan=chosen, records=[])
    bulk: Any = made(
        engine=engine, plan=plan, scope=scope, options=BulkOptions(returning=True), result=result
    )
    bulk.check()
    calls = [_call(bulk, plan, row) for row in rows]
    if slow_reason(plan.data):
        return await _one_by_one(calls, rows, label)
    errors: list[Invalid] = []
    for call, row in zip(calls, rows, strict=True):
        try:
            # Records are at hand, so that no row is read one by one.
            await (bulk.prepare(call, None) if isinstance(bulk, BulkChange) else bulk.prepare(call))
        except Invalid as error:
            errors += rerooted(error, row.path)
    _raise(errors, label)
    try:
        await bulk.batch(calls, bulk.write)
    except Invalid as error:
        # Which of the rows the statement has stumbled over is not known.
        _raise(rerooted(error, rows[0].path if len(rows) == 1 else _common(rows)), label)
    return [call.result for call in calls]


def _call(bulk: Any, plan: ActionPlan, row: RowWrite) -> ActionCall:
    accepted = {each.name for each in plan.data.action.inputs}
    given = {**row.given, **{name: value for name, value in row.forced.items() if name in accepted}}
    call: ActionCall = bulk.call(given) if row.subject is None else bulk.call(row.subject, given)
    call.forced = row.forced
    return call


async def _one_by_one(calls: list[ActionCall], rows: Sequence[RowWrite], label: str) -> list[Any]:
    """The action itself for each row, where its hooks or its body need that."""
    errors: list[Invalid] = []
    for call, row in zip(calls, rows, strict=True):
        try:
            await run(call)
        except Invalid as error:
            errors += rerooted(error, row.path)
            _raise(errors, label)
    return [call.result for call in calls]


def _common(rows: Sequence[RowWrite]) -> Path:
    """The beginning that the paths of all rows share."""
    path = rows[0].path
    for row in rows[1:]:
        shared = 0
        while shared < min(len(path), len(row.path)) and path[shared] == row.path[shared]:
            shared += 1
        path = path[:shared]
    return path


def _raise(errors: list[Invalid], label: str) -> None:
    if errors:
        raise InvalidAction(label, errors)
