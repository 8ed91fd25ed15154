"""Step 4 of a write: the attributes to write are put together, the body runs, then changes and validations."""

from __future__ import annotations

from typing import Any

from sorbus.changeset.changeset import Changeset, Requirement
from sorbus.changeset.collecting import collecting
from sorbus.changeset.items import run_items
from sorbus.engine.casting import check_changes
from sorbus.engine.drafts import make_draft
from sorbus.engine.lifecycle import ActionCall
from sorbus.engine.states import check_bounds
from sorbus.engine.tenants import reaching
from sorbus.engine.write_data import WriteData
from sorbus.errors.access import NotLoaded
from sorbus.errors.authorization import ActionForbidden
from sorbus.errors.inputs import InvalidAction, NotFound, Rejected, Required
from sorbus.expressions.build import Expr
from sorbus.expressions.evaluate import Environment, Unevaluable, evaluate
from sorbus.expressions.lowering import Lowerer
from sorbus.expressions.nodes import Ref
from sorbus.policies.rows import NoRows
from sorbus.schema.actions import ActionKind
from sorbus.schema.tenancy import TenancyMode


async def change_create(call: ActionCall) -> None:
    """Inputs and defaults, then the body, changes and validations."""
    data: WriteData = call.plan.data
    begin_create(call)
    if data.prepares:
        prepare(call)
    if not data.action.body_async:
        check_required(call)


def begin_create(call: ActionCall) -> None:
    """The attributes of a new row before anything of the user's has run."""
    data: WriteData = call.plan.data
    spec, inputs = data.spec, call.changeset.inputs
    changes: dict[str, Any] = {}
    made: dict[Any, Any] = {}
    for name, accepted, attribute in data.fields:
        if accepted and name in inputs:
            changes[name] = inputs[name]
        elif attribute is not None:
            changes[name] = attribute.make_default(made)
    if spec.tenancy is not None and call.scope.tenant is not None:
        name = spec.tenancy.attribute
        # What an input says is kept: an action for all tenants may say any, the others are checked.
        if inputs.get(name) is None or name not in data.accepted:
            changes[name] = spec.tenancy.cast(call.scope.tenant)
    transition = data.action.transition
    if transition is not None and transition.target is not None:
        changes[transition.attribute] = transition.target
    changes.update(call.forced)
    call.changeset.changes = changes
    check_tenant(call)


def check_required(call: ActionCall) -> None:
    """Every attribute that cannot be null has a value."""
    data: WriteData = call.plan.data
    changes, pending = call.changeset.changes, call.changeset.pending
    missing = [
        Required(data.action.label, each.name, expected=each.type.describe())
        for each in data.spec.attributes.values()
        if (
            changes[each.name] is None and not each.type.nullable
            if each.name in changes
            else not each.generated
        )
        if each.name not in pending
    ]
    if missing:
        raise InvalidAction(data.action.label, missing)


async def change_update(call: ActionCall) -> None:
    """The inputs, then the body, changes and validations; the row is read when one of them looks at it."""
    data: WriteData = call.plan.data
    if data.row_first and call.changeset.record is None and call.changeset.key is not None:
        await read_row(call)
    try:
        begin_update(call)
        if data.prepares:
            prepare(call)
    except NotLoaded:
        if call.changeset.key is None or call.reread:
            raise  # the caller decides, or what is missing is nothing that a row has
        data.row_first = call.reread = True
        call.changeset.forget()
        await read_row(call)
        await change_update(call)


change_destroy = change_update
"""A destroy has no attributes to take, unless it is a soft one; its body and validations run alike."""


def begin_update(call: ActionCall) -> None:
    """The attributes of a changed row before anything of the user's has run."""
    data: WriteData = call.plan.data
    changeset = call.changeset
    changeset.changes = {name: value for name, value in changeset.inputs.items() if name in data.accepted}
    transition = data.action.transition
    if transition is not None and transition.target is not None:
        changeset.changes[transition.attribute] = transition.target
    changeset.changes.update(call.forced)
    check_tenant(call)


async def read_row(call: ActionCall) -> None:
    """Read the whole row for a body or hook; step 5 and the statement decide whether the actor may change it."""
    data: WriteData = call.plan.data
    changeset = call.changeset
    scope = reaching(data.spec, (data.action.name,), call.scope).as_system()
    changeset.record = await data.engine.reader.find(data.spec, scope, changeset.key)
    if changeset.record is None:
        raise NotFound(data.spec.name, changeset.key)


def prepare(call: ActionCall) -> None:
    """The sync body, changes and validations. An async body waits until step 6.

    Raises:
        InvalidAction: with everything that is wrong.
        NotLoaded: something looks at the row, which has not been read.
    """
    data: WriteData = call.plan.data
    changeset = call.changeset
    changeset.judge, changeset.catalog = judge, data.engine.planner.catalog
    if data.documents is not None:
        data.documents.settle(call)
    if data.needs_draft:
        call.draft = changeset.draft = make_draft(data.draft, changeset)
    before = dict(changeset.changes)
    with collecting(changeset):
        body = data.action.body
        if data.sync_body and body is not None:
            body(call.draft, call.scope, **changeset.inputs)
        if not data.action.body_async:
            run_items(data.action.changes, changeset, call.scope)
    settle(call, before)


def settle(call: ActionCall, cast_already: dict[str, Any]) -> None:
    """Check what a body, change or hook has set, and keep the tenant out of its reach."""
    data: WriteData = call.plan.data
    changeset = call.changeset
    check_changes(changeset, cast_already)
    check_bounds(changeset)
    check_tenant(call)
    if data.documents is not None and not changeset.errors:
        data.documents.settle(call)
    if changeset.requirements:
        decide(changeset)
    if changeset.errors:
        raise InvalidAction(data.action.label, changeset.errors)


def check_tenant(call: ActionCall) -> None:
    """No row is moved to another tenant, unless the action is one for all of them."""
    data: WriteData = call.plan.data
    tenancy = data.spec.tenancy
    if tenancy is None or call.scope.tenant is None or data.action.tenancy is TenancyMode.ALL:
        return
    name = tenancy.attribute
    changes = call.changeset.changes
    if name in changes and changes[name] != tenancy.cast(call.scope.tenant):
        raise ActionForbidden(
            data.spec.name,
            data.action.name,
            reason=f"`{name}` was set to another tenant than the scope's.",
        )


# rules that are expressions


class Known(NoRows):
    """A row of which some attributes are known; the others are left to the statement."""

    def value(self, row: Any, ref: Ref) -> Any:
        """The attribute's value; `Unevaluable` when it is not known here."""
        if ref.path or ref.outer or ref.name not in row or isinstance(row[ref.name], Expr):
            raise Unevaluable(ref.name)
        return row[ref.name]


_KNOWN = Known()


def judge(changeset: Changeset, condition: Expr[bool], trust: bool) -> bool | None:
    """Whether a condition over the row as it will be holds, as far as memory can tell.

    Raises:
        Unevaluable: only the statement knows.
    """
    row = changeset.changes
    if trust and changeset.record is not None:
        row = {**changeset.record.__dict__, **row}
    return _evaluated(changeset, condition, row)


def _evaluated(changeset: Changeset, condition: Expr[bool], row: dict[str, Any]) -> bool | None:
    catalog = changeset.catalog
    if catalog is None:
        raise Unevaluable("nothing is known about the resource")
    node = condition.lower(Lowerer(catalog, (changeset.resource.python,)))
    stored = changeset.resource.stored(row)
    found: bool | None = evaluate(node, stored, Environment(rows=_KNOWN, inputs=changeset.inputs))
    return found


def decide(changeset: Changeset) -> None:
    """Decide the rules that memory can; the others stay for the statement."""
    open_: list[Requirement] = []
    creating = changeset.action.kind is ActionKind.CREATE
    for each in changeset.requirements:
        row = changeset.changes if creating else each.changes
        try:
            verdict = _evaluated(changeset, each.condition, row)
        except Unevaluable:
            open_.append(each)
            continue
        if verdict is not True:
            changeset.errors.append(Rejected(each.message, field=each.field))
    changeset.requirements[:] = open_
