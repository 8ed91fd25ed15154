"""Groups: calls of one create action that come at the same moment share a statement and a commit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sorbus.changeset.outcome import OUTCOME
from sorbus.data_layers.group_commit import GroupCommit
from sorbus.engine.bulk.creates import BulkCreate, is_odd
from sorbus.engine.bulk.result import BulkOptions, BulkPlan, BulkResult, Strategy
from sorbus.engine.lifecycle import ActionCall, Step, after, alone
from sorbus.errors.database import DatabaseUnavailable
from sorbus.errors.framework import AfterCommitFailed
from sorbus.expressions.nodes import TRUE
from sorbus.scope import tenant_key

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine

_LARGEST = 64
_OPTIONS = BulkOptions()
_PLAN = BulkPlan(strategy=Strategy.BATCHES, reason="its calls are written in groups")


@dataclass(slots=True, eq=False)
class _Entry:
    """A call that waits for its group.

    Attributes:
        left: whether its caller was cancelled.
        written: whether it is committed.
    """

    call: ActionCall
    left: bool = False
    written: bool = False


class Groups:
    """The calls of one action that are outside any transaction.

    A group commits as one. Where it cannot be written, its halves are tried, and so on, until the calls that are to
    blame are alone with their errors.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._calls: GroupCommit[_Entry, Exception | None] = GroupCommit(self._answers, largest=_LARGEST)
        self._telling: set[asyncio.Task[None]] = set()

    def take(self, call: ActionCall) -> bool:
        """Whether a call can be written with others: it needs nothing but its row and the hooks of the group."""
        return not (
            call.filter != TRUE
            or call.judged is not None
            or call.together
            or call.alongside is not None
            or call.changeset.related
            or is_odd(call)
        )

    async def write(self, call: ActionCall) -> None:
        """Write a call with those that wait; it is committed when this returns.

        A caller that is cancelled takes its call back, unless that is being written: then it is committed, and whoever
        is to be told of it is.

        Raises:
            SorbusError: as the call alone would.
        """
        entry = _Entry(call)
        try:
            error = await self._calls.submit(entry)
        except asyncio.CancelledError:
            entry.left = True
            self._tell(entry)
            raise
        if error is not None:
            raise error

    async def _answers(self, entries: list[_Entry]) -> list[Exception | None]:
        """Write a group without those whose callers have gone."""
        staying = [each for each in entries if not each.left]
        found = await self._written([each.call for each in staying]) if staying else []
        errors = dict(zip(staying, found, strict=True))
        for each in staying:
            each.written = errors[each] is None
            self._tell(each)
        return [errors.get(each) for each in entries]

    def _tell(self, entry: _Entry) -> None:
        """Take the steps after the commit for a caller that has gone."""
        if entry.left and entry.written:
            task = asyncio.get_running_loop().create_task(_told(entry.call), name="sorbus-groups-told")
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _written(self, calls: list[ActionCall]) -> list[Exception | None]:
        if len(calls) == 1:
            return [await _error_of(calls[0])]
        whole = False
        try:
            async with self._engine.transaction(by=f"`{calls[0].plan.data.action.label}`") as opened:
                session = await opened.session(calls[0].plan.data.layer)
                await self._write(session, calls)
                whole = True
        except Exception as error:
            if whole or isinstance(error, DatabaseUnavailable):
                # Perhaps it is committed: to try again could write twice.
                return [error for _ in calls]
            for call in calls:
                call.result = call.session = None
                # The record had the values of the changeset for its own, and more than belongs into the row.
                call.changeset.changes.pop(OUTCOME, None)
            middle = len(calls) // 2
            return [*await self._written(calls[:middle]), *await self._written(calls[middle:])]
        return [None for _ in calls]

    async def _write(self, session: Any, calls: list[ActionCall]) -> None:
        """One statement for some calls, and the steps after it."""
        trace = self._engine.trace
        run = BulkCreate(
            engine=self._engine,
            plan=calls[0].plan,
            scope=calls[0].scope,
            options=_OPTIONS,
            result=BulkResult(plan=_PLAN),
        )
        if trace:
            trace(Step.BEGIN)
            trace(Step.WRITE)
        await run.write_plain(session, _ordered(calls))
        for call in calls:
            call.session = session
        for step, runner in run.tail:
            if trace:
                trace(step)
            await _step(runner, calls)
        if trace:
            trace(Step.COMMIT)
        for call in calls:
            call.session = None


def _ordered(calls: list[ActionCall]) -> list[ActionCall]:
    """Calls in the order in which their rows are written: upserts by their keys, lest two nodes deadlock."""
    data = calls[0].plan.data
    if data.action.upsert is None:
        return calls
    keys = data.spec.identities[data.action.upsert.identity].keys
    return sorted(calls, key=lambda call: [str(call.changeset.changes.get(name)) for name in keys])


async def _step(runner: Any, calls: list[ActionCall]) -> None:
    """Take a step for several calls: at once where the step can, for all scopes or for those of one tenant."""
    many: Callable[[Sequence[ActionCall]], Awaitable[None]] | None = getattr(runner, "many", None)
    if many is None:
        for call in calls:
            await runner(call)
    elif getattr(runner, "mixed", False):
        await many(calls)
    else:
        tenants: dict[str | None, list[ActionCall]] = {}
        for call in calls:
            tenants.setdefault(tenant_key(call.scope.tenant), []).append(call)
        for part in tenants.values():
            await many(part)


async def _told(call: ActionCall) -> None:
    with suppress(AfterCommitFailed):  # it is logged
        await after(call)


async def _error_of(call: ActionCall) -> Exception | None:
    try:
        await alone(call)
    except Exception as error:
        return error
    return None
