"""A bulk update or destroy as one statement over a query."""

from __future__ import annotations

from copy import copy
from typing import Any

from sorbus.data_layers.base import Bindings, Executable
from sorbus.engine import rules
from sorbus.engine.authorising import told_names
from sorbus.engine.bulk.running import BulkRun
from sorbus.engine.diagnosis import violated
from sorbus.engine.lifecycle import ActionCall
from sorbus.engine.outputs import attribute_outputs
from sorbus.engine.states import starts_elsewhere
from sorbus.engine.storing import assignments, previous_names, previous_values, touch
from sorbus.engine.tenants import EVERYWHERE
from sorbus.engine.write_data import WriteData, guarded, tenancy_for
from sorbus.errors.base import SorbusError
from sorbus.errors.database import ConstraintViolation, GuardViolation
from sorbus.expressions.nodes import Node, Ref, conjunction
from sorbus.query.query import Query
from sorbus.query.statements import Delete, Output, Select, Statement, Update
from sorbus.schema.actions import ActionKind


async def write_query(
    run: BulkRun, session: Any, query: Query[Any], call: ActionCall
) -> tuple[list[ActionCall], int]:
    """Write the rows of a query that the actor may read and change.

    Returns:
        A call with its record for each row where somebody looks at them, else none and the number of rows.
    """
    data = run.data
    touch(call)
    inputs = dict(query.inputs)
    lowered = data.engine.planner.condition(query, data.spec)
    scope, known = data.engine.reader.checked(query, data.spec, run.scope)
    where, variant = data.engine.planner.guarded(lowered.shape, scope, inputs, lowered.values, known)
    params = lowered.values
    assigned, shape = assignments(call, params)
    transition = guarded(data)
    required = rules.guards(data, call.changeset, params)
    filters = rules.conditions(data, call.changeset, params)
    if transition is not None:
        required = (*required, transition)
    if required and not assigned:
        assigned = unchanged(data)
    wanted = run.wants_records
    key = (
        "over query", lowered.shape, variant, shape, call.filter, tenancy_for(call) is None,
        required, filters, wanted,
    )  # fmt: skip
    executable = data.executables.get(key)
    if executable is None:
        whole = conjunction(where, tenancy_for(call), *filters, call.filter)
        executable = data.keep(key, _statement(run, whole, assigned, required, previous_names(call)))
    # The query may count related rows that can be read without a tenant.
    tenant = EVERYWHERE if variant[1] and run.tenant is None else run.tenant
    bound = Bindings(params, run.scope.actor, tenant, {**inputs, **call.changeset.inputs})
    rows = await _fetched(call, executable, session, bound)
    if not wanted:
        return [], int(rows[0][0]) if assigned or data.action.kind is ActionKind.DESTROY else len(rows)
    return [
        _with(call, record, previous_values(call, row))
        for record, row in zip(data.hydrate(rows), rows, strict=True)
    ], 0


def _statement(
    run: BulkRun,
    where: Node | None,
    assigned: tuple[tuple[str, Node], ...],
    required: tuple[Node, ...],
    previous: tuple[str, ...],
) -> Statement:
    data = run.data
    outputs = attribute_outputs(data.spec) if run.wants_records else ()
    counted = not run.wants_records
    transition = data.action.transition
    tells = transition.attribute if transition is not None and transition.sources else ""
    if data.action.kind is ActionKind.DESTROY and not data.action.soft:
        return Delete(
            resource=data.spec, where=where, outputs=outputs, guards=required, tells=tells, counted=counted
        )
    if assigned:
        return Update(
            resource=data.spec,
            assignments=assigned,
            where=where,
            outputs=outputs,
            guards=required,
            tells=tells,
            counted=counted,
            previous=() if counted else previous,
        )
    primary = data.spec.primary_key
    key_alone = (Output(name=primary.name, node=Ref(primary.name), type=primary.type),)
    return Select(resource=data.spec, outputs=outputs or key_alone, where=where)


async def _fetched(call: ActionCall, executable: Executable, session: Any, bound: Bindings) -> Any:
    try:
        return await executable.fetch(session, bound)
    except ConstraintViolation as error:
        raise violated(call, error) from error
    except GuardViolation as error:
        raise broken_rule(call, error) from error


def unchanged(data: WriteData) -> tuple[tuple[str, Node], ...]:
    """What a statement assigns that changes nothing, but asks the rules of each row and locks it."""
    key = data.spec.primary_key.name
    return ((key, Ref(key)),)


def broken_rule(call: ActionCall, error: GuardViolation) -> SorbusError:
    """The error of the rule that a row does not meet: one that was required, or the transition's."""
    data = call.plan.data
    if error.index < len(call.changeset.requirements):
        found = rules.rejected(call.changeset, error)
    else:
        transition = data.action.transition
        state = error.told if told_names(call, (transition.attribute,)) else "in another state"
        found = starts_elsewhere(data.spec, data.action, transition, state, key=error.key)
    found.add_note(f"the row with the key {error.key}")
    return found


def _with(call: ActionCall, record: Any, previous: dict[str, Any]) -> ActionCall:
    """The call of one of the written rows."""
    made = copy(call)
    made.changeset = copy(call.changeset)
    made.changeset.key = record.__dict__[call.plan.data.spec.primary_key.name]
    made.result, made.previous, made.after = record, previous, []
    return made
