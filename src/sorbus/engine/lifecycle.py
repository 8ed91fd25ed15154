"""The one order of every action: fifteen steps, in this table and nowhere else.

A plan keeps the steps that have something to do for its action, in the order of the table; `run` takes them
one by one. The steps from `BEGIN` to `COMMIT` share a transaction when more than one statement is to be held
together.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from sorbus.changeset.changeset import Changeset
from sorbus.engine.transaction import Transaction, run_after_commit, transaction
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine
    from sorbus.engine.grouping import Groups


class Step(IntEnum):
    """The steps of an action, in order."""

    SCOPE = 1
    CAST = 2
    ACCEPT = 3
    CHANGE = 4
    AUTHORISE = 5
    BEFORE_TRANSACTION = 6
    BEGIN = 7
    BEFORE_WRITE = 8
    WRITE = 9
    RELATED_WRITES = 10
    AFTER_WRITE = 11
    EFFECTS = 12
    COMMIT = 13
    AFTER_COMMIT = 14
    LOAD = 15


@dataclass(slots=True, kw_only=True)
class ActionCall:
    """One run of a write action, from the inputs to the record.

    Attributes:
        given, positional: the inputs as they came.
        draft: the `self` of the body, made when a body or hook needs it.
        filter: what is left of the policies: the condition that the row must meet.
        asked: what the policies looked at, when they look at what is written.
        judged: what is left of the policies where Python has to look at the row, else None.
        updates: for an upsert, what is left of the policies of the update that it may become.
        result: the record that was written.
        session: the layer's session while the call is between BEGIN and COMMIT.
        several: whether its row is written with others, and their policies are asked together afterwards.
        index: its position among the rows that a bulk run was given; None elsewhere.
        together: whether this run needs a transaction although its plan does not.
        guard: a further condition that the row must meet when it is written, or None.
        alongside: work that commits together with the write, or not at all.
        wrote: whether work that writes has begun, besides its own statement.
        reread: whether the row was read because the action's body or changes look at it.
        previous: what an update's effects asked for and the update changed, as it was before.
        faults: the errors of the related rows that it writes, as far as they are known.
    """

    engine: Engine
    plan: ActionPlan
    scope: Scope
    changeset: Changeset
    given: Any
    positional: tuple[Any, ...] = ()
    draft: Any = None
    filter: Any = None
    judged: Any = None
    asked: Any = None
    updates: Any = None
    variant: tuple[bool | None, ...] = ()
    result: Any = None
    session: Any = None
    several: bool = False
    index: int | None = None
    together: bool = False
    wrote: bool = False
    reread: bool = False
    forced: Mapping[str, Any] = field(default_factory=dict[str, Any])
    guard: Any = None
    alongside: Callable[[ActionCall], Awaitable[None]] | None = None
    previous: dict[str, Any] = field(default_factory=dict[str, Any])
    faults: list[Any] = field(default_factory=list[Any])
    after: list[Callable[[], Awaitable[None]]] = field(default_factory=list[Callable[[], Awaitable[None]]])

    def on_commit(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Run a callback once everything is committed; never when it is rolled back."""
        self.after.append(callback)


StepRunner = Callable[[ActionCall], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class ActionPlan:
    """The steps of one action, compiled once.

    Attributes:
        transactional: whether the inner steps need a transaction: one statement alone is its own.
        groups: writes calls that come at the same moment together; None where each is written alone.
        answer: makes the record that the caller gets of the one that was written; None when they are the same.
        finally_: hooks that learn how the action ended, whatever happened.
    """

    before: tuple[tuple[Step, StepRunner], ...]
    inside: tuple[tuple[Step, StepRunner], ...]
    after: tuple[tuple[Step, StepRunner], ...]
    transactional: bool
    data: Any = None
    answer: Callable[[ActionCall, Any], Awaitable[Any]] | None = None
    groups: Groups | None = None
    finally_: tuple[Callable[..., Any], ...] = ()


def arrange(
    steps: Iterable[tuple[Step, StepRunner]],
    *,
    transactional: bool,
    data: Any,
    finally_: tuple[Callable[..., Any], ...] = (),
) -> ActionPlan:
    """A plan from the steps that an action needs, whatever order they come in."""
    ordered = sorted(steps, key=lambda each: each[0])
    return ActionPlan(
        before=tuple(each for each in ordered if each[0] < Step.BEGIN),
        inside=tuple(each for each in ordered if Step.BEGIN < each[0] < Step.COMMIT),
        after=tuple(each for each in ordered if each[0] > Step.COMMIT),
        transactional=transactional,
        data=data,
        finally_=finally_,
    )


@dataclass(slots=True, kw_only=True)
class ActionOutcome:
    """How an action ended, for its `after_transaction` hooks.

    Attributes:
        record: what it answers with; None when it failed.
        error: why it failed, or None.
    """

    record: Any = None
    error: Exception | None = None


async def run(call: ActionCall) -> Any:
    """Take an action through its steps, and answer with what its actor may see of the record.

    Raises:
        SorbusError: from whichever step refused; nothing that was begun is left behind.
    """
    record = await _told(call)
    if call.plan.answer is None:
        return record
    if call.engine.trace:
        call.engine.trace(Step.LOAD)
    return await call.plan.answer(call, record)


async def _told(call: ActionCall) -> Any:
    """Take an action through its steps, and tell its `after_transaction` hooks how it ended.

    A hook that answers with a record makes that the action's answer, also where the action had failed.
    """
    hooks = call.plan.finally_
    if not hooks:
        return await take(call)
    outcome = ActionOutcome()
    try:
        outcome.record = await take(call)
    except Exception as error:  # the hooks decide; what they leave is raised below
        outcome.error = error
    for hook in hooks:
        answer = hook(outcome, call.scope)
        if inspect.isawaitable(answer):
            answer = await answer
        if answer is not None:
            outcome.record, outcome.error = answer, None
    if outcome.error is not None:
        raise outcome.error
    return outcome.record


async def take(call: ActionCall) -> Any:
    """Take an action through its steps."""
    engine, plan, trace = call.engine, call.plan, call.engine.trace
    for step, runner in plan.before:
        if trace:
            trace(step)
        await runner(call)
    outer = engine.transaction_of_task()
    if outer is not None:
        await _join(outer, call, trace)
        outer.on_commit.append(lambda: after(call))
        return call.result
    if plan.groups is not None and plan.groups.take(call):
        await plan.groups.write(call)
    else:
        await alone(call)
    await after(call)
    return call.result


async def alone(call: ActionCall) -> None:
    """The inner steps in a transaction of their own, where they need one."""
    engine, plan, trace = call.engine, call.plan, call.engine.trace
    if plan.transactional or call.together or call.changeset.related:
        async with transaction(engine.layers) as opened:
            if trace:
                trace(Step.BEGIN)
            call.session = await opened.session(plan.data.layer)
            await _inside(call, trace)
            if trace:
                trace(Step.COMMIT)
    else:
        call.session = await plan.data.layer.acquire()
        try:
            await _inside(call, trace)
        finally:
            if call.session is not None:
                plan.data.layer.release(call.session)
                call.session = None


async def _join(outer: Transaction, call: ActionCall, trace: Any) -> None:
    """The inner steps inside an open transaction. What they have written must not be committed when they fail.

    Hooks that learn how the action ended may answer in its place, so what failed is undone before them; that takes a
    savepoint. Otherwise whoever swallows the error has a transaction that can be rolled back only.
    """
    plan = call.plan
    call.session = await outer.session(plan.data.layer)
    if plan.finally_:
        async with transaction(call.engine.layers, nested=True):
            await _inside(call, trace)
        return
    try:
        await _inside(call, trace)
    except BaseException as error:
        # A cancelled statement may have been carried out all the same.
        if call.wrote or call.result is not None or not isinstance(error, Exception):
            outer.spoil(f"`{plan.data.action.label}`", error)
        raise


async def _inside(call: ActionCall, trace: Any) -> None:
    related = call.changeset.related
    for step, runner in call.plan.inside:
        if related and step is Step.WRITE:
            call.wrote = True
            await call.engine.related.first([call])
        if trace:
            trace(step)
        await runner(call)
        if related and step is Step.WRITE:
            if trace:
                trace(Step.RELATED_WRITES)
            await call.engine.related.then([call])
    if call.alongside is not None:
        await call.alongside(call)


async def after(call: ActionCall) -> None:
    """The steps after the commit.

    Raises:
        AfterCommitFailed: some failed.
    """
    if not call.plan.after and not call.after:
        return
    trace = call.engine.trace
    steps = [partial(_step, call, step, runner, trace) for step, runner in call.plan.after]
    await run_after_commit([*steps, *call.after])


async def _step(call: ActionCall, step: Step, runner: StepRunner, trace: Any) -> None:
    if trace:
        trace(step)
    await runner(call)
