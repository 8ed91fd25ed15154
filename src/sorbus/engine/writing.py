"""The plans of create, update and destroy: what each step does for them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sorbus.changeset.collecting import collecting
from sorbus.changeset.items import run_items
from sorbus.data_layers.base import Capability, DataLayer
from sorbus.engine.authorising import answer, authorise, authorise_again, row_allowed
from sorbus.engine.casting import InputCaster
from sorbus.engine.changing import change_create, change_destroy, change_update, check_required, settle
from sorbus.engine.diagnosis import nothing_written
from sorbus.engine.documents import documents_for
from sorbus.engine.drafts import draft_class
from sorbus.engine.hydrate import hydrator
from sorbus.engine.identities import early_checks
from sorbus.engine.lifecycle import ActionCall, ActionPlan, Step, StepRunner, arrange
from sorbus.engine.outputs import attribute_outputs
from sorbus.engine.storing import delete, insert, update
from sorbus.engine.tenants import need_tenant
from sorbus.engine.write_data import WriteData, bindings, guarded, is_empty, key_is, previous_of, tenancy_for
from sorbus.errors.inputs import InvalidAction
from sorbus.expressions.nodes import (
    Aggregated,
    Exists,
    Ref,
    conjunction,
)
from sorbus.policies.fold import PolicyProgram
from sorbus.query.statements import Lock, Select
from sorbus.schema.actions import ActionKind, ActionSpec, HookPoint
from sorbus.schema.policies import Readable
from sorbus.schema.resource import ResourceSpec

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine


def write_plan(engine: Engine, spec: ResourceSpec, action: ActionSpec) -> ActionPlan:
    """The plan of a create, update or destroy: the steps that it needs, in the one order."""
    layer = engine.layer_of(spec)
    hooks = action.hooks
    sync_body = bool(action.body and not action.body_async and not is_empty(action.body))
    slow = action.body_async or HookPoint.BEFORE_TRANSACTION in hooks
    hooked = slow or HookPoint.BEFORE_WRITE in hooks
    documents = documents_for(
        engine.application, spec, action, runs=bool(sync_body or hooked or action.changes)
    )
    effects, notices = engine.effects_for(spec, action), engine.notices_for(spec, action)
    data = WriteData(
        engine=engine,
        spec=spec,
        action=action,
        layer=layer,
        caster=InputCaster(action),
        program=engine.program(spec, action.name),
        hydrate=hydrator(spec.python, attribute_outputs(spec), layer),
        draft=draft_class(spec),
        sync_body=sync_body,
        needs_draft=bool(sync_body or hooked or action.changes),
        prepares=bool(sync_body or hooked or action.changes or documents or _bounded(action)),
        documents=documents,
        row_first=hooked,
        changes_later=bool(hooked or action.upsert),
        previous=_previous(layer, action, (*effects, *notices)),
    )
    change = {ActionKind.CREATE: change_create, ActionKind.UPDATE: change_update}.get(
        action.kind, change_destroy
    )
    write = {ActionKind.CREATE: insert, ActionKind.UPDATE: update}.get(
        action.kind, update if action.soft else delete
    )
    steps: list[tuple[Step, StepRunner]] = [
        (Step.CAST, _cast),
        (Step.CHANGE, change),
        (Step.AUTHORISE, authorise),
        (Step.WRITE, write),
    ]
    if spec.tenancy is not None or spec.schema_tenancy is not None:
        steps.append((Step.SCOPE, _scope))
    early = early_checks(spec, action)
    if early is not None:
        steps.append((Step.BEFORE_TRANSACTION, early))
    if slow:
        steps.append((Step.BEFORE_TRANSACTION, _before_transaction))
    looked_at = data.program.runtime and action.kind is not ActionKind.CREATE
    if HookPoint.BEFORE_WRITE in hooks or looked_at:
        steps.append((Step.BEFORE_WRITE, _before_write))
    if HookPoint.AFTER_WRITE in hooks:
        steps.append((Step.AFTER_WRITE, _after_write))
    if HookPoint.AFTER_WRITES in hooks:
        steps.append((Step.AFTER_WRITE, _AfterWrites(hooks[HookPoint.AFTER_WRITES])))
    steps.extend((Step.EFFECTS, effect) for effect in effects)
    steps.extend((Step.AFTER_COMMIT, notice) for notice in notices)
    steps.extend((Step.AFTER_COMMIT, _after_commit(hook)) for hook in hooks.get(HookPoint.AFTER_COMMIT, ()))
    writing = {HookPoint.BEFORE_WRITE, HookPoint.AFTER_WRITE, HookPoint.AFTER_WRITES}
    inner = effects or looked_at or not writing.isdisjoint(hooks)
    checked = action.kind is ActionKind.CREATE and may_need_row(data.program)
    plan = arrange(
        steps,
        transactional=bool(inner or checked),
        data=data,
        finally_=hooks.get(HookPoint.AFTER_TRANSACTION, ()),
    )
    return plan if spec.field_policies is None else replace(plan, answer=answer)


def _previous(layer: DataLayer, action: ActionSpec, effects: tuple[Any, ...]) -> frozenset[str]:
    """The attributes whose old values the statement tells: those that effects ask for, where it can."""
    if action.upsert is not None and not layer.can(Capability.UPSERT_OLD):
        return frozenset()
    return previous_of(effects)


def _bounded(action: ActionSpec) -> bool:
    """Whether an input may hold a value that the action must not set."""
    return any(each.attribute and each.name == name for each in action.inputs for name, _ in action.bounds)


def may_need_row(program: PolicyProgram) -> bool:
    """Whether a create's policies may look at related rows, so that the new row must be seen first."""
    return any(
        isinstance(node, (Exists, Aggregated, Readable)) or (isinstance(node, Ref) and node.path)
        for node in program.nodes
    )


# 1 scope


async def _scope(call: ActionCall) -> None:
    data: WriteData = call.plan.data
    need_tenant(data.spec, data.action.name, call.scope)


# 2 cast and defaults, 3 accept check


async def _cast(call: ActionCall) -> None:
    data: WriteData = call.plan.data
    changeset = call.changeset
    changeset.inputs, errors = data.caster.cast(call.given, call.positional)
    if errors:
        raise InvalidAction(data.action.label, errors)


# 6 and 8: the row is asked for


async def _check_row(call: ActionCall, *, lock: bool) -> None:
    """Ask for the row before a hook runs, so that nobody makes us work for one that cannot be written.

    Args:
        lock: whether the row stays as it was seen until the end of the transaction.
    """
    data: WriteData = call.plan.data
    if data.action.kind is ActionKind.CREATE:
        return
    if call.judged is not None:
        where = conjunction(key_is(data.spec, 0), tenancy_for(call), guarded(data), call.guard, call.filter)
        if not await row_allowed(call, where, call.changeset.key, lock=lock):
            raise await nothing_written(call)
        return
    key = ("allowed", call.filter, call.guard, tenancy_for(call) is None, lock)
    executable = data.executables.get(key)
    if executable is None:
        where = conjunction(key_is(data.spec, 0), tenancy_for(call), guarded(data), call.guard, call.filter)
        executable = data.keep(
            key, Select(resource=data.spec, outputs=(), where=where, lock=Lock() if lock else None)
        )
    rows = await data.engine.fetch(data.layer, executable, bindings(call, [call.changeset.key]))
    if not rows:
        raise await nothing_written(call)


# 6 before_transaction and async bodies


async def _before_transaction(call: ActionCall) -> None:
    data: WriteData = call.plan.data
    await _check_row(call, lock=False)
    changeset = call.changeset
    before = dict(changeset.changes)
    with collecting(changeset):
        for hook in data.action.hooks.get(HookPoint.BEFORE_TRANSACTION, ()):
            await _awaited(hook(call.draft, call.scope))
        if data.action.body_async and data.action.body is not None:
            await data.action.body(call.draft, call.scope, **changeset.inputs)
            run_items(data.action.changes, changeset, call.scope)
    settle(call, before)
    if data.action.kind is ActionKind.CREATE:
        check_required(call)
    await authorise_again(call)


async def _awaited(value: Any) -> None:
    if inspect.isawaitable(value):
        await value


# 8 before_write


async def _before_write(call: ActionCall) -> None:
    data: WriteData = call.plan.data
    # The row is locked first, so that what the policies saw is what will be written.
    await _check_row(call, lock=True)
    before = dict(call.changeset.changes)
    with collecting(call.changeset):
        for hook in data.action.hooks.get(HookPoint.BEFORE_WRITE, ()):
            call.wrote = True  # perhaps
            await _awaited(hook(call.draft, call.scope))
    settle(call, before)
    if data.action.kind is ActionKind.CREATE:
        check_required(call)
    await authorise_again(call)


# 11 after_write, 14 after_commit


async def _after_write(call: ActionCall) -> None:
    for hook in call.plan.data.action.hooks[HookPoint.AFTER_WRITE]:
        await _awaited(hook(call.result, call.scope))


class _AfterWrites:
    """The hooks for all rows that are written together; a call alone is a list of one.

    Attributes:
        mixed: they take calls of different scopes.
    """

    mixed = True

    def __init__(self, hooks: Sequence[Callable[[Any, Any], Any]]) -> None:
        self.hooks = hooks

    async def __call__(self, call: ActionCall) -> None:
        """Run them for one call."""
        await self.many((call,))

    async def many(self, calls: Sequence[ActionCall]) -> None:
        """Run them once for several calls."""
        if calls:
            for hook in self.hooks:
                await _awaited(hook([call.result for call in calls], [call.scope for call in calls]))


def _after_commit(hook: Callable[[Any, Any], Any]) -> StepRunner:
    """One hook is one step, so that a hook that fails takes none of the others with it."""

    async def run(call: ActionCall) -> None:
        await _awaited(hook(call.result, call.scope))

    return run
