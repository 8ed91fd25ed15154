"""A bulk update or destroy of rows given by their keys: one statement for all that are changed alike."""

from __future__ import annotations

from typing import Any

from sorbus.data_layers.base import Bindings, Executable
from sorbus.engine import rules
from sorbus.engine.bulk.over_query import broken_rule, unchanged
from sorbus.engine.bulk.result import at_row
from sorbus.engine.bulk.running import BulkRun
from sorbus.engine.diagnosis import nothing_written, violated
from sorbus.engine.lifecycle import ActionCall
from sorbus.engine.outputs import attribute_outputs
from sorbus.engine.states import check_choice
from sorbus.engine.storing import previous_names, previous_values, touch
from sorbus.engine.write_data import asked_inputs, guarded, tenancy_for
from sorbus.errors.database import ConstraintViolation, GuardViolation
from sorbus.expressions.build import is_expression
from sorbus.expressions.nodes import Call, Node, Param, Ref, conjunction
from sorbus.query.statements import Delete, Output, Select, Statement, Update, UpdateMany
from sorbus.schema.actions import ActionKind


class Group:
    """Calls that one statement writes: the same attributes from lists, the rest alike.

    Attributes:
        names: the attributes whose values differ from row to row; the key stands in front of them.
        extra: the values of the parameters after the lists.
        identity: what of the calls decides the SQL.
        inputs: those that their policies look at.
    """

    __slots__ = ("assigned", "calls", "extra", "filters", "identity", "inputs", "names", "required")

    def __init__(self, run: BulkRun, call: ActionCall) -> None:
        data, changes = run.data, call.changeset.changes
        self.calls = [call]
        self.names = tuple(name for name, value in changes.items() if not is_expression(value))
        params: list[Any] = [None] * (len(self.names) + 1)
        self.assigned: tuple[tuple[str, Node], ...] = tuple(
            (name, rules.lowered(data, value, params))
            for name, value in changes.items()
            if is_expression(value)
        )
        self.required = rules.guards(data, call.changeset, params)
        self.filters = rules.conditions(data, call.changeset, params)
        self.extra = params[len(self.names) + 1 :]
        none = tenancy_for(call) is None
        self.identity = (self.names, self.assigned, self.required, self.filters, call.filter, none)
        self.inputs = asked_inputs(call.changeset.inputs, call.filter)

    def takes(self, other: Group) -> bool:
        """Whether another group can be written by the same statement with the same values."""
        alike = self.identity == other.identity and self.extra == other.extra
        return alike and self.inputs == other.inputs


async def write_rows(run: BulkRun, session: Any, calls: list[ActionCall]) -> list[ActionCall]:
    """Write calls, grouped into as few statements as they allow.

    Raises:
        SorbusError: why the first row that was not written was not.
    """
    data, groups = run.data, list[Group]()
    for call in calls:
        if data.action.kind is not ActionKind.DESTROY or data.action.soft:
            touch(call)
        if data.chooses:
            check_choice(call.changeset)
        group = Group(run, call)
        known = next((each for each in groups if each.takes(group)), None)
        if known is None:
            groups.append(group)
        else:
            known.calls.append(call)
    for group in groups:
        await _write(run, session, group)
    return calls


async def _write(run: BulkRun, session: Any, group: Group) -> None:
    data = run.data
    key_name = data.spec.primary_key.name
    executable = _executable(run, group)
    lists: list[Any] = [[call.changeset.key for call in group.calls]]
    lists += [
        data.column(name, [call.changeset.changes[name] for call in group.calls]) for name in group.names
    ]
    first = group.calls[0]
    bound = Bindings([*lists, *group.extra], run.scope.actor, run.tenant, first.changeset.inputs)
    try:
        rows = await executable.fetch(session, bound)
    except ConstraintViolation as error:
        raise violated(first, error) from error
    except GuardViolation as error:
        raise broken_rule(first, error) from error
    if run.wants_records:
        written = {each.__dict__[key_name]: each for each in data.hydrate(rows)}
        if previous_names(first):
            old = {
                record.__dict__[key_name]: previous_values(first, row)
                for record, row in zip(written.values(), rows, strict=True)
            }
            for call in group.calls:
                call.previous = old.get(call.changeset.key, {})
    else:
        written = {row[0]: True for row in rows}
    for call in group.calls:
        call.result = written.get(call.changeset.key)
        if call.result is None:
            call.session = session
            raise at_row(await nothing_written(call), call.index)


def _executable(run: BulkRun, group: Group) -> Executable:
    data = run.data
    key = ("over rows", group.identity, run.wants_records)
    found = data.executables.get(key)
    return found if found is not None else data.keep(key, _statement(run, group))


def _statement(run: BulkRun, group: Group) -> Statement:
    data, first = run.data, group.calls[0]
    primary = data.spec.primary_key
    key_alone = (Output(name=primary.name, node=Ref(primary.name), type=primary.type),)
    outputs = attribute_outputs(data.spec) if run.wants_records else key_alone
    where = conjunction(tenancy_for(first), guarded(data), *group.filters, first.filter)
    among = Call("in", (Ref(primary.name), Param(0, list)))
    if data.action.kind is ActionKind.DESTROY and not data.action.soft:
        return Delete(
            resource=data.spec, where=conjunction(among, where), outputs=outputs, guards=group.required
        )
    if not group.names and not group.assigned:
        whole = conjunction(among, where)
        if not group.required:
            return Select(resource=data.spec, outputs=outputs, where=whole)
        return Update(
            resource=data.spec,
            assignments=unchanged(data),
            where=whole,
            outputs=outputs,
            guards=group.required,
        )
    return UpdateMany(
        resource=data.spec,
        columns=(primary.name, *group.names),
        assignments=group.assigned,
        where=where,
        outputs=outputs,
        guards=group.required,
        previous=previous_names(first) if run.wants_records else (),
    )
