"""Asking without acting: whether an actor may run an action, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sorbus.engine.authorising import row_allowed
from sorbus.engine.generic import authorise_generic, generic_plan
from sorbus.engine.lifecycle import Step
from sorbus.engine.tenants import need_tenant
from sorbus.engine.write_data import WriteData, key_is, tenancy_for
from sorbus.errors.authorization import ActionForbidden, TenantRequired
from sorbus.errors.inputs import NotFound
from sorbus.expressions.nodes import FALSE, conjunction
from sorbus.policies.explain import Explanation, explain
from sorbus.query.query import Query
from sorbus.schema.actions import ActionKind, ActionSpec
from sorbus.schema.policies import Asked
from sorbus.schema.resource import PRIMARY_READ, ResourceSpec
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine


def _found(engine: Engine, action: Any) -> tuple[ResourceSpec, ActionSpec]:
    """The specs of an action, or of a resource's primary read."""
    if isinstance(action, type):
        spec = engine.spec_with_rows(action)
        return spec, spec.actions[PRIMARY_READ]
    return engine.action_spec(action)


async def can(engine: Engine, action: Any, scope: Scope, inputs: Mapping[str, Any], subject: Any) -> bool:
    """Whether a scope's actor may run an action, on a subject and with inputs where it takes some.

    Without a subject the answer about an update or destroy is whether there could be a row that it is allowed on.

    Raises:
        InvalidAction: the inputs are none that the action takes.
    """
    spec, found = _found(engine, action)
    if not scope.authorize:
        return True
    try:
        match found.kind:
            case ActionKind.READ:
                return await _can_read(engine, spec, action, scope, inputs, subject)
            case ActionKind.GENERIC:
                plan = generic_plan(engine, spec, found)
                authorise_generic(plan, scope, plan.caster.cast_or_raise(inputs))
                return True
            case ActionKind.UPDATE | ActionKind.DESTROY if subject is None:
                return _conceivable(engine, spec, found, scope, inputs)
            case _:
                return await _can_write(engine, action, scope, inputs, subject)
    except (ActionForbidden, TenantRequired, NotFound):
        return False


async def _can_read(
    engine: Engine, spec: ResourceSpec, action: Any, scope: Scope, inputs: Mapping[str, Any], subject: Any
) -> bool:
    query: Query[Any] = Query(resource=spec.python, scope=scope)
    if not isinstance(action, type):
        query = engine.read_action(action, scope, inputs, ())
    if subject is None:
        engine.reader.check(spec, query.action, scope, dict(query.inputs))
        return True
    key = spec.primary_key
    value = subject.__dict__[key.name] if isinstance(subject, spec.python) else subject
    value = engine.reader.cast_key(spec, value)
    own = getattr(spec.python, key.name) == value
    # Whether the actor may see the row does not depend on what the action's own query looks for.
    query = replace(query, conditions=(own,), sorts=(), loads=(), take=None, skip=None)
    return bool(await engine.reader.all(query, scope))


async def _can_write(
    engine: Engine, action: Any, scope: Scope, inputs: Mapping[str, Any], subject: Any
) -> bool:
    call = engine.call_of(action, scope, inputs, subject)
    for step, runner in call.plan.before:
        if step <= Step.AUTHORISE:
            await runner(call)
    data: WriteData = call.plan.data
    if data.action.kind is ActionKind.CREATE:
        return True  # step 5 has looked at the row that would be written
    where = conjunction(key_is(data.spec, 0), tenancy_for(call), call.filter)
    return await row_allowed(call, where, call.changeset.key)


def _conceivable(
    engine: Engine, spec: ResourceSpec, action: ActionSpec, scope: Scope, inputs: Mapping[str, Any]
) -> bool:
    """Whether there could be a row on which the actor may run the action."""
    program = engine.program(spec, action.name)
    return program.fold(program.variant(scope, dict(inputs), _asked(scope, action, inputs))) != FALSE


def conceivable(engine: Engine, action: Any, scope: Scope) -> bool:
    """Whether there could be inputs and a row with which a scope's actor may run an action.

    Nothing is read for it, and no function of the user's runs: what only a call could tell counts as a yes.
    """
    spec, found = _found(engine, action)
    if not scope.authorize:
        return True
    try:
        need_tenant(spec, found.name, scope)
    except TenantRequired:
        return False
    return engine.program(spec, found.name).conceivable(scope)


def _asked(scope: Scope, action: ActionSpec, inputs: Mapping[str, Any]) -> Asked:
    accepted = {each.name for each in action.inputs if each.attribute}
    changes = {name: value for name, value in inputs.items() if name in accepted}
    return Asked(scope, action.name, inputs, action.kind, changes)


def explain_action(
    engine: Engine, action: Any, scope: Scope, inputs: Mapping[str, Any], record: Any
) -> Explanation:
    """The decision about an action, policy by policy; of a record that is at hand also what depends on the row."""
    spec, found = _found(engine, action)
    program = engine.program(spec, found.name)
    given = dict(inputs)
    variant = program.variant(scope, given, _asked(scope, found, given))
    return explain(
        program,
        scope,
        given,
        fields=engine.field_program(spec),
        variant=variant,
        row=record.__dict__ if record is not None else None,
    )
