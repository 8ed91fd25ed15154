"""Identities that are asked for early: a taken value is told before slow work is done in vain."""

from __future__ import annotations

from typing import Any

from sorbus.engine.lifecycle import ActionCall, StepRunner
from sorbus.engine.write_data import WriteData, bindings
from sorbus.errors.inputs import AlreadyTaken, InvalidAction
from sorbus.expressions.build import is_expression
from sorbus.expressions.nodes import Call, Node, Ref, conjunction
from sorbus.query.statements import Select
from sorbus.schema.actions import ActionKind, ActionSpec
from sorbus.schema.fields import IdentitySpec
from sorbus.schema.resource import ResourceSpec


def early_checks(spec: ResourceSpec, action: ActionSpec) -> StepRunner | None:
    """The step that asks for rows with the same identities; None when no identity wants it."""
    upserted = action.upsert.identity if action.upsert is not None else ""
    wanted = [each for each in spec.identities.values() if each.early and each.name != upserted]
    if not wanted or action.kind is ActionKind.DESTROY:
        return None

    async def check(call: ActionCall) -> None:
        taken = [
            AlreadyTaken(action.label, each.names or each.keys, message=each.message)
            for each in wanted
            if await _is_taken(call, each)
        ]
        if taken:
            raise InvalidAction(action.label, taken)

    return check


async def _is_taken(call: ActionCall, identity: IdentitySpec) -> bool:
    """Whether another row has the values that are about to be written.

    It looks where the unique index does, so it tells no more than the write itself would.
    """
    data: WriteData = call.plan.data
    changes, record = call.changeset.changes, call.changeset.record
    known: dict[str, Any] = {**(record.__dict__ if record is not None else {}), **changes}
    if not any(name in changes for name in identity.keys):
        return False
    values = [known.get(name) for name in identity.keys]
    if any(each is None or is_expression(each) for each in values):
        return False
    own = call.changeset.key
    params: list[Any] = [*values, own] if own is not None else values
    key = ("taken", identity.name, own is None)
    executable = data.executables.get(key)
    if executable is None:
        parts: list[Node] = [
            Call("eq", (Ref(name), data.parameter(name, index))) for index, name in enumerate(identity.keys)
        ]
        if own is not None:
            primary = data.spec.primary_key.name
            parts.append(Call("ne", (Ref(primary), data.parameter(primary, len(values)))))
        executable = data.keep(key, Select(resource=data.spec, outputs=(), where=conjunction(*parts)))
    return bool(await data.engine.fetch(data.layer, executable, bindings(call, params)))
