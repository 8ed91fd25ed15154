"""Bulk creates: rows are prepared one by one, and written with one statement for each batch."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable, Mapping
from contextlib import contextmanager, nullcontext, suppress
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sorbus.changeset.changeset import Changeset
from sorbus.changeset.outcome import OUTCOME, UpsertOutcome
from sorbus.engine.authorising import allows_new_row, refused
from sorbus.engine.bulk.choosing import plan_for_rows
from sorbus.engine.bulk.columns import Columns
from sorbus.engine.bulk.inserting import insert_lists
from sorbus.engine.bulk.result import BulkOptions, BulkPlan, BulkResult, Strategy, at_row
from sorbus.engine.bulk.running import BulkRun, Stopped, chunks
from sorbus.engine.hydrate import record
from sorbus.engine.lifecycle import ActionCall
from sorbus.engine.storing import insert
from sorbus.engine.upserting import fallback_of, upsert_of, was
from sorbus.engine.write_data import asked_inputs, guarded
from sorbus.errors.base import SorbusError
from sorbus.errors.inputs import InvalidAction
from sorbus.expressions.build import Expr
from sorbus.expressions.nodes import TRUE
from sorbus.policies.explain import refusal
from sorbus.schema.fields import IdentitySpec
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine

Rows = Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]]


class BulkCreate(BulkRun):
    """A run of a create action over many rows of inputs."""

    async def run(self, rows: Rows) -> BulkResult[Any]:
        """Write the rows.

        Raises:
            SorbusError: the first row that cannot be written, unless errors are to be survived.
        """
        self.check()
        async with self.around():
            with suppress(Stopped):
                await self._run(rows)
        return await self.answered()

    async def _run(self, rows: Rows) -> None:
        if self.result.plan.strategy is Strategy.STREAM:
            await self.one_by_one(self._calls(rows))
            return
        columns = Columns(self) if Columns.fit(self) else None
        async for start, chunk in chunks(rows, self.options.size(plain=columns is not None)):
            if columns is not None and await columns.write(chunk, start):
                continue
            prepared: list[ActionCall] = []
            for index, given in enumerate(chunk, start):
                call = self.call(given, index)
                try:
                    await self.prepare(call)
                except SorbusError as error:
                    self.fail(error, call)
                    continue
                prepared.append(call)
            if prepared:
                await self.batch(prepared, self.write)
            self.stop_if_failed()

    async def _calls(self, rows: Rows) -> AsyncIterator[ActionCall]:
        async for start, chunk in chunks(rows, self.options.size()):
            for index, given in enumerate(chunk, start):
                yield self.call(given, index)

    def call(self, given: Mapping[str, Any], index: int | None = None) -> ActionCall:
        """The run of the action for one row."""
        data = self.data
        changeset = Changeset(resource=data.spec, action=data.action)
        return ActionCall(
            engine=self.engine,
            plan=self.plan,
            scope=self.scope,
            changeset=changeset,
            given=given,
            several=self.result.plan.strategy is not Strategy.STREAM,
            index=index,
        )

    async def prepare(self, call: ActionCall) -> None:
        """Steps 1 to 5 for one row."""
        for _, runner in self.plan.before:
            await runner(call)

    async def write(self, session: Any, calls: list[ActionCall]) -> list[ActionCall]:
        """Write prepared rows; those whose values only the statement knows one by one."""
        odd = [call for call in calls if is_odd(call)]
        plain = [call for call in calls if not is_odd(call)] if odd else calls
        for call in odd:
            await self._insert_alone(session, call)
        await self.write_plain(session, plain)
        written = [call for call in calls if call.result is not None]
        return [call for call in written if not self._is_skipped(call)]

    async def write_plain(self, session: Any, calls: list[ActionCall]) -> None:
        """Write prepared rows of which none is odd."""
        for _, group in groupby(calls, key=_alike):
            await self._insert(session, list(group))

    def _is_skipped(self, call: ActionCall) -> bool:
        skipped = call.result.__dict__.get(OUTCOME) is UpsertOutcome.SKIPPED
        self.result.skipped += skipped
        return skipped

    async def _insert(self, session: Any, calls: list[ActionCall]) -> None:
        """One statement for calls with the same remaining policies."""
        data, first = self.data, calls[0]
        names = tuple(first.changeset.changes)
        lists = [[call.changeset.changes[name] for call in calls] for name in names]
        places = [call.index for call in calls]
        try:
            # A part of its own, so that a violation can be looked into where the policies have yet to decide.
            async with nullcontext() if first.filter == TRUE else self.engine.transaction(nested=True):
                rows = await insert_lists(self, session, names, lists, first, places)
        except InvalidAction:
            for call in calls:
                with _named(call.index):
                    await _need_allowed(call)
            raise
        if fallback_of(first) is None:
            for call in calls:
                call.result = record(data.spec.python, call.changeset.changes)
                if data.action.upsert is not None:
                    call.result.__dict__[OUTCOME] = UpsertOutcome.INSERTED
        else:
            await self._match(session, calls, rows)

    async def _match(self, session: Any, calls: list[ActionCall], rows: Any) -> None:
        """Give each upsert its record; those without one were left alone."""
        data = self.data
        upsert = upsert_of(data)
        keys = data.spec.identities[upsert.identity].keys
        found: dict[tuple[Any, ...], tuple[Any, Any]] = {}
        for row, made in zip(rows, data.hydrate(rows), strict=True):
            made.__dict__[OUTCOME] = UpsertOutcome.INSERTED if row[-1] else UpsertOutcome.UPDATED
            found[tuple(made.__dict__[name] for name in keys)] = made, row
        for call in calls:
            written = found.get(tuple(call.changeset.changes.get(name) for name in keys))
            if written is None:
                if upsert.where is None and guarded(data) is None:
                    raise at_row(refusal(data.program, self.scope, call.changeset.inputs), call.index)
                # Alone, the statement tells a row that was spared from one that the policies keep.
                await self._insert_alone(session, call)
            else:
                call.session = session
                call.result, call.previous = written[0], was(data, written[1])

    async def _insert_alone(self, session: Any, call: ActionCall) -> None:
        call.session = session
        with _named(call.index):
            await _need_allowed(call)
            await insert(call)


@contextmanager
def _named(place: int | None) -> Generator[None]:
    """What goes wrong inside says at which row."""
    try:
        yield
    except SorbusError as error:
        at_row(error, place)
        raise


async def _need_allowed(call: ActionCall) -> None:
    """A constraint must not tell about other rows to whom the policies refuse the new one.

    Raises:
        ActionForbidden: they do.
    """
    if call.filter != TRUE and not await allows_new_row(call):
        raise refused(call)


def _alike(call: ActionCall) -> tuple[Any, ...]:
    """What is equal for calls that one statement writes."""
    lone = fallback_of(call) is None
    return call.filter, call.updates, lone, asked_inputs(call.changeset.inputs, call.filter, call.updates)


def is_odd(call: ActionCall) -> bool:
    """Whether only a statement of its own can write a row."""
    changeset, data = call.changeset, call.plan.data
    upsert = fallback_of(call)
    if changeset.requirements or (upsert is None and data.generates):
        return True
    if upsert is not None and _unmatched(changeset, data.spec.identities[upsert.identity]):
        return True
    return any(isinstance(value, Expr) for value in changeset.changes.values())


def _unmatched(changeset: Changeset, identity: IdentitySpec) -> bool:
    """Whether the keys of an identity do not lead from the row written back to the row that was given."""
    if identity.where is not None:
        return True
    return identity.nulls_distinct and any(changeset.changes.get(name) is None for name in identity.keys)


async def bulk_create(
    engine: Engine, action: Any, scope: Scope, rows: Rows, options: BulkOptions
) -> BulkResult[Any]:
    """Run a create action for many rows of inputs."""
    plan = engine.plan_of(action)
    chosen: BulkPlan = plan_for_rows(plan.data, options)
    result: BulkResult[Any] = BulkResult(plan=chosen, records=[] if options.returning else None)
    run = BulkCreate(engine=engine, plan=plan, scope=scope, options=options, result=result)
    return await run.run(rows)
