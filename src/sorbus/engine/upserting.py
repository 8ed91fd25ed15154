"""Upserts: what a create does with the row that is there, and what it answers with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sorbus.changeset.outcome import OUTCOME, UpsertOutcome
from sorbus.engine.lifecycle import ActionCall
from sorbus.engine.planning import attribute_outputs
from sorbus.engine.write_data import WriteData, bindings, tenancy_for
from sorbus.errors.inputs import UpsertSkipped
from sorbus.expressions.nodes import TRUE, Call, Node, Ref, conjunction
from sorbus.policies.explain import refusal
from sorbus.query.statements import Conflict, Select
from sorbus.schema.actions import OnSkip, UpsertSpec


def conflict_of(call: ActionCall) -> Conflict:
    """What the insert does with a row in its way.

    Both branches are authorised: the row that is there must be the tenant's and meet the policies too.
    """
    data: WriteData = call.plan.data
    upsert = upsert_of(data)
    keys = data.spec.identities[upsert.identity].keys
    fields = upsert.fields
    if fields is None:
        fields = tuple(each.name for each in data.action.inputs if each.attribute and each.name not in keys)
    touched = tuple(each.name for each in data.spec.attributes.values() if each.touch)
    where = conjunction(tenancy_for(call), _only(call.filter), _only(call.updates), upsert.where)
    return Conflict(keys=keys, update=tuple(dict.fromkeys([*fields, *touched])) or keys[:1], where=where)


def upsert_of(data: WriteData) -> UpsertSpec:
    """The upsert of an action that is one."""
    if data.action.upsert is None:
        raise TypeError(data.action.label)
    return data.action.upsert


def _only(condition: Node | None) -> Node | None:
    return None if condition == TRUE else condition


async def answer_of(call: ActionCall, rows: Sequence[Any]) -> None:
    """The record of an upsert, tagged with what was done.

    Raises:
        UpsertSkipped: the upsert's own condition left the row there alone, and the action says that is an error.
        ActionForbidden: the policies do not let the actor update the row there.
    """
    data: WriteData = call.plan.data
    upsert = upsert_of(data)
    if rows:
        call.result = data.hydrate(rows)[0]
        done = UpsertOutcome.INSERTED if rows[0][-1] else UpsertOutcome.UPDATED
    else:
        call.result = await _left_alone(call)
        if upsert.skipped is OnSkip.ERROR:
            raise UpsertSkipped(data.action.label, identity=upsert.identity)
        done = UpsertOutcome.SKIPPED
    call.result.__dict__[OUTCOME] = done


async def _left_alone(call: ActionCall) -> Any:
    """The row that the upsert's own condition spared; a refusal when it was the policies."""
    data: WriteData = call.plan.data
    upsert = upsert_of(data)
    if upsert.where is None:
        raise refusal(data.program, call.scope, call.changeset.inputs)
    params: list[Any] = []
    parts: list[Node] = []
    for name in data.spec.identities[upsert.identity].keys:
        params.append(data.stored(name, call.changeset.changes[name]))
        parts.append(Call("eq", (Ref(name), data.parameter(name, len(params) - 1))))
    key = ("spared", call.filter, call.updates, tenancy_for(call) is None)
    executable = data.executables.get(key)
    if executable is None:
        where = conjunction(*parts, tenancy_for(call), _only(call.filter), _only(call.updates))
        executable = data.keep(
            key, Select(resource=data.spec, outputs=attribute_outputs(data.spec), where=where)
        )
    rows = await executable.fetch(call.session, bindings(call, params))
    if not rows:
        raise refusal(data.program, call.scope, call.changeset.inputs)
    return data.hydrate(rows)[0]
