"""Step 9 of a write: the statement itself, with the guards and the policies' row filters in its WHERE."""

from __future__ import annotations

from typing import Any

from sorbus.data_layers.base import Executable
from sorbus.engine.diagnosis import nothing_written, violated
from sorbus.engine.hydrate import record
from sorbus.engine.lifecycle import ActionCall
from sorbus.engine.planning import attribute_outputs
from sorbus.engine.write_data import WriteData, bindings, guarded, key_is, tenancy_for
from sorbus.errors.database import ConstraintViolation
from sorbus.expressions.build import Expr
from sorbus.expressions.lowering import Lowerer
from sorbus.expressions.nodes import TRUE, Node, conjunction
from sorbus.policies.explain import refusal
from sorbus.query.statements import Conflict, Delete, Insert, Select, Update
from sorbus.schema.fields import DefaultKind


def _assignments(call: ActionCall, params: list[Any]) -> tuple[tuple[tuple[str, Node], ...], tuple[Any, ...]]:
    """The values to write as nodes over `params`, and what of them decides the SQL."""
    data: WriteData = call.plan.data
    assigned: list[tuple[str, Node]] = []
    shape: list[Any] = []
    for name, value in call.changeset.changes.items():
        if isinstance(value, Expr):
            node = value.lower(Lowerer(data.engine.planner.catalog, (data.spec.python,), params))
            shape.append((name, node))
        else:
            params.append(data.stored(name, value) if data.dumps else value)
            node = data.parameter(name, len(params) - 1)
            shape.append(name)
        assigned.append((name, node))
    return tuple(assigned), tuple(shape)


async def insert(call: ActionCall) -> None:
    """Insert the row, or, as an upsert, update the one that is there."""
    data: WriteData = call.plan.data
    params: list[Any] = []
    changes = call.changeset.changes
    assigned, shape = _assignments(call, params)
    atomic = data.answers or any(not isinstance(each, str) for each in shape)
    key: tuple[Any, ...] = ("insert", shape)
    if data.action.upsert is not None:
        key = (*key, call.filter, tenancy_for(call) is None)
    executable = data.executables.get(key)
    if executable is None:
        executable = _compile_insert(call, assigned, key, atomic=atomic)
    try:
        rows = await executable.fetch(call.session, bindings(call, params))
    except ConstraintViolation as error:
        raise violated(call, error) from error
    if atomic:
        if not rows:
            raise refusal(data.program, call.scope, call.changeset.inputs)
        call.result = data.hydrate(rows)[0]
    else:
        call.result = record(data.spec.python, changes if not data.unselected else _selected(data, changes))
    if call.filter != TRUE:
        await _check_inserted(call)


def _selected(data: WriteData, changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if name not in data.unselected}


def _compile_insert(
    call: ActionCall, assigned: tuple[tuple[str, Node], ...], key: tuple[Any, ...], *, atomic: bool
) -> Executable:
    data: WriteData = call.plan.data
    conflict: Conflict | None = None
    if data.action.upsert is not None:
        keys = data.spec.identities[data.action.upsert].keys
        accepted = [each.name for each in data.action.inputs if each.attribute and each.name not in keys]
        touched = [each.name for each in data.spec.attributes.values() if each.touch]
        # Both branches are authorised: the row that is there must be the tenant's and meet the policies too.
        where = conjunction(tenancy_for(call), call.filter if call.filter != TRUE else None)
        update = tuple(dict.fromkeys([*accepted, *touched])) or keys[:1]
        conflict = Conflict(keys=keys, update=update, where=where)
    outputs = attribute_outputs(data.spec) if atomic else ()
    statement = Insert(resource=data.spec, values=assigned, outputs=outputs, conflict=conflict)
    return data.keep(key, statement)


async def _check_inserted(call: ActionCall) -> None:
    """The policies of a create, tested on the new row inside the transaction."""
    data: WriteData = call.plan.data
    key = ("inserted", call.filter)
    executable = data.executables.get(key)
    if executable is None:
        where = conjunction(key_is(data.spec, 0), call.filter)
        executable = data.keep(key, Select(resource=data.spec, outputs=(), where=where))
    identity = call.result.__dict__[data.spec.primary_key.name]
    if not await executable.fetch(call.session, bindings(call, [identity])):
        raise refusal(data.program, call.scope, call.changeset.inputs)


async def update(call: ActionCall) -> None:
    """Update the row that meets every condition, and answer with what it is now."""
    data: WriteData = call.plan.data
    params: list[Any] = [call.changeset.key]
    _touch(call)
    assigned, shape = _assignments(call, params)
    key = (shape, call.filter, call.guard, tenancy_for(call) is None)
    executable = data.executables.get(key)
    if executable is None:
        executable = _compile_update(call, assigned, key)
    try:
        rows = await executable.fetch(call.session, bindings(call, params))
    except ConstraintViolation as error:
        raise violated(call, error) from error
    if not rows:
        raise await nothing_written(call)
    call.result = data.hydrate(rows)[0]


def _touch(call: ActionCall) -> None:
    """Set the attributes that every update sets; an update without changes changes no time either."""
    changes = call.changeset.changes
    if changes:
        made: dict[Any, Any] = {}
        for attribute in call.plan.data.spec.attributes.values():
            if attribute.touch:
                changes[attribute.name] = attribute.make_default(made)
            elif attribute.update_default_kind is not DefaultKind.NONE and attribute.name not in changes:
                changes[attribute.name] = attribute.make_update_default(made)


def _compile_update(call: ActionCall, assigned: tuple[tuple[str, Node], ...], key: Any) -> Executable:
    data: WriteData = call.plan.data
    where = conjunction(key_is(data.spec, 0), tenancy_for(call), guarded(data), call.guard, call.filter)
    outputs = attribute_outputs(data.spec)
    # An update that changes nothing is still authorised: it reads the row under the same conditions.
    statement: Update | Select = (
        Update(resource=data.spec, assignments=assigned, where=where, outputs=outputs)
        if assigned
        else Select(resource=data.spec, outputs=outputs, where=where)
    )
    return data.keep(key, statement)


async def delete(call: ActionCall) -> None:
    """Delete the row that meets every condition, and answer with what it was."""
    data: WriteData = call.plan.data
    key = ("delete", call.filter, tenancy_for(call) is None)
    executable = data.executables.get(key)
    if executable is None:
        where = conjunction(key_is(data.spec, 0), tenancy_for(call), call.filter)
        statement = Delete(resource=data.spec, where=where, outputs=attribute_outputs(data.spec))
        executable = data.keep(key, statement)
    try:
        rows = await executable.fetch(call.session, bindings(call, [call.changeset.key]))
    except ConstraintViolation as error:
        raise violated(call, error) from error
    if not rows:
        raise await nothing_written(call)
    call.result = data.hydrate(rows)[0]
