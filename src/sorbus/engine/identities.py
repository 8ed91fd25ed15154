"""Identities that are asked for early: a taken value is told before slow work is done in vain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sorbus.engine.lifecycle import ActionCall, StepRunner
from sorbus.engine.write_data import WriteData, bindings
from sorbus.errors.inputs import AlreadyTaken, InvalidAction
from sorbus.expressions.build import is_expression
from sorbus.expressions.evaluate import Environment, evaluate
from sorbus.expressions.nodes import TRUE, Call, Node, Ref, conjunction
from sorbus.policies.rows import DICT_ROW
from sorbus.query.statements import Select
from sorbus.schema.actions import ActionKind, ActionSpec
from sorbus.schema.fields import IdentitySpec
from sorbus.schema.resource import ResourceSpec
from sorbus.types.hidden import is_hidden


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
    if not any(name in changes for name in identity.fields):
        return False
    own = call.changeset.key
    before = dict(record.__dict__) if record is not None else {} if own is not None else _empty(data.spec)
    row = {**before, **changes}
    known = {name: each for name, each in row.items() if not is_expression(each) and not is_hidden(each)}
    if any(name not in known for name in identity.fields) or not _takes_part(data.spec, identity, known):
        return False
    values = [known[name] for name in identity.keys]
    if None in values and identity.nulls_distinct:
        return False
    params: list[Any] = [*values, own] if own is not None else values
    key = ("taken", identity.name, own is None)
    executable = data.executables.get(key)
    if executable is None:
        where: Node | None = identified(data, identity)
        if own is not None:
            primary = data.spec.primary_key.name
            where = conjunction(where, Call("ne", (Ref(primary), data.parameter(primary, len(values)))))
        executable = data.keep(key, Select(resource=data.spec, outputs=(), where=where))
    return bool(await data.engine.fetch(data.layer, executable, bindings(call, params)))


def _empty(spec: ResourceSpec) -> dict[str, Any]:
    """A new row before anything is known of it; what the database fills is not even null."""
    return {each.name: None for each in spec.attributes.values() if not each.generated}


def _takes_part(spec: ResourceSpec, identity: IdentitySpec, row: Mapping[str, Any]) -> bool:
    """Whether a row as it will be meets the condition of an identity."""
    if identity.where is None:
        return True
    return evaluate(identity.where, spec.stored(dict(row)), Environment(rows=DICT_ROW)) is True


def identified(data: WriteData, identity: IdentitySpec) -> Node:
    """The condition of the row that an identity tells apart by the values in the first parameters."""
    parts: list[Node] = []
    for index, name in enumerate(identity.keys):
        pair = (Ref(name), data.parameter(name, index))
        same = Call("eq", pair) if identity.nulls_distinct else Call("not", (Call("distinct", pair),))
        parts.append(same)
    return conjunction(*parts, identity.where) or TRUE
