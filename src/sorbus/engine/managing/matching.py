"""Which rows an input means: those that are related already, and those that can be looked up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any

from sorbus.engine.hydrate import record
from sorbus.engine.loading import related_records
from sorbus.engine.managing.wanted import Wanted, key_of, primary
from sorbus.engine.ways import JOIN_ROW, keys_of, start_of
from sorbus.expressions.build import Expr
from sorbus.query.query import Query
from sorbus.schema.fields import Cardinality
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.engine.engine import Engine
    from sorbus.engine.lifecycle import ActionCall
    from sorbus.engine.managing.plans import ManagedPlan


@dataclass(slots=True, eq=False)
class There:
    """A row that is related already, and the row between, if any."""

    record: Any
    between: Any = None


@dataclass(slots=True, eq=False)
class Parent:
    """One write and what it asks of its related rows.

    Attributes:
        key: the value that related rows hold.
        there: the rows that are related, as far as the actor sees them.
    """

    call: ActionCall
    key: Any
    wanted: list[Wanted]
    there: list[There] = field(default_factory=list[There])

    def match(self, plan: ManagedPlan) -> list[There]:
        """Give each item the related row that it names; what is left is named by none."""
        by: dict[tuple[str, ...], dict[tuple[Any, ...], There]] = {}
        left = {id(each): each for each in self.there}
        for item in self.wanted:
            if item.names is None:
                continue
            known = by.get(item.names)
            if known is None:
                known = by[item.names] = {key_of(each.record, item.names): each for each in self.there}
            found = known.get(item.key)
            if found is not None:
                item.record, item.between = found.record, found.between
                same = primary(plan.far, found.record)
                # Several rows between may lead to one row; it is named all the same.
                for each in self.there:
                    if primary(plan.far, each.record) == same:
                        left.pop(id(each), None)
        return list(left.values())

    def has(self, plan: ManagedPlan, item: Wanted) -> bool:
        """Whether a row that was looked up is related already, as it says itself."""
        if item.record is None or self.key is None:
            return False
        return bool(item.record.__dict__.get(plan.relationship.destination_attribute) == self.key)


async def read_related(engine: Engine, plan: ManagedPlan, parents: Sequence[Parent], scope: Scope) -> None:
    """Read the rows that are related already, by one statement for all parents."""
    spec, relationship = plan.spec, plan.relationship
    own = start_of(engine.application, spec, relationship)
    stubs = [_stub(plan, parent, own) for parent in parents]
    inner: Query[Any] = Query(resource=plan.far.python)
    scope, known = engine.reader.checked(inner, plan.far, scope, (spec.name, relationship.name))
    keys = keys_of(stubs, spec, own)
    many = plan.join is not None
    rows, found = await related_records(
        engine.reader, spec, relationship, inner, keys, scope, every=many, known=known
    )
    groups: dict[Any, list[There]] = {}
    for row, each in zip(rows, found, strict=True):
        groups.setdefault(row[0], []).append(There(each, each.__dict__.pop(JOIN_ROW, None)))
    for parent, stub in zip(parents, stubs, strict=True):
        parent.there = groups.get(stub.__dict__[own], [])


def _stub(plan: ManagedPlan, parent: Parent, own: str) -> Any:
    """The source row as far as it is known: before a write as it was read, afterwards as it is."""
    changeset = parent.call.changeset
    if parent.call.result is not None:
        return parent.call.result
    values = dict(changeset.record.__dict__) if changeset.record is not None else {}
    values.setdefault(plan.spec.primary_key.name, changeset.key)
    values.setdefault(own, parent.key)
    return record(plan.spec.python, values)


async def look_up(engine: Engine, plan: ManagedPlan, wanted: Iterable[Wanted], scope: Scope) -> None:
    """Find the rows that items name by an identity, by one statement for all of them, as far as the actor sees them."""
    by: dict[tuple[str, ...], list[Wanted]] = {}
    for item in wanted:
        if item.names is not None:
            by.setdefault(item.names, []).append(item)
    if not by:
        return
    python: Any = plan.far.python
    conditions: list[Expr[bool]] = []
    for names, items in by.items():
        parts: list[Expr[bool]] = []
        for position, name in enumerate(names):
            values = list(dict.fromkeys(item.key[position] for item in items))
            parts.append(getattr(python, name).is_in(values))
        conditions.append(reduce(lambda one, two: one & two, parts))
    condition = reduce(lambda one, two: one | two, conditions)
    query: Query[Any] = Query(resource=python, conditions=(condition,))
    found = await engine.reader.everything(query, scope)
    for names, items in by.items():
        known = {key_of(each, names): each for each in found}
        for item in items:
            item.record = known.get(item.key)


def tells_itself(plan: ManagedPlan) -> bool:
    """Whether the rows that are looked up tell themselves which are related, and nobody asks about others."""
    how, relationship = plan.how, plan.relationship
    others = how.on_missing != "ignore" or how.on_match in {"unrelate", "destroy"}
    plain = plan.join is None and relationship.where is None and not relationship.limited
    return how.on_lookup != "ignore" and plain and not others


def is_new(call: ActionCall) -> bool:
    """Whether a write makes a row that nothing can be related to yet."""
    action = call.plan.data.action
    return call.changeset.key is None and action.upsert is None


def holds_key(plan: ManagedPlan) -> bool:
    """Whether the row itself holds the key of the related one."""
    return plan.relationship.cardinality is Cardinality.BELONGS_TO
