"""Upserts: what a create does with the row that is there, and what it answers with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sorbus.changeset.outcome import OUTCOME, UpsertOutcome
from sorbus.engine.authorising import masked
from sorbus.engine.identities import identified
from sorbus.engine.lifecycle import ActionCall
from sorbus.engine.outputs import attribute_outputs
from sorbus.engine.states import wrong_state
from sorbus.engine.write_data import WriteData, before, bindings, guarded, tenancy_for
from sorbus.errors.authorization import ActionForbidden
from sorbus.errors.base import SorbusError
from sorbus.errors.inputs import UpsertSkipped
from sorbus.expressions.nodes import TRUE, Node, conjunction
from sorbus.policies.explain import refusal
from sorbus.policies.nodes import bounded
from sorbus.query.statements import Conflict, Select
from sorbus.schema.actions import OnSkip, UpsertSpec


def conflict_of(call: ActionCall) -> Conflict:
    """What the insert does with a row in its way.

    Both branches are authorised: the row that is there must be the tenant's and meet the policies too.
    """
    data: WriteData = call.plan.data
    upsert = upsert_of(data)
    identity = data.spec.identities[upsert.identity]
    keys = identity.keys
    fields = upsert.fields
    if fields is None:
        fields = tuple(each.name for each in data.action.inputs if each.attribute and each.name not in keys)
    touched = tuple(each.name for each in data.spec.attributes.values() if each.touch)
    where = conjunction(tenancy_for(call), guarded(data), _there(call), _only(call.updates), upsert.where)
    transition = data.action.transition
    moved = (transition.attribute,) if transition is not None and transition.sources else ()
    update = tuple(dict.fromkeys([*fields, *moved, *touched])) or keys[:1]
    return Conflict(identity=identity, update=update, where=where)


def upsert_of(data: WriteData) -> UpsertSpec:
    """The upsert of an action that is one."""
    if data.action.upsert is None:
        raise TypeError(data.action.label)
    return data.action.upsert


def fallback_of(call: ActionCall) -> UpsertSpec | None:
    """What an insert does with a row in its way; None where there can be none, so that a plain insert does.

    A row with a null among the keys of an identity that tells nulls apart is like no other row.
    """
    data: WriteData = call.plan.data
    upsert = data.action.upsert
    if upsert is None:
        return None
    identity, changes = data.spec.identities[upsert.identity], call.changeset.changes
    alone = identity.nulls_distinct and any(
        name in changes and changes[name] is None for name in identity.keys
    )
    return None if alone else upsert


def _there(call: ActionCall) -> Node | None:
    """What the policies of the create ask of the row that is there; what only Python could tell counts as no."""
    return _only(call.filter if call.judged is None else bounded(call.judged, upper=False))


def _only(condition: Node | None) -> Node | None:
    return None if condition == TRUE else condition


async def answer_of(call: ActionCall, rows: Sequence[Any]) -> None:
    """The record of an upsert, tagged with what was done.

    Raises:
        WrongState: the action is a transition that does not start from the state of the row there.
        UpsertSkipped: the upsert's own condition left the row there alone, and the action says that is an error.
        ActionForbidden: the policies do not let the actor update the row there.
    """
    data: WriteData = call.plan.data
    upsert = upsert_of(data)
    if rows:
        call.result = data.hydrate(rows)[0]
        done = UpsertOutcome.INSERTED if rows[0][-1] else UpsertOutcome.UPDATED
        call.previous = was(data, rows[0])
    else:
        spared = await _left_alone(call)
        if upsert.skipped is OnSkip.ERROR:
            raise UpsertSkipped(data.action.label, identity=upsert.identity)
        call.result = spared
        done = UpsertOutcome.SKIPPED
    call.result.__dict__[OUTCOME] = done


def was(data: WriteData, row: Any) -> dict[str, Any]:
    """What the effects of an upsert ask for, as it was in the row that has been updated; nothing of a new one."""
    if not data.previous or row[-1]:
        return {}
    first = len(attribute_outputs(data.spec))
    return before(data, data.previous_of_upsert, row[first : first + len(data.previous)])


async def _left_alone(call: ActionCall) -> Any:
    """The row that the upsert's own condition spared; a refusal when it was the policies."""
    data: WriteData = call.plan.data
    upsert = upsert_of(data)
    if upsert.where is None and guarded(data) is None:
        raise _refused(call)
    identity = data.spec.identities[upsert.identity]
    params = [data.stored(name, call.changeset.changes.get(name)) for name in identity.keys]
    key = ("spared", call.filter, call.judged, call.updates, tenancy_for(call) is None)
    executable = data.executables.get(key)
    if executable is None:
        where = conjunction(identified(data, identity), tenancy_for(call), _there(call), _only(call.updates))
        executable = data.keep(
            key, Select(resource=data.spec, outputs=attribute_outputs(data.spec), where=where)
        )
    rows = await executable.fetch(call.session, bindings(call, params))
    if not rows:
        raise _refused(call)
    there = data.hydrate(rows)[0]
    own = str(there.__dict__[data.spec.primary_key.name]) if call.several else ""
    if wrong_state(data.spec, data.action, there, key=own) is not None:
        (seen,) = await masked(data, [there], call.scope, call.changeset.inputs)
        raise wrong_state(data.spec, data.action, seen, key=own) or _refused(call)
    return there


def _refused(call: ActionCall) -> SorbusError:
    """Why the row that is there was not updated: the policies, or it is another tenant's."""
    data: WriteData = call.plan.data
    if _only(call.filter) is None and _only(call.updates) is None and tenancy_for(call) is not None:
        reason = "the row that is there belongs to another tenant."
        return ActionForbidden(data.spec.name, data.action.name, reason=reason)
    return refusal(data.program, call.scope, call.changeset.inputs)
