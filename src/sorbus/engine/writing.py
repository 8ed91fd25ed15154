"""The plans of create, update and destroy: what each step does for them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sorbus.changeset.collecting import collecting
from sorbus.changeset.items import run_items
from sorbus.engine.casting import InputCaster
from sorbus.engine.changing import change_create, change_destroy, change_update, check_required, settle
from sorbus.engine.diagnosis import nothing_written
from sorbus.engine.drafts import draft_class
from sorbus.engine.hydrate import hydrator
from sorbus.engine.lifecycle import ActionCall, ActionPlan, Step, StepRunner, arrange
from sorbus.engine.planning import attribute_outputs
from sorbus.engine.storing import delete, insert, update
from sorbus.engine.tenants import need_tenant
from sorbus.engine.write_data import WriteData, bindings, guarded, is_empty, key_is, previous_of, tenancy_for
from sorbus.errors.inputs import InvalidAction
from sorbus.expressions.build import Expr
from sorbus.expressions.evaluate import Environment, Unevaluable, evaluate
from sorbus.expressions.nodes import (
    FALSE,
    TRUE,
    Aggregated,
    Exists,
    Node,
    Ref,
    conjunction,
    walk,
)
from sorbus.policies.explain import refusal
from sorbus.policies.fold import PolicyProgram
from sorbus.policies.rows import DICT_ROW
from sorbus.query.statements import Lock, Select
from sorbus.schema.actions import ActionKind, ActionSpec, HookPoint
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
        prepares=bool(sync_body or hooked or action.changes or _bounded(action)),
        row_first=hooked,
        changes_later=bool(hooked or action.upsert),
        previous=previous_of((*effects, *notices)),
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
        (Step.AUTHORISE, _authorise),
        (Step.WRITE, write),
    ]
    if spec.tenancy is not None or spec.schema_tenancy is not None:
        steps.append((Step.SCOPE, _scope))
    if slow:
        steps.append((Step.BEFORE_TRANSACTION, _before_transaction))
    if HookPoint.BEFORE_WRITE in hooks:
        steps.append((Step.BEFORE_WRITE, _before_write))
    if HookPoint.AFTER_WRITE in hooks:
        steps.append((Step.AFTER_WRITE, _after_write))
    steps.extend((Step.EFFECTS, effect) for effect in effects)
    steps.extend((Step.AFTER_COMMIT, notice) for notice in notices)
    steps.extend((Step.AFTER_COMMIT, _after_commit(hook)) for hook in hooks.get(HookPoint.AFTER_COMMIT, ()))
    inner = effects or HookPoint.BEFORE_WRITE in hooks or HookPoint.AFTER_WRITE in hooks
    checked = action.kind is ActionKind.CREATE and may_need_row(data.program)
    return arrange(
        steps,
        transactional=bool(inner or checked),
        data=data,
        finally_=hooks.get(HookPoint.AFTER_TRANSACTION, ()),
    )


def _bounded(action: ActionSpec) -> bool:
    """Whether an input may hold a value that the action must not set."""
    return any(each.attribute and each.name == name for each in action.inputs for name, _ in action.bounds)


def may_need_row(program: PolicyProgram) -> bool:
    """Whether a create's policies may look at related rows, so that the new row must be seen first."""
    nodes = (node for policy in program.policies for check in policy.checks for node in walk(check.condition))
    return any(
        isinstance(node, (Exists, Aggregated)) or (isinstance(node, Ref) and node.path) for node in nodes
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


# 5 authorise


async def _authorise(call: ActionCall) -> None:
    data: WriteData = call.plan.data
    if not call.scope.authorize:
        call.filter = TRUE
        return
    call.variant = data.program.variant(call.scope, call.changeset.inputs)
    folded = data.program.fold(call.variant)
    if folded == FALSE:
        raise refusal(data.program, call.scope, call.changeset.inputs)
    call.filter = folded
    upsert = data.action.upsert
    if upsert is not None and upsert.updates is not None:
        program = data.engine.program(data.spec, upsert.updates)
        call.updates = program.fold(program.variant(call.scope, call.changeset.inputs))
    if folded == TRUE or data.action.kind is not ActionKind.CREATE:
        return  # a row may have changed since it was read: the statement's own WHERE decides
    verdict = _in_memory(call, folded, call.changeset.changes)
    if verdict is False:
        raise refusal(data.program, call.scope, call.changeset.inputs)
    if verdict is True and not data.changes_later:
        call.filter = TRUE
    else:
        call.together = True  # the new row is looked at once more, and undone when it is not allowed


def _in_memory(call: ActionCall, node: Node, row: dict[str, Any]) -> bool | None:
    """Whether a row meets the policies, as far as memory can tell; None when it cannot."""
    environment = Environment(
        rows=DICT_ROW, actor=call.scope.actor, tenant=call.scope.tenant, inputs=call.changeset.inputs
    )
    if any(isinstance(value, Expr) for value in row.values()):
        return None
    if call.changeset.pending:
        # What related writes will set is not known yet.
        row = {name: value for name, value in row.items() if name not in call.changeset.pending}
    try:
        return evaluate(node, row, environment) is True
    except Unevaluable:
        return None


async def _check_row(call: ActionCall, *, lock: bool) -> None:
    """Ask for the row before a hook runs, so that nobody makes us work for one that cannot be written.

    Args:
        lock: whether the row stays as it was seen until the end of the transaction.
    """
    data: WriteData = call.plan.data
    if data.action.kind is ActionKind.CREATE:
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
        _recheck_create(call)


def _recheck_create(call: ActionCall) -> None:
    """A create's body may have set what its policies look at."""
    if call.filter != TRUE and _in_memory(call, call.filter, call.changeset.changes) is False:
        raise refusal(call.plan.data.program, call.scope, call.changeset.inputs)


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
        for hook in data.action.hooks[HookPoint.BEFORE_WRITE]:
            await _awaited(hook(call.draft, call.scope))
    settle(call, before)
    if data.action.kind is ActionKind.CREATE:
        check_required(call)
        _recheck_create(call)


# 11 after_write, 14 after_commit


async def _after_write(call: ActionCall) -> None:
    for hook in call.plan.data.action.hooks[HookPoint.AFTER_WRITE]:
        await _awaited(hook(call.result, call.scope))


def _after_commit(hook: Callable[[Any, Any], Any]) -> StepRunner:
    """One hook is one step, so that a hook that fails takes none of the others with it."""

    async def run(call: ActionCall) -> None:
        await _awaited(hook(call.result, call.scope))

    return run
