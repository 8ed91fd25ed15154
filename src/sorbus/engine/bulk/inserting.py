"""The statement of a bulk create: rows as one list for each attribute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sorbus.data_layers.base import Bindings
from sorbus.engine.bulk.result import at_row
from sorbus.engine.bulk.running import BulkRun
from sorbus.engine.diagnosis import violated
from sorbus.engine.lifecycle import ActionCall
from sorbus.engine.outputs import attribute_outputs
from sorbus.engine.upserting import conflict_of, fallback_of
from sorbus.engine.write_data import tenancy_for
from sorbus.engine.writing import may_need_row
from sorbus.errors.database import ConstraintViolation
from sorbus.expressions.nodes import TRUE, Call, Node, Param, Ref, conjunction
from sorbus.policies.explain import refusal
from sorbus.query.statements import InsertMany, Output, Select


async def insert_lists(
    run: BulkRun,
    session: Any,
    names: tuple[str, ...],
    lists: list[list[Any]],
    call: ActionCall,
    places: Sequence[int | None],
) -> Any:
    """Insert rows given as one list for each attribute, and check what is left of the policies on the new rows.

    Args:
        call: a call of one of the rows; what is left of the policies is the same for all.
        places: the position of each row in what was given.

    Raises:
        ActionForbidden: a new row does not meet the policies; the error says which.
        InvalidAction: a constraint does not allow a row.
    """
    data = run.data
    folded: Node = call.filter
    later = folded != TRUE and may_need_row(data.program)
    upsert = fallback_of(call)
    key = ("insert many", names, folded, call.updates, tenancy_for(call) is None, upsert is None)
    executable = data.executables.get(key)
    if executable is None:
        statement = InsertMany(
            resource=data.spec,
            columns=names,
            outputs=attribute_outputs(data.spec) if upsert is not None else (),
            check=None if folded == TRUE or later else folded,
            conflict=conflict_of(call) if upsert is not None else None,
            previous=data.previous_of_upsert if upsert is not None else (),
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
        wrong = await _refused(run, session, names, lists, call, rows, later=later)
        if wrong is not None:
            raise at_row(refusal(data.program, run.scope, call.changeset.inputs), places[wrong])
    return rows


async def _refused(
    run: BulkRun,
    session: Any,
    names: tuple[str, ...],
    lists: list[list[Any]],
    call: ActionCall,
    rows: Any,
    *,
    later: bool,
) -> int | None:
    """The first of the given rows whose new row does not meet the policies.

    Args:
        later: whether they must be asked once the rows are there.
    """
    data = run.data
    primary = data.spec.primary_key.name
    upsert = fallback_of(call)
    if upsert is None:
        keys = lists[names.index(primary)]
        places: Sequence[int] = range(len(keys))
    else:
        # Not every row is written, and one that was there has a key of its own.
        among = data.spec.identities[upsert.identity].keys
        given = list(zip(*(lists[names.index(each)] for each in among), strict=True))
        records = data.hydrate(rows)
        keys = [each.__dict__[primary] for each in records]
        places = [given.index(tuple(each.__dict__[name] for name in among)) for each in records]
    if later:
        allowed = await _allowed(run, session, keys, call)
        wrong = [place for place, key in zip(places, keys, strict=True) if key not in allowed]
    else:
        position = -1 if upsert is None else -2
        wrong = [place for place, row in zip(places, rows, strict=True) if not row[position]]
    return min(wrong, default=None)


async def _allowed(run: BulkRun, session: Any, keys: list[Any], call: ActionCall) -> set[Any]:
    """The keys of the new rows that meet the policies, when they look at related ones, too."""
    data = run.data
    key = data.spec.primary_key
    executable = data.executables.get(("allowed", call.filter))
    if executable is None:
        among = Call("in", (Ref(key.name), Param(0, list)))
        outputs = (Output(name=key.name, node=Ref(key.name), type=key.type),)
        statement = Select(resource=data.spec, outputs=outputs, where=conjunction(among, call.filter))
        executable = data.keep(("allowed", call.filter), statement)
    rows = await executable.fetch(
        session, Bindings([keys], run.scope.actor, run.tenant, call.changeset.inputs)
    )
    return {row[0] for row in rows}
