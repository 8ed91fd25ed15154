"""What all bulk runs share: batches, transactions, errors, and the steps after the write."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from sorbus.engine.authorising import masked
from sorbus.engine.bulk.result import BulkFailure, BulkOptions, BulkResult, Strategy, at_row
from sorbus.engine.lifecycle import ActionCall, ActionPlan, Step, StepRunner, run
from sorbus.engine.tenants import need_tenant, reach
from sorbus.engine.transaction import OnCommit, Transaction, run_after_commit
from sorbus.engine.write_data import WriteData
from sorbus.errors.base import SorbusError
from sorbus.errors.framework import BulkInTransaction, WrongBulkOption
from sorbus.schema.actions import ActionKind, HookPoint
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine

Write = Callable[[Any, list[ActionCall]], Awaitable[list[ActionCall]]]
"""Writes some calls in a session, and answers with those that were written."""


class Stopped(Exception):
    """The run ends here; what has failed is in the result."""


@dataclass(slots=True)
class BulkRun:
    """One bulk run of one action.

    Attributes:
        tail: the steps between the write and the commit that each row still has.
        relates: whether rows write related ones, which need their records.
    """

    engine: Engine
    plan: ActionPlan
    scope: Scope
    options: BulkOptions
    result: BulkResult[Any]
    relates: bool = False

    @property
    def data(self) -> WriteData:
        """What the steps of the action share."""
        data: WriteData = self.plan.data
        return data

    @property
    def tenant(self) -> Any:
        """The tenant of the run's statements."""
        return reach(self.data.action, self.scope)

    @property
    def tail(self) -> tuple[tuple[Step, StepRunner], ...]:
        """The steps between the write and the commit that each row still has."""
        return tuple(each for each in self.plan.inside if each[0] > Step.WRITE)

    @property
    def wants_records(self) -> bool:
        """Whether somebody looks at the written records."""
        hooks = self.data.action.hooks
        return bool(
            self.relates
            or self.options.returning
            or self.tail
            or self.plan.after
            or HookPoint.AFTER_BATCH in hooks
        )

    def check(self) -> None:
        """Step 1, and that the options fit.

        Raises:
            TenantRequired: the resource has a tenancy and the scope no tenant.
            WrongBulkOption: everything is to commit at once although errors are to be survived.
            BulkInTransaction: errors are to be survived inside a transaction that they would spoil.
        """
        if self.options.on_error != "raise" and self.engine.transaction_of_task() is not None:
            raise BulkInTransaction(self.data.action.label)
        if self.options.on_error != "raise" and self.options.together == "all":
            raise WrongBulkOption("together", "all", allowed='"batch", since `on_error` is not "raise"')
        need_tenant(self.data.spec, self.data.action.name, self.scope)

    def around(self) -> AbstractAsyncContextManager[Any]:
        """The transaction of the whole run, where it is one."""
        return self.together() if self.options.one_transaction else nullcontext()

    def together(self, *, nested: bool = False) -> AbstractAsyncContextManager[Transaction]:
        """A transaction of this run, or the task's; `nested`: a part of that which can be undone alone."""
        return self.engine.transaction(nested=nested, by=f"`{self.data.action.label}`")

    def fail(self, error: SorbusError, call: ActionCall) -> None:
        """Note a row that was not written, or raise.

        Raises:
            SorbusError: the error itself, when the first one ends the run.
        """
        at_row(error, call.index)
        if self.options.on_error == "raise":
            raise error
        self.result.errors.append(BulkFailure(index=call.index, key=call.changeset.key, error=error))

    async def answered(self) -> BulkResult[Any]:
        """What the run came to, its records as the actor may see them; hooks have seen all of them."""
        records, kind = self.result.records, self.data.action.kind
        if records and self.result.plan.strategy is not Strategy.STREAM:
            gone = kind is ActionKind.DESTROY and not self.data.action.soft
            records[:] = await masked(self.data, records, self.scope, {}, gone=gone)
        return self.ended()

    def ended(self) -> BulkResult[Any]:
        """The result, its errors in the order of what was given."""
        self.result.errors.sort(key=lambda each: (each.index is None, each.index or 0))
        return self.result

    def stop_if_failed(self) -> None:
        """End the run at the first batch with an error, when that was asked for."""
        if self.result.errors and self.options.on_error == "stop":
            raise Stopped

    async def batch(self, calls: list[ActionCall], write: Write) -> None:
        """Write one batch; what fails as a whole is tried row by row, so that only the wrong rows are left out."""
        try:
            async with self.together() as opened:
                written = await self._write_batch(opened, calls, write)
            self._count(written)
        except SorbusError as error:
            if self.options.on_error == "raise":
                raise
            if len(calls) == 1:
                self.fail(error, calls[0])
                return
            for call in calls:
                await self.batch([call], write)

    async def _write_batch(
        self, opened: Transaction, calls: list[ActionCall], write: Write
    ) -> list[ActionCall]:
        hooks = self.data.action.hooks
        session = await opened.session(self.data.layer)
        for hook in hooks.get(HookPoint.BEFORE_BATCH, ()):
            await awaited(hook(self.scope))
        asking = [call for call in calls if call.changeset.related]
        if asking:
            self.relates = True
            await self.engine.related.first(asking)
        written = await write(session, calls)
        if asking:
            await self.engine.related.then([call for call in asking if call.result is not None])
        await self.finish(opened, session, written)
        return written

    async def finish(self, opened: Transaction, session: Any, written: list[ActionCall]) -> None:
        """The steps after the write, for each row, and the hooks of the batch."""
        for call in written:
            call.session = session
        for _, runner in self.tail:
            many: Callable[[list[ActionCall]], Awaitable[None]] | None = getattr(runner, "many", None)
            if many is not None:
                await many(written)
            else:
                for call in written:
                    await runner(call)
        records = [call.result for call in written]
        for hook in self.data.action.hooks.get(HookPoint.AFTER_BATCH, ()):
            await awaited(hook(records, self.scope))
        if self.plan.after or any(call.after for call in written):
            opened.on_commit.append(lambda: self._after(written))

    def _count(self, written: list[ActionCall]) -> None:
        self.result.count += len(written)
        if self.result.records is not None:
            self.result.records.extend(call.result for call in written)

    async def _after(self, written: list[ActionCall]) -> None:
        """Step 14: what can tell of all rows at once does so; a failure takes nothing of the others along."""
        todo: list[OnCommit] = []
        for _, runner in self.plan.after:
            many: Callable[[list[ActionCall]], Awaitable[None]] | None = getattr(runner, "many", None)
            if many is not None:
                todo.append(partial(many, written))
        for call in written:
            todo.extend(partial(runner, call) for _, runner in self.plan.after if not hasattr(runner, "many"))
            todo.extend(call.after)
        await run_after_commit(todo)

    async def one_by_one(self, calls: AsyncIterator[ActionCall]) -> None:
        """The action itself for each row."""
        async for call in calls:
            try:
                record = await run(call)
            except SorbusError as error:
                self.fail(error, call)
                self.stop_if_failed()
                continue
            self.result.count += 1
            if self.result.records is not None:
                self.result.records.append(record)


async def awaited(value: Any) -> None:
    """Wait for a hook that is a coroutine."""
    if isinstance(value, Awaitable):
        await value


async def chunks(rows: Iterable[Any] | AsyncIterable[Any], size: int) -> AsyncIterator[tuple[int, list[Any]]]:
    """The rows in lists of a size, each with the position of its first."""
    start = 0
    if not isinstance(rows, AsyncIterable):
        taken = iter(rows)
        while several := list(islice(taken, size)):
            yield start, several
            start += size
        return
    chunk: list[Any] = []
    async for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield start, chunk
            start, chunk = start + size, []
    if chunk:
        yield start, chunk
