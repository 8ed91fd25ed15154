"""Step 9 of a write: the statement itself, with the guards and the policies' row filters in its WHERE."""

from __future__ import annotations

from typing import Any

from sorbus.changeset.outcome import OUTCOME, UpsertOutcome
from sorbus.data_layers.base import Executable
from sorbus.engine import rules
from sorbus.engine.authorising import refused, row_allowed
from sorbus.engine.diagnosis import nothing_written, violated
from sorbus.engine.hydrate import record
from sorbus.engine.lifecycle import ActionCall
from sorbus.engine.outputs import attribute_outputs
from sorbus.engine.states import check_choice
from sorbus.engine.upserting import answer_of, conflict_of, fallback_of
from sorbus.engine.write_data import WriteData, before, bindings, guarded, key_is, tenancy_for
from sorbus.errors.database import ConstraintViolation, GuardViolation
from sorbus.errors.inputs import InvalidAction, Rejected
from sorbus.expressions.build import any_expression, is_expression
from sorbus.expressions.nodes import TRUE, Node, conjunction
from sorbus.query.statements import Delete, Insert, Output, Select, Update
from sorbus.schema.fields import DefaultKind
from sorbus.types.base import field_type

_TRUTH = field_type(bool)


def assignments(call: ActionCall, params: list[Any]) -> tuple[tuple[tuple[str, Node], ...], tuple[Any, ...]]:
    """The values to write as nodes over `params`, and what of them decides the SQL."""
    data: WriteData = call.plan.data
    changes = call.changeset.changes
    if data.chooses:
        check_choice(call.changeset)
    if not any_expression(changes.values()):
        names = tuple(changes)
        nodes = data.plain(names, len(params))
        params.extend(data.spec.stored(changes).values())
        return nodes, names
    assigned: list[tuple[str, Node]] = []
    shape: list[Any] = []
    for name, value in changes.items():
        if is_expression(value):
            node = rules.lowered(data, value, params)
            shape.append((name, node))
        else:
            params.append(data.stored(name, value))
            node = data.parameter(name, len(params) - 1)
            shape.append(name)
        assigned.append((name, node))
    return tuple(assigned), tuple(shape)


async def insert(call: ActionCall) -> None:
    """Insert the row, or, as an upsert, update the one that is there."""
    data: WriteData = call.plan.data
    params: list[Any] = []
    changes = call.changeset.changes
    assigned, shape = assignments(call, params)
    upsert = fallback_of(call)
    atomic = upsert is not None or data.generates or any_expression(changes.values())
    key: tuple[Any, ...] = ("insert", shape)
    if upsert is not None:
        key = (*key, call.filter, call.judged, call.updates, tenancy_for(call) is None)
    executable = data.executables.get(key)
    if executable is None:
        executable = _compile_insert(call, assigned, key, atomic=atomic)
    try:
        rows = await executable.fetch(call.session, bindings(call, params))
    except ConstraintViolation as error:
        raise violated(call, error) from error
    if upsert is not None:
        await answer_of(call, rows)
    elif atomic:
        call.result = data.hydrate(rows)[0]
    else:
        call.result = record(data.spec.python, changes if not data.unselected else _selected(data, changes))
    if upsert is None and data.action.upsert is not None:
        call.result.__dict__[OUTCOME] = UpsertOutcome.INSERTED
    if call.filter != TRUE or call.judged is not None or call.changeset.requirements:
        await _check_inserted(call)


def _selected(data: WriteData, changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if name not in data.unselected}


def _compile_insert(
    call: ActionCall, assigned: tuple[tuple[str, Node], ...], key: tuple[Any, ...], *, atomic: bool
) -> Executable:
    data: WriteData = call.plan.data
    upsert = fallback_of(call)
    statement = Insert(
        resource=data.spec,
        values=assigned,
        outputs=attribute_outputs(data.spec) if atomic else (),
        conflict=conflict_of(call) if upsert is not None else None,
        previous=data.previous_of_upsert if upsert is not None else (),
        tagged=upsert is not None,
    )
    return data.keep(key, statement)


async def _check_inserted(call: ActionCall) -> None:
    """The policies and rules of a create, tested on the new row inside the transaction."""
    data: WriteData = call.plan.data
    identity = call.result.__dict__[data.spec.primary_key.name]
    params: list[Any] = [identity]
    required = tuple(rules.lowered(data, each.condition, params) for each in call.changeset.requirements)
    key = ("inserted", call.filter, required)
    executable = data.executables.get(key)
    if executable is None:
        where = conjunction(key_is(data.spec, 0), call.filter)
        executable = data.keep(key, Select(resource=data.spec, outputs=_truths(required), where=where))
    rows = await executable.fetch(call.session, bindings(call, params))
    if not rows or (call.judged is not None and not await row_allowed(call, key_is(data.spec, 0), identity)):
        raise refused(call, call.result.__dict__)
    _hold(call, rows[0])


def _truths(nodes: tuple[Node, ...]) -> tuple[Output, ...]:
    return tuple(Output(name=f"rule{index}", node=node, type=_TRUTH) for index, node in enumerate(nodes))


def _hold(call: ActionCall, verdicts: Any) -> None:
    """Every rule came out true."""
    failed = [
        Rejected(each.message, field=each.field)
        for each, verdict in zip(call.changeset.requirements, verdicts, strict=False)
        if verdict is not True
    ]
    if failed:
        raise InvalidAction(call.plan.data.action.label, failed)


async def update(call: ActionCall) -> None:
    """Update the row that meets every condition, and answer with what it is now."""
    data: WriteData = call.plan.data
    params: list[Any] = [call.changeset.key]
    touch(call)
    assigned, shape = assignments(call, params)
    required, filters = _extras(call, params)
    key = (shape, call.filter, call.guard, tenancy_for(call) is None, required, filters)
    executable = data.executables.get(key)
    if executable is None:
        executable = _compile_update(call, assigned, key)
    rows = await _written(call, executable, params)
    if required and not assigned:
        _hold(call, rows[0][-len(required) :])
    call.result = data.hydrate(rows)[0]
    if data.previous:
        call.previous = previous_values(call, rows[0])


def _extras(call: ActionCall, params: list[Any]) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """The rules and conditions that a body or change has asked for."""
    changeset = call.changeset
    if not changeset.requirements and not changeset.filters:
        return (), ()
    data: WriteData = call.plan.data
    return rules.guards(data, changeset, params), rules.conditions(data, changeset, params)


async def _written(call: ActionCall, executable: Executable, params: list[Any]) -> Any:
    """The written row; every reason for none is a typed error."""
    try:
        rows = await executable.fetch(call.session, bindings(call, params))
    except ConstraintViolation as error:
        raise violated(call, error) from error
    except GuardViolation as error:
        raise rules.rejected(call.changeset, error) from error
    if not rows:
        raise await nothing_written(call)
    return rows


def previous_names(call: ActionCall) -> tuple[str, ...]:
    """The attributes whose old values the statement answers with: those asked for that it changes."""
    wanted = call.plan.data.previous
    return tuple(name for name in call.changeset.changes if name in wanted) if wanted else ()


def previous_values(call: ActionCall, row: Any) -> dict[str, Any]:
    """The old values, which stand at the end of a written row."""
    names = previous_names(call)
    return before(call.plan.data, names, row[-len(names) :]) if names else {}


def touch(call: ActionCall) -> None:
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
    required, filters = key[-2:]
    where = conjunction(
        key_is(data.spec, 0), tenancy_for(call), guarded(data), call.guard, *filters, call.filter
    )
    outputs = attribute_outputs(data.spec)
    # An update that changes nothing is still authorised: it reads the row under the same conditions.
    statement: Update | Select = (
        Update(
            resource=data.spec,
            assignments=assigned,
            where=where,
            outputs=outputs,
            guards=required,
            previous=previous_names(call),
        )
        if assigned
        else Select(resource=data.spec, outputs=(*outputs, *_truths(required)), where=where)
    )
    return data.keep(key, statement)


async def delete(call: ActionCall) -> None:
    """Delete the row that meets every condition, and answer with what it was."""
    data: WriteData = call.plan.data
    params: list[Any] = [call.changeset.key]
    required, filters = _extras(call, params)
    key = ("delete", call.filter, tenancy_for(call) is None, required, filters)
    executable = data.executables.get(key)
    if executable is None:
        where = conjunction(key_is(data.spec, 0), tenancy_for(call), *filters, call.filter)
        statement = Delete(
            resource=data.spec, where=where, outputs=attribute_outputs(data.spec), guards=required
        )
        executable = data.keep(key, statement)
    call.result = data.hydrate(await _written(call, executable, params))[0]
