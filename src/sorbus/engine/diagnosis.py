"""Why a write did nothing or was refused by the store: from constraints and missing rows to typed errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sorbus.engine.authorising import refused, told_names
from sorbus.engine.states import wrong_state
from sorbus.engine.tenants import reaching
from sorbus.engine.write_data import bindings, guarded, key_is, tenancy_for
from sorbus.errors.base import SorbusError
from sorbus.errors.database import ConstraintViolation, ForeignKeyViolation, UniqueViolation
from sorbus.errors.inputs import (
    AlreadyTaken,
    InvalidAction,
    NoLongerApplies,
    NotFound,
    RelatedMissing,
)
from sorbus.expressions.describe import describe
from sorbus.expressions.nodes import conjunction
from sorbus.query.statements import Select
from sorbus.schema.names import constraint_name, foreign_key_name
from sorbus.schema.resource import ResourceSpec
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.engine.lifecycle import ActionCall


def violated(call: ActionCall, error: ConstraintViolation) -> SorbusError:
    """The typed error of a constraint, with the attributes that it is about."""
    spec, label = call.plan.data.spec, call.plan.data.action.label
    if isinstance(error, UniqueViolation):
        for identity in spec.identities.values():
            if error.constraint == constraint_name(spec, identity.name):
                told = told_names(call, identity.names or identity.keys)
                return InvalidAction(label, [AlreadyTaken(label, told, message=identity.message)])
        names = told_names(call, tuple(_attributes(spec, error.columns)))
        if names:
            return InvalidAction(label, [AlreadyTaken(label, names, message="has already been taken")])
    if isinstance(error, ForeignKeyViolation):
        if error.still_used:
            key = spec.primary_key.name
            return InvalidAction(
                label, [RelatedMissing(label, key, destination=error.table, still_used=True)]
            )
        for each in spec.relationships.values():
            if error.constraint == foreign_key_name(spec, each):
                return InvalidAction(
                    label, [RelatedMissing(label, each.source_attribute, destination=each.destination)]
                )
    return error


def violating(spec: ResourceSpec, error: ConstraintViolation) -> list[str]:
    """The attributes of a resource whose values a constraint refused; none when it is another table's, or not known."""
    table = error.table
    if isinstance(error, ForeignKeyViolation) and error.still_used:
        table = error.referenced
    names = _attributes(spec, error.columns)
    known = table == (spec.table or spec.name) and len(names) == len(error.columns)
    return names if known else []


def _attributes(spec: ResourceSpec, columns: tuple[str, ...]) -> list[str]:
    by_column = {each.column: each.name for each in spec.attributes.values()}
    return [by_column[column] for column in columns if column in by_column]


async def _all_but_filters(call: ActionCall) -> bool:
    """Whether the row would have been written but for the conditions that a change has asked for."""
    data = call.plan.data
    key = ("unfiltered", call.filter, call.guard, tenancy_for(call) is None)
    executable = data.executables.get(key)
    if executable is None:
        where = conjunction(key_is(data.spec, 0), tenancy_for(call), guarded(data), call.guard, call.filter)
        executable = data.keep(key, Select(resource=data.spec, outputs=(), where=where))
    return bool(await data.engine.fetch(data.layer, executable, bindings(call, [call.changeset.key])))


async def nothing_written(call: ActionCall) -> SorbusError:
    """Why no row met the statement's conditions: not there, in another state, or not the actor's to change.

    What the actor may not see does not exist for it.
    """
    data = call.plan.data
    if call.session is not None and data.engine.transaction_of_task() is None:
        # The questions below take a session of their own: many that hold one and wait for another wait for ever.
        data.layer.release(call.session)
        call.session = None
    scope: Scope = reaching(data.spec, (data.action.name,), call.scope)
    key = call.changeset.key
    visible = await data.engine.reader.find_or_none(data.spec, scope, key)
    if visible is None:
        return NotFound(data.spec.name, key)
    if call.changeset.filters and await _all_but_filters(call):
        return call.changeset.filters[0].error()
    if call.guard is not None:
        return NoLongerApplies(data.action.label, condition=describe(call.guard))
    wrong = wrong_state(data.spec, data.action, visible, key=str(key) if call.several else "")
    if wrong is not None:
        return wrong
    return refused(call)
