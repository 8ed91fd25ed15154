"""Writes to many related rows at once, by their own actions: one statement for each action."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sorbus.engine.bulk.choosing import slow_reason
from sorbus.engine.bulk.creates import BulkCreate
from sorbus.engine.bulk.result import BulkOptions, BulkPlan, BulkResult, Strategy
from sorbus.engine.bulk.updates import BulkChange
from sorbus.engine.diagnosis import violating
from sorbus.engine.lifecycle import ActionCall, ActionPlan, run
from sorbus.engine.managing.wanted import Path, leaves, rerooted
from sorbus.errors.base import Invalid
from sorbus.errors.database import ConstraintViolation, GuardViolation
from sorbus.errors.inputs import InvalidAction
from sorbus.schema.key_text import key_text
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine


@dataclass(slots=True, kw_only=True)
class RowWrite:
    """One row to write.

    Attributes:
        owner: the write on whose behalf it is written.
        subject: the record or key to change; None for a new row.
        given: the inputs of its action.
        forced: the attributes that are set whatever its action accepts.
        path: where it came from.
    """

    owner: ActionCall
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
            errors += _told(error, row)
    _raise(errors, label)
    try:
        await bulk.batch(calls, bulk.write)
    except Invalid as error:
        _raise(_placed(error, calls, rows), label)
    return [call.result for call in calls]


def _call(bulk: Any, plan: ActionPlan, row: RowWrite) -> ActionCall:
    accepted = {each.name for each in plan.data.action.inputs}
    given = {**row.given, **{name: value for name, value in row.forced.items() if name in accepted}}
    call: ActionCall = bulk.call(given) if row.subject is None else bulk.call(row.subject, given)
    call.forced = row.forced
    return call


async def _one_by_one(calls: list[ActionCall], rows: Sequence[RowWrite], label: str) -> list[Any]:
    """The action itself for each row, where its hooks or its body need that."""
    for call, row in zip(calls, rows, strict=True):
        try:
            await run(call)
        except Invalid as error:
            _raise(_told(error, row), label)
    return [call.result for call in calls]


def _told(error: Invalid, row: RowWrite) -> list[Invalid]:
    """The errors of a row's action, with the way to the row in front; the write that it belongs to knows of them."""
    found = rerooted(error, row.path)
    row.owner.faults += found
    return found


def _placed(error: Invalid, calls: list[ActionCall], rows: Sequence[RowWrite]) -> list[Invalid]:
    """The errors of a statement for all rows, each at the row that it is about, else at what all rows share."""
    culprit = rows[0] if len(rows) == 1 else _culprit(error, calls, rows)
    found: list[Invalid] = []
    for each in leaves(error):
        below = (
            row for call, row in zip(calls, rows, strict=True) if any(each is known for known in call.faults)
        )
        row = next(below, culprit)
        found += _told(each, row) if row is not None else rerooted(each, _common(rows))
    return found


def _culprit(error: Invalid, calls: list[ActionCall], rows: Sequence[RowWrite]) -> RowWrite | None:
    """The row that a statement has stumbled over, as far as its error tells; the last of those that are alike."""
    match error if isinstance(error, ConstraintViolation) else error.__cause__:
        case GuardViolation(key=key):
            found = (row for call, row in zip(calls, rows, strict=True) if str(call.changeset.key) == key)
        case ConstraintViolation(values=values) as cause if values:
            names = violating(calls[0].plan.data.spec, cause)
            pairs = zip(calls, rows, strict=True) if names else ()
            found = (row for call, row in pairs if _key_text(call, names) == values)
        case _:
            return None
    return next(reversed(list(found)), None)


def _key_text(call: ActionCall, names: Sequence[str]) -> str:
    """The values that a row has, or is to have, in some attributes."""
    changes, record = call.changeset.changes, call.changeset.record
    values: dict[str, Any] = {**record.__dict__, **changes} if record is not None else changes
    if any(name not in values for name in names):
        return ""
    return key_text(call.plan.data.stored(name, values[name]) for name in names)


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
