"""The plans of create, update and destroy: what each step does for them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sorbus.engine.casting import InputCaster, check_changes
from sorbus.engine.diagnosis import nothing_written
from sorbus.engine.documents import documents_for
from sorbus.engine.drafts import draft_class, make_draft
from sorbus.engine.hydrate import hydrator
from sorbus.engine.lifecycle import ActionCall, ActionPlan, Step, StepRunner, arrange
from sorbus.engine.planning import attribute_outputs
from sorbus.engine.storing import delete, insert, update
from sorbus.engine.write_data import WriteData, bindings, guarded, is_empty, key_is, tenancy_for
from sorbus.errors.authorization import ActionForbidden, TenantRequired
from sorbus.errors.inputs import InvalidAction, NotFound, Required
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
from sorbus.query.statements import Select
from sorbus.schema.actions import ActionKind, ActionSpec, HookPoint
from sorbus.schema.resource import ResourceSpec

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine


def write_plan(engine: Engine, spec: ResourceSpec, action: ActionSpec) -> ActionPlan:
    """The plan of a create, update or destroy: the steps that it needs, in the one order."""
    layer = engine.layer_of(spec)
    hooks = action.hooks
    sync_body = action.body if action.body and not action.body_async and not is_empty(action.body) else None
    slow = action.body_async or HookPoint.BEFORE_TRANSACTION in hooks
    effects = engine.effects_for(spec, action)
    runs = bool(sync_body or slow or HookPoint.BEFORE_WRITE in hooks)
    documents = documents_for(engine.application, spec, action, runs=runs)
    data = WriteData(
        engine=engine,
        spec=spec,
        action=action,
        layer=layer,
        caster=InputCaster(action),
        program=engine.program(spec, action.name),
        hydrate=hydrator(spec.python, attribute_outputs(spec), layer),
        draft=draft_class(spec),
        needs_draft=bool(runs or documents),
        documents=documents,
        changes_later=bool(slow or action.upsert or HookPoint.BEFORE_WRITE in hooks),
    )
    change = {ActionKind.CREATE: _change_create, ActionKind.UPDATE: _change_update}.get(
        action.kind, _change_destroy
    )
    write = {ActionKind.CREATE: insert, ActionKind.UPDATE: update}.get(action.kind, delete)
    steps: list[tuple[Step, StepRunner]] = [
        (Step.CAST, _cast),
        (Step.CHANGE, change),
        (Step.AUTHORISE, _authorise),
        (Step.WRITE, write),
    ]
    if spec.tenancy is not None:
        steps.append((Step.SCOPE, _scope))
    if slow:
        steps.append((Step.BEFORE_TRANSACTION, _before_transaction))
    if HookPoint.BEFORE_WRITE in hooks:
        steps.append((Step.BEFORE_WRITE, _before_write))
    if HookPoint.AFTER_WRITE in hooks:
        steps.append((Step.AFTER_WRITE, _after_write))
    if effects:
        steps.append((Step.EFFECTS, _run_effects(effects)))
    if HookPoint.AFTER_COMMIT in hooks:
        steps.append((Step.AFTER_COMMIT, _after_commit))
    inner = effects or HookPoint.BEFORE_WRITE in hooks or HookPoint.AFTER_WRITE in hooks
    checked = action.kind is ActionKind.CREATE and _may_need_row(data.program)
    return arrange(steps, transactional=bool(inner or checked), data=data)


def _may_need_row(program: PolicyProgram) -> bool:
    """Whether a create's policies may look at related rows, so that the new row must be seen first."""
    nodes = (node for policy in program.policies for check in policy.checks for node in walk(check.condition))
    return any(
        isinstance(node, (Exists, Aggregated)) or (isinstance(node, Ref) and node.path) for node in nodes
    )


def _run_effects(effects: tuple[Callable[[ActionCall], Any], ...]) -> StepRunner:
    async def run(call: ActionCall) -> None:
        for effect in effects:
            await effect(call)

    return run


# 1 scope


async def _scope(call: ActionCall) -> None:
    data: WriteData = call.plan.data
    if call.scope.tenant is None and call.scope.authorize:
        raise TenantRequired(data.spec.name, data.action.name)


# 2 cast and defaults, 3 accept check


async def _cast(call: ActionCall) -> None:
    data: WriteData = call.plan.data
    changeset = call.changeset
    changeset.inputs, errors = data.caster.cast(call.given, call.positional)
    if errors:
        raise InvalidAction(data.action.label, errors)


# 4 changes and validations in written order


async def _change_create(call: ActionCall) -> None:
    data: WriteData = call.plan.data
    changeset, spec = call.changeset, data.spec
    changes: dict[str, Any] = {}
    made: dict[Any, Any] = {}
    for attribute in spec.attributes.values():
        name = attribute.name
        if name in data.accepted and name in changeset.inputs:
            changes[name] = changeset.inputs[name]
        elif attribute.has_default:
            changes[name] = attribute.make_default(made)
    if spec.tenancy is not None and call.scope.tenant is not None:
        changes[spec.tenancy.attribute] = call.scope.tenant
    if data.action.transition is not None:
        changes[data.action.transition.attribute] = data.action.transition.target
    changeset.changes = changes
    await _run_body(call)
    if not data.action.body_async:
        _check_required(call)


def _check_required(call: ActionCall) -> None:
    data: WriteData = call.plan.data
    changes = call.changeset.changes
    missing = [
        Required(data.action.label, each.name, expected=each.type.describe())
        for each in data.spec.attributes.values()
        if (
            changes[each.name] is None and not each.type.nullable
            if each.name in changes
            else not each.generated
        )
    ]
    if missing:
        raise InvalidAction(data.action.label, missing)


async def _change_update(call: ActionCall) -> None:
    data: WriteData = call.plan.data
    changeset = call.changeset
    accepted = {each.name for each in data.action.inputs if each.attribute}
    changeset.changes = {name: value for name, value in changeset.inputs.items() if name in accepted}
    if data.action.transition is not None:
        changeset.changes[data.action.transition.attribute] = data.action.transition.target
    _check_tenant(call)
    await _run_body(call)


async def _change_destroy(call: ActionCall) -> None:
    await _run_body(call)


async def _run_body(call: ActionCall) -> None:
    """The body's part of step 4; an async body waits until step 6."""
    data: WriteData = call.plan.data
    if not data.needs_draft:
        return
    changeset = call.changeset
    if changeset.record is None and changeset.key is not None:
        # A body sees the whole record; step 5 and the statement decide whether the actor may change it.
        changeset.record = await data.engine.reader.find(data.spec, call.scope.as_system(), changeset.key)
        if changeset.record is None:
            raise NotFound(data.spec.name, changeset.key)
    if data.documents is not None:
        data.documents.settle(call)
    call.draft = make_draft(data.draft, call.changeset)
    body = data.action.body
    if body is None or data.action.body_async:
        return
    arguments = call.changeset.inputs
    before = dict(call.changeset.changes)
    body(call.draft, call.scope, **arguments)
    _settle(call, before)


def _settle(call: ActionCall, cast_already: dict[str, Any]) -> None:
    """Check what a body or hook has set, and keep the tenant out of its reach."""
    data: WriteData = call.plan.data
    changeset = call.changeset
    check_changes(changeset, cast_already)
    _check_tenant(call)
    if changeset.errors:
        raise InvalidAction(data.action.label, changeset.errors)
    if data.documents is not None:
        data.documents.settle(call)


def _check_tenant(call: ActionCall) -> None:
    """No row is moved to another tenant."""
    data: WriteData = call.plan.data
    if data.spec.tenancy is None or call.scope.tenant is None:
        return
    name = data.spec.tenancy.attribute
    changes = call.changeset.changes
    if name in changes and changes[name] != call.scope.tenant:
        raise ActionForbidden(
            data.spec.name,
            data.action.name,
            reason=f"`{name}` was set to another tenant than the scope's.",
        )


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
    data: WriteData = call.plan.data
    if data.dumps:
        row = {name: data.stored(name, value) for name, value in row.items()}
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
        executable = data.keep(key, Select(resource=data.spec, outputs=(), where=where, lock=lock))
    rows = await data.engine.fetch(data.layer, executable, bindings(call, [call.changeset.key]))
    if not rows:
        raise await nothing_written(call)


# 6 before_transaction and async bodies


async def _before_transaction(call: ActionCall) -> None:
    data: WriteData = call.plan.data
    await _check_row(call, lock=False)
    before = dict(call.changeset.changes)
    for hook in data.action.hooks.get(HookPoint.BEFORE_TRANSACTION, ()):
        await _awaited(hook(call.draft, call.scope))
    if data.action.body_async and data.action.body is not None:
        await data.action.body(call.draft, call.scope, **call.changeset.inputs)
    _settle(call, before)
    if data.action.kind is ActionKind.CREATE:
        _check_required(call)
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
    for hook in data.action.hooks[HookPoint.BEFORE_WRITE]:
        await _awaited(hook(call.draft, call.scope))
    _settle(call, before)
    if data.action.kind is ActionKind.CREATE:
        _check_required(call)
        _recheck_create(call)


# 11 after_write, 14 after_commit


async def _after_write(call: ActionCall) -> None:
    for hook in call.plan.data.action.hooks[HookPoint.AFTER_WRITE]:
        await _awaited(hook(call.result, call.scope))


async def _after_commit(call: ActionCall) -> None:
    for hook in call.plan.data.action.hooks[HookPoint.AFTER_COMMIT]:
        await _awaited(hook(call.result, call.scope))
