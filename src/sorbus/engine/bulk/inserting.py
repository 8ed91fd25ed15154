"""The statement of a bulk create: rows as one list for each attribute."""

from __future__ import annotations

from typing import Any

from sorbus.data_layers.base import Bindings
from sorbus.engine.bulk.running import BulkRun
from sorbus.engine.diagnosis import violated
from sorbus.engine.lifecycle import ActionCall
from sorbus.engine.planning import attribute_outputs
from sorbus.engine.upserting import conflict_of
from sorbus.engine.write_data import tenancy_for
from sorbus.engine.writing import may_need_row
from sorbus.errors.database import ConstraintViolation
from sorbus.expressions.nodes import TRUE, Call, Node, Param, Ref, conjunction
from sorbus.policies.explain import refusal
from sorbus.query.statements import InsertMany, Select


async def insert_lists(
    run: BulkRun, session: Any, names: tuple[str, ...], lists: list[list[Any]], call: ActionCall
) -> Any:
    """Insert rows given as one list for each attribute, and check what is left of the policies on the new rows.

    Raises:
        ActionForbidden: a new row does not meet the policies.
        InvalidAction: a constraint does not allow a row.
    """
    data = run.data
    folded: Node = call.filter
    later = folded != TRUE and may_need_row(data.program)
    upsert = data.action.upsert
    key = ("insert many", names, folded, call.updates, tenancy_for(call) is None)
    executable = data.executables.get(key)
    if executable is None:
        statement = InsertMany(
            resource=data.spec,
            columns=names,
            outputs=attribute_outputs(data.spec) if upsert is not None else (),
            check=None if folded == TRUE or later else folded,
            conflict=conflict_of(call) if upsert is not None else None,
            previous=data.previous_of_upsert,
            tagged=upsert is not None,
        )
        executable = data.keep(key, statement)
    columns = [data.column(name, cells) for name, cells in zip(names, lists, strict=True)]
    bound = Bindings(columns, run.scope.actor, run.tenant, call.changeset.inputs)
    try:
        rows = await executable.fetch(session, bound)
    except ConstraintViolation as error:
        raise violated(call, error) from error
    if folded != TRUE:
        position = -2 if upsert is not None else -1
        allowed = (
            await _all_allowed(run, session, names, lists, folded)
            if later
            else all(row[position] for row in rows)
        )
        if not allowed:
            raise refusal(data.program, run.scope, call.changeset.inputs)
    return rows


async def _all_allowed(
    run: BulkRun, session: Any, names: tuple[str, ...], lists: list[list[Any]], folded: Node
) -> bool:
    """Whether the policies hold for all new rows, when they look at related ones, too."""
    data = run.data
    key = data.spec.primary_key
    executable = data.executables.get(("allowed", folded))
    if executable is None:
        among = Call("in", (Ref(key.name), Param(0, list)))
        statement = Select(resource=data.spec, outputs=(), where=conjunction(among, folded))
        executable = data.keep(("allowed", folded), statement)
    keys = lists[names.index(key.name)]
    rows = await executable.fetch(session, Bindings([keys], run.scope.actor, run.tenant))
    return len(rows) == len(set(keys))
