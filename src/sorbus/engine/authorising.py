"""Step 5 of a write: the policies, and what they ask of the row before, while and after it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sorbus.data_layers.base import Bindings
from sorbus.engine import rules
from sorbus.engine.guards import Securer, tenancy
from sorbus.engine.hydrate import record
from sorbus.engine.judging import TRUTH, Judge, decided, judged_outputs, known_in_memory
from sorbus.engine.lifecycle import ActionCall
from sorbus.engine.outputs import attribute_outputs
from sorbus.engine.write_data import WriteData, bindings
from sorbus.errors.authorization import ActionForbidden
from sorbus.expressions.build import any_expression, is_expression
from sorbus.expressions.evaluate import Environment, Unevaluable, evaluate
from sorbus.expressions.nodes import FALSE, TRUE, Call, Node, Param, Ref, conjunction
from sorbus.policies.explain import refusal
from sorbus.policies.fold import PolicyProgram
from sorbus.policies.nodes import bounded, has_runtime, substitute
from sorbus.policies.rows import DICT_ROW
from sorbus.query.statements import Lock, Output, Select
from sorbus.schema.actions import ActionKind
from sorbus.schema.fields import DefaultKind
from sorbus.schema.policies import Asked
from sorbus.schema.resource import PRIMARY_READ, ResourceSpec
from sorbus.scope import Scope
from sorbus.types.hidden import HIDDEN

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine


def securer_for(engine: Engine, scope: Scope) -> Securer:
    """Guards related rows by what a scope's actor may read of them."""

    def guard(resource: ResourceSpec) -> Node | None:
        program = engine.program(resource, PRIMARY_READ)
        seen = program.filter(program.reading(scope, None), surely=True)
        return conjunction(tenancy(resource), seen)

    return Securer(engine.application, guard)


def asked_by(call: ActionCall, program: PolicyProgram) -> Asked | None:
    """What the policies' facts look at; None when there are none."""
    if not program.about_call:
        return None
    data: WriteData = call.plan.data
    defaults: dict[str, Any] = {}
    if data.action.kind is ActionKind.CREATE:
        defaults = {
            each.name: each.default
            for each in data.spec.attributes.values()
            if each.has_default and each.default_kind is not DefaultKind.FACTORY
        }
    changeset, before = call.changeset, call.asked
    asked = call.asked = Asked(
        call.scope,
        program.action,
        changeset.inputs,
        data.action.kind,
        dict(changeset.changes),
        defaults,
        told=before.told if before is not None and before.action == program.action else {},
    )
    return asked


def _changed_since(asked: Asked | None, changes: Mapping[str, Any]) -> bool:
    """Whether a body or hook has set something after the policies were asked."""
    if asked is None:
        return False
    before = asked.changes
    return before.keys() != changes.keys() or any(
        before[name] is not value for name, value in changes.items()
    )


def decide(call: ActionCall, program: PolicyProgram | None = None) -> Node:
    """What the policies of the call's action come to for it.

    Args:
        program: the policies of another action, for the other branch of an upsert.

    Raises:
        ActionForbidden: they refuse whatever the row is.
    """
    data: WriteData = call.plan.data
    program = program or data.program
    variant = program.variant(call.scope, call.changeset.inputs, asked_by(call, program))
    folded = program.fold(variant)
    if folded == FALSE:
        raise refusal(program, call.scope, call.changeset.inputs, variant=variant)
    if program is data.program:
        call.variant = variant
    return (
        securer_for(data.engine, call.scope).readable(folded, data.spec) if program.about_readable else folded
    )


def update_branch(call: ActionCall, action: str) -> Node:
    """What the policies of an update action ask of the row that an upsert finds: for its `ON CONFLICT … WHERE`.

    `FALSE` means that no row may be updated; an upsert then answers as if that row had been refused.

    Args:
        action: the update action whose policies hold for that branch.
    """
    data: WriteData = call.plan.data
    if not call.scope.authorize:
        return TRUE
    program = data.engine.program(data.spec, action)
    variant = program.variant(call.scope, call.changeset.inputs, asked_by(call, program))
    folded = program.filter(variant, surely=True)
    return (
        securer_for(data.engine, call.scope).readable(folded, data.spec) if program.about_readable else folded
    )


async def authorise(call: ActionCall) -> None:
    """Fold the policies: no, yes, or a condition that the row must meet.

    Raises:
        ActionForbidden: no.
    """
    data: WriteData = call.plan.data
    if not call.scope.authorize:
        call.filter = TRUE
        return
    _settle(call, decide(call))
    upsert = data.action.upsert
    if upsert is not None and upsert.updates is not None:
        call.updates = update_branch(call, upsert.updates)
    if data.action.kind is not ActionKind.CREATE:
        return  # a row may have changed since it was read: the statement's own WHERE decides
    await _authorise_create(call)


async def authorise_again(call: ActionCall) -> None:
    """A body or hook may have set what the policies look at.

    Raises:
        ActionForbidden: they refuse what it has set.
    """
    data: WriteData = call.plan.data
    if not call.scope.authorize:
        return
    if data.program.about_changes and _changed_since(call.asked, call.changeset.changes):
        _settle(call, decide(call))
    if data.action.kind is ActionKind.CREATE and call.filter != TRUE:
        if _in_memory(call, call.filter, call.changeset.changes) is False:
            raise refused(call)
        call.together = True


def _settle(call: ActionCall, folded: Node) -> None:
    runtime = call.plan.data.program.runtime and has_runtime(folded)
    call.judged = folded if runtime else None
    call.filter = folded if call.judged is None else bounded(folded, upper=True)
    call.together = call.together or call.judged is not None


async def _authorise_create(call: ActionCall) -> None:
    """The row is not there yet, and what is known of it decides before any hook runs and anything is written."""
    data: WriteData = call.plan.data
    if call.filter == TRUE and call.judged is None:
        return
    verdict = None if call.judged is not None else _in_memory(call, call.filter, call.changeset.changes)
    if verdict is None and not call.several and not call.changeset.pending:
        # Not only for the hooks: a constraint must not tell about other rows to whom the policies refuse.
        verdict = None if await allows_new_row(call) else False
    if verdict is False:
        raise refused(call)
    if verdict is True and not data.changes_later:
        call.filter = TRUE
    else:
        call.together = True  # the new row is looked at once more, and undone when it is not allowed


def refused(call: ActionCall, row: Mapping[str, Any] | None = None) -> ActionForbidden:
    """The error of a refused call."""
    program: PolicyProgram = call.plan.data.program
    variant = call.variant if len(call.variant) == len(program.atoms) else None
    return refusal(program, call.scope, call.changeset.inputs, variant=variant, row=row)


def _environment(call: ActionCall) -> Environment:
    scope = call.scope
    return Environment(rows=DICT_ROW, actor=scope.actor, tenant=scope.tenant, inputs=call.changeset.inputs)


def _in_memory(call: ActionCall, node: Node, row: dict[str, Any]) -> bool | None:
    """Whether a row meets the policies, as far as memory can tell; None when it cannot."""
    if any_expression(row.values()):
        return None
    if call.changeset.pending:
        # What related writes will set is not known yet.
        row = {name: value for name, value in row.items() if name not in call.changeset.pending}
    try:
        return evaluate(node, call.plan.data.spec.stored(row), _environment(call)) is True
    except Unevaluable:
        return None


async def allows_new_row(call: ActionCall) -> bool:
    """Whether the policies allow the row that a create would write, before it is written: one statement."""
    data: WriteData = call.plan.data
    changes = call.changeset.changes
    node = call.filter if call.judged is None else call.judged
    if call.judged is not None and not any_expression(changes.values()):
        try:
            known = known_in_memory(node, changes, _environment(call))
        except Unevaluable:
            pass
        else:
            return await decided(substitute(node, known), record(data.spec.python, changes), call.scope)
    params: list[Any] = []
    given: list[tuple[str, Node]] = []
    shape: list[Any] = []
    for name, value in changes.items():
        if is_expression(value):
            made = rules.lowered(data, value, params)
            shape.append((name, made))
        else:
            params.append(value)
            made = data.parameter(name, len(params) - 1)
            shape.append(name)
        given.append((name, made))
    judge, outputs = _asked_of_row(data.spec, call)
    key = ("new", call.filter, call.judged, tuple(shape))
    executable = data.executables.get(key)
    if executable is None:
        statement = Select(resource=data.spec, outputs=outputs, where=call.filter, given=tuple(given))
        executable = data.keep(key, statement)
    rows = await data.engine.fetch(data.layer, executable, bindings(call, params))
    return bool(rows) and await _judged(call, judge, rows[0])


def _asked_of_row(spec: ResourceSpec, call: ActionCall) -> tuple[Judge | None, tuple[Output, ...]]:
    """What a statement answers about a row that Python has to look at."""
    if call.judged is None:
        return None, ()
    return judged_outputs(call.judged, attribute_outputs(spec))


async def _judged(call: ActionCall, judge: Judge | None, row: Any) -> bool:
    if judge is None:
        return True
    data: WriteData = call.plan.data
    (found,) = data.hydrate([row])  # the attributes come first
    return await judge.allows(found, row, call.scope)


async def row_allowed(call: ActionCall, where: Node | None, key: Any, *, lock: bool = False) -> bool:
    """Whether a row meets a condition, and Python lets it through where the policies ask for that.

    Args:
        key: the row's key, the first value of the condition.
        lock: whether the row stays as it was seen until the end of the transaction.
    """
    data: WriteData = call.plan.data
    judge, outputs = _asked_of_row(data.spec, call)
    known = ("looked at", call.judged, where, lock)
    executable = data.executables.get(known)
    if executable is None:
        executable = data.keep(
            known, Select(resource=data.spec, outputs=outputs, where=where, lock=Lock() if lock else None)
        )
    rows = await data.engine.fetch(data.layer, executable, bindings(call, [key]))
    return bool(rows) and await _judged(call, judge, rows[0])


def told_names(call: ActionCall, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of an identity's attributes that a violation may mention.

    That a row with the same values is there is what the identity itself tells whoever may write. Which hidden
    attributes took part in it is more than that, unless the caller gave them.
    """
    data: WriteData = call.plan.data
    program = data.engine.field_program(data.spec)
    if program is None or not call.scope.authorize:
        return names
    hidden = program.conditions(program.variant(call.scope, call.changeset.inputs))
    given = {each.name for each in data.action.inputs}
    return tuple(name for name in names if name in given or name not in hidden)


async def answer(call: ActionCall, written: Any) -> Any:
    """Step 15 of a write: the record, with what the actor may not see hidden on it."""
    data: WriteData = call.plan.data
    if not isinstance(written, data.spec.python):
        return written  # a hook's own
    gone = data.action.kind is ActionKind.DESTROY and not data.action.soft
    (found,) = await masked(data, [written], call.scope, call.changeset.inputs, gone=gone)
    return found


async def masked(
    data: WriteData, records: list[Any], scope: Scope, inputs: dict[str, Any], *, gone: bool = False
) -> list[Any]:
    """Records that an action wrote, as its actor may see them; the records themselves stay as they are.

    Args:
        gone: whether their rows are no longer there; what only those could tell is then hidden.
    """
    program = data.engine.field_program(data.spec)
    if program is None or not scope.authorize:
        return records
    conditions = program.conditions(program.variant(scope, inputs))
    if not conditions:
        return records
    environment = Environment(rows=DICT_ROW, actor=scope.actor, tenant=scope.tenant, inputs=inputs)
    hidden: list[set[str]] = [set() for _ in records]
    asked: dict[Node, None] = {}
    for each, names in zip(records, hidden, strict=True):
        for name, node in conditions.items():
            try:
                if evaluate(node, each.__dict__, environment) is not True:
                    names.add(name)
            except Unevaluable:
                names.add(name)
                asked[node] = None
    if asked and not gone:
        await _look_up(data, records, hidden, scope, inputs, conditions=conditions, asked=tuple(asked))
    return [_hiding(data, each, names) for each, names in zip(records, hidden, strict=True)]


async def _look_up(
    data: WriteData,
    records: list[Any],
    hidden: list[set[str]],
    scope: Scope,
    inputs: dict[str, Any],
    *,
    conditions: Mapping[str, Node],
    asked: tuple[Node, ...],
) -> None:
    """Ask the data layer about fields whose policies look at related rows."""
    key = data.spec.primary_key
    executable = data.executables.get(("seen", asked))
    if executable is None:
        outputs = (
            Output(name=key.name, node=Ref(key.name), type=key.type),
            *(Output(name="", node=Call("is_true", (each,)), type=TRUTH) for each in asked),
        )
        where = Call("in", (Ref(key.name), Param(0, tuple)))
        executable = data.keep(("seen", asked), Select(resource=data.spec, outputs=outputs, where=where))
    keys = tuple(each.__dict__[key.name] for each in records)
    found = Bindings([keys], scope.actor, scope.tenant, inputs)
    told = {row[0]: row[1:] for row in await data.engine.fetch(data.layer, executable, found)}
    places = {node: number for number, node in enumerate(asked)}
    for each, names in zip(records, hidden, strict=True):
        row = told.get(each.__dict__[key.name])
        for name, node in conditions.items():
            if node in places and row is not None and row[places[node]]:
                names.discard(name)


def _hiding(data: WriteData, found: Any, names: set[str]) -> Any:
    values = found.__dict__
    about = {name for name in names if name in values or name in data.spec.relationships}
    return record(data.spec.python, {**values, **dict.fromkeys(about, HIDDEN)}) if about else found
