"""Step 15 of a read: related rows, one statement for each relationship, put on their source records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sorbus.data_layers.base import Row
from sorbus.engine.planning import ReadPlan
from sorbus.errors.framework import CannotJoin, WrongRelated
from sorbus.query.query import Query
from sorbus.schema.fields import Cardinality, RelationshipSpec
from sorbus.schema.resource import ResourceSpec
from sorbus.schema.ways import load_key
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.engine.reading import Reader

JOIN_ROW = "__join__"
"""Where a record that was loaded over a resource between carries the row that led to it."""


async def load_related(
    reader: Reader,
    records: list[Any],
    spec: ResourceSpec,
    relationship: RelationshipSpec,
    query: Query[Any] | None,
    scope: Scope,
) -> None:
    """Load a relationship on records that are at hand.

    Raises:
        CannotJoin: it needs rows of several data layers in one statement.
        WrongRelated: a manual relationship's function answered with something else.
    """
    if relationship.cardinality is Cardinality.MANUAL:
        await _load_manual(reader, records, spec, relationship, scope)
        return
    application = reader.planner.application
    destination = application.destination(relationship)
    _check_layers(reader, spec, relationship)
    inner: Query[Any] = query if query is not None else Query(resource=destination.python)
    inputs = dict(inner.inputs)
    reader.check(destination, inner.action, scope, inputs)
    way = application.segments(spec, relationship)
    own = load_key(way, spec.primary_key.name)
    keys = list({key for record in records if (key := record.__dict__[own]) is not None})
    lowered = reader.planner.lower(reader.totally_sorted(inner, destination), destination)
    lowered.values.append(keys)
    related = (spec.name, relationship.name, len(lowered.values) - 1, not inner.sorts)
    lowered.shape = replace(lowered.shape, related=related)
    plan = reader.planner.plan(lowered.shape, scope, inputs)
    rows: list[Row] = await reader.run(plan, scope, lowered.values, inputs) if keys else []
    found = plan.hydrate(rows)
    _carry(plan, rows, found)
    await reader.finish(plan, found, lowered, destination, scope)
    _attach(records, rows, found, relationship, own)


def _check_layers(reader: Reader, spec: ResourceSpec, relationship: RelationshipSpec) -> None:
    """Keys may come from anywhere; what one statement joins must live in one data layer."""
    application = reader.planner.application
    layer = application.destination(relationship).layer
    for segment in application.segments(spec, relationship):
        for hop in segment.hops:
            found = application.resources[hop.resource].layer
            if found != layer:
                raise CannotJoin(
                    f"{spec.name}.{relationship.name}",
                    f"the rows of {hop.resource} live in another data layer ({found}) than those it leads to",
                )


async def _load_manual(
    reader: Reader, records: list[Any], spec: ResourceSpec, relationship: RelationshipSpec, scope: Scope
) -> None:
    """Ask a function for the rows of all records at once."""
    label, name = f"{spec.name}.{relationship.name}", relationship.name
    python = reader.planner.application.destination(relationship).python
    function: Any = relationship.function
    answer = await function(list(records), scope)
    if not isinstance(answer, Mapping):
        raise WrongRelated(label, found=type(answer).__name__, expected="a mapping from keys to records")
    found: Mapping[Any, Any] = answer  # pyright: ignore[reportUnknownVariableType]
    key = spec.primary_key.name
    for record in records:
        value = found.get(record.__dict__[key])
        wanted: Sequence[Any] = ([] if value is None else value) if relationship.to_many else (value,)
        for each in wanted:
            if each is not None and not isinstance(each, python):
                raise WrongRelated(label, found=type(each).__name__, expected=python.__name__)
        record.__dict__[name] = list(wanted) if relationship.to_many else value


def _carry(plan: ReadPlan, rows: Sequence[Row], found: Sequence[Any]) -> None:
    if plan.carried is not None:
        for record, between in zip(found, plan.carried(rows), strict=True):
            record.__dict__[JOIN_ROW] = between


def _attach(
    records: list[Any], rows: list[Row], found: list[Any], relationship: RelationshipSpec, own: str
) -> None:
    """Put related records on their source records."""
    name = relationship.name
    groups: dict[Any, list[Any]] = {}
    for row, record in zip(rows, found, strict=True):
        groups.setdefault(row[0], []).append(record)
    if relationship.to_many:
        for record in records:
            record.__dict__[name] = groups.get(record.__dict__[own], [])
        return
    for record in records:
        single = groups.get(record.__dict__[own])
        record.__dict__[name] = single[0] if single else None
