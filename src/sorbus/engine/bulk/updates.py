"""Bulk updates and destroys: one statement over a query, one for each batch of keys, or row by row."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from sorbus.changeset.changeset import Changeset
from sorbus.data_layers.base import Bindings
from sorbus.engine.bulk.choosing import plan_for_query, plan_for_rows
from sorbus.engine.bulk.over_query import write_query
from sorbus.engine.bulk.over_rows import write_rows
from sorbus.engine.bulk.result import BulkOptions, BulkPlan, BulkResult, Strategy
from sorbus.engine.bulk.running import BulkRun, Stopped, chunks
from sorbus.engine.lifecycle import ActionCall, ActionPlan, Step
from sorbus.engine.outputs import attribute_outputs
from sorbus.engine.write_data import tenancy_for
from sorbus.errors.base import SorbusError
from sorbus.errors.inputs import NotFound
from sorbus.expressions.nodes import Call, Param, Ref, conjunction
from sorbus.query.query import Query
from sorbus.query.statements import Lock, Select
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine

Subjects = Iterable[Any] | AsyncIterable[Any]
"""Records or keys."""

Pairs = Iterable[tuple[Any, Mapping[str, Any]]] | AsyncIterable[tuple[Any, Mapping[str, Any]]]
"""Records or keys, each with its inputs."""


class BulkChange(BulkRun):
    """A run of an update or destroy over many rows."""

    async def over_query(self, query: Query[Any], call: ActionCall) -> BulkResult[Any]:
        """Write the rows of a query that the actor may read and change.

        Raises:
            SorbusError: what does not allow a row, unless errors are to be survived.
        """
        self.check()
        async with self.around():
            with suppress(Stopped):
                if self.result.plan.strategy is Strategy.ATOMIC and await self._atomically(query, call):
                    return await self.answered()
                keys = await self._keys(query)
                await self._each(_paired(keys, call.given), given_one_by_one=False)
        return await self.answered()

    async def _atomically(self, query: Query[Any], call: ActionCall) -> bool:
        """One statement; False when a row was in the way and the others are to be written without it."""
        for step, runner in self.plan.before:
            # Step 4 has run when the strategy was chosen.
            if step is not Step.CHANGE:
                await runner(call)
        try:
            async with self.together() as opened:
                session = await opened.session(self.data.layer)
                calls, count = await write_query(self, session, query, call)
                await self.finish(opened, session, calls)
        except SorbusError:
            if self.options.on_error == "raise":
                raise
            return False
        self._count(calls)
        self.result.count += count
        return True

    async def _keys(self, query: Query[Any]) -> list[Any]:
        """The keys of a query's rows, as far as the actor may read them."""
        name = self.data.spec.primary_key.name
        key = getattr(self.data.spec.python, name)
        return [each.__dict__[name] for each in await self.engine.read(query.select(key), self.scope)]

    async def over_rows(self, pairs: Pairs) -> BulkResult[Any]:
        """Write rows given by records or keys, each with its inputs."""
        self.check()
        async with self.around():
            with suppress(Stopped):
                await self._each(pairs, given_one_by_one=True)
        return await self.answered()

    async def _each(self, pairs: Pairs, *, given_one_by_one: bool) -> None:
        if self.result.plan.strategy is Strategy.STREAM:
            await self.one_by_one(self._calls(pairs))
            return
        async for start, chunk in chunks(pairs, self.options.size()):
            prepared: list[ActionCall] = []
            async with self.around_batch():
                rows = await self._rows(chunk)
                for position, (subject, given) in enumerate(chunk, start):
                    call = self.call(subject, given, position if given_one_by_one else None)
                    try:
                        await self.prepare(call, rows)
                    except SorbusError as error:
                        self.fail(error, call)
                        continue
                    prepared.append(call)
                if prepared:
                    await self.batch(prepared, self.write)
            self.stop_if_failed()

    def around_batch(self) -> AbstractAsyncContextManager[Any]:
        """The transaction of a batch, which keeps the rows locked that were read for it."""
        needs = self.data.row_first and self.options.on_error == "raise"
        return self.together() if needs else nullcontext()

    async def _rows(self, chunk: list[Any]) -> dict[Any, Any] | None:
        """The rows of a batch by their keys, locked, when it is known that the action looks at them."""
        data = self.data
        if not data.row_first:
            return None
        name = data.spec.primary_key.name
        keys = [self.call(subject, {}).changeset.key for subject, _ in chunk]
        none = tenancy_for(self.call(keys[0], {}))
        key = ("batch of rows", none is None)
        executable = data.executables.get(key)
        if executable is None:
            among = Call("in", (Ref(name), Param(0, list)))
            statement = Select(
                resource=data.spec,
                outputs=attribute_outputs(data.spec),
                where=conjunction(among, none),
                lock=Lock(),
            )
            executable = data.keep(key, statement)
        bound = Bindings([keys], self.scope.actor, self.tenant)
        found = data.hydrate(await self.engine.fetch(data.layer, executable, bound))
        return {each.__dict__[name]: each for each in found}

    def call(self, subject: Any, given: Mapping[str, Any], index: int | None = None) -> ActionCall:
        """The run of the action for one row."""
        call = self.engine.call_on(self.plan, self.scope, subject, given, ())
        call.several, call.index = self.result.plan.strategy is not Strategy.STREAM, index
        return call

    async def _calls(self, pairs: Pairs) -> AsyncIterator[ActionCall]:
        async for start, chunk in chunks(pairs, self.options.size()):
            for index, (subject, given) in enumerate(chunk, start):
                yield self.call(subject, given, index)

    async def prepare(self, call: ActionCall, rows: Mapping[Any, Any] | None) -> None:
        """Steps 1 to 5 for one row.

        Raises:
            NotFound: the action looks at the row, and it is not there.
        """
        key = call.changeset.key
        if rows is not None and call.changeset.record is None:
            if key not in rows:
                raise NotFound(self.data.spec.name, key)
            call.changeset.record = rows[key]
        for _, runner in self.plan.before:
            await runner(call)

    async def write(self, session: Any, calls: list[ActionCall]) -> list[ActionCall]:
        """Write prepared rows."""
        return await write_rows(self, session, calls)


async def _paired(
    keys: Iterable[Any], given: Mapping[str, Any]
) -> AsyncIterator[tuple[Any, Mapping[str, Any]]]:
    for key in keys:
        yield key, given


async def _subjects(over: Subjects, given: Mapping[str, Any]) -> AsyncIterator[tuple[Any, Mapping[str, Any]]]:
    if isinstance(over, AsyncIterable):
        async for subject in over:
            yield subject, given
    else:
        for subject in over:
            yield subject, given


def plan_bulk(
    engine: Engine,
    action: Any,
    scope: Scope,
    over: Query[Any] | Subjects | None,
    given: Mapping[str, Any],
    options: BulkOptions,
) -> tuple[BulkPlan, ActionCall]:
    """How a bulk run would go, and the prepared call of one over a query.

    Raises:
        NotAtomic: a better strategy was insisted on.
        InvalidAction: the inputs do not fit.
    """
    plan = engine.plan_of(action)
    data = plan.data
    changeset = Changeset(resource=data.spec, action=data.action)
    call = ActionCall(engine=engine, plan=plan, scope=scope, changeset=changeset, given=given)
    if over is not None and not isinstance(over, Query):
        return plan_for_rows(data, options), call
    changeset.inputs = data.caster.cast_or_raise(given)
    query: Query[Any] = Query(resource=data.spec.python) if over is None else over
    return plan_for_query(call, query, options), call


async def bulk_change(
    engine: Engine,
    action: Any,
    scope: Scope,
    over: Query[Any] | Subjects,
    given: Mapping[str, Any],
    options: BulkOptions,
) -> BulkResult[Any]:
    """Run an update or destroy with the same inputs over the rows of a query, or over records or keys."""
    chosen, call = plan_bulk(engine, action, scope, over, given, options)
    run = _run(engine, call.plan, scope, options, chosen)
    if isinstance(over, Query):
        return await run.over_query(over, call)
    return await run.over_rows(_subjects(over, given))


async def bulk_change_rows(
    engine: Engine, action: Any, scope: Scope, pairs: Pairs, options: BulkOptions
) -> BulkResult[Any]:
    """Run an update or destroy over records or keys, each with inputs of its own."""
    plan = engine.plan_of(action)
    chosen = plan_for_rows(plan.data, options)
    return await _run(engine, plan, scope, options, chosen).over_rows(pairs)


def _run(
    engine: Engine, plan: ActionPlan, scope: Scope, options: BulkOptions, chosen: BulkPlan
) -> BulkChange:
    result: BulkResult[Any] = BulkResult(plan=chosen, records=[] if options.returning else None)
    return BulkChange(engine=engine, plan=plan, scope=scope, options=options, result=result)
