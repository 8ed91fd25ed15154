"""Ways to related rows, as reads go them: the keys to start from, what a function finds, the rows between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sorbus.data_layers.base import Row
from sorbus.errors.access import NotLoaded
from sorbus.errors.framework import CannotJoin, WrongRelated
from sorbus.expressions.nodes import Ordering
from sorbus.schema.fields import RelationshipSpec
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.schema.ways import load_key, looks_around
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.engine.read_plans import ReadPlan

JOIN_ROW = "__join__"
"""Where a record that was loaded over a resource between carries the row that led to it."""


def start_of(application: ApplicationSpec, spec: ResourceSpec, relationship: RelationshipSpec) -> str:
    """The attribute of the source records by whose values related rows are loaded.

    Raises:
        CannotJoin: one statement would have to join rows of several data layers.
    """
    way = application.segments(spec, relationship)
    layer = application.destination(relationship).layer
    own = load_key(way, spec.primary_key.name)
    for hop in (hop for segment in way for hop in segment.hops):
        found = application.resources[hop.resource].layer
        if found != layer:
            label = f"{spec.name}.{relationship.name}"
            raise CannotJoin(label, f"the rows of {hop.resource} live in another data layer ({found})")
    return own


def own_order(relationship: RelationshipSpec) -> tuple[Ordering, ...]:
    """The relationship's order, as far as it looks at the related rows alone."""
    return () if looks_around(relationship.order) else relationship.order


def keys_of(records: Sequence[Any], spec: ResourceSpec, own: str) -> list[Any]:
    """The distinct keys to start from; null leads nowhere.

    Raises:
        NotLoaded: a record was read without the attribute that leads to the related rows.
    """
    try:
        return list({key for record in records if (key := record.__dict__[own]) is not None})
    except KeyError:
        raise NotLoaded(spec.name, own) from None


async def load_manual(
    application: ApplicationSpec,
    records: Sequence[Any],
    spec: ResourceSpec,
    relationship: RelationshipSpec,
    scope: Scope,
) -> None:
    """Ask a function for the related rows of all records at once.

    Raises:
        WrongRelated: it answers with something else.
    """
    label, name = f"{spec.name}.{relationship.name}", relationship.name
    python = application.destination(relationship).python
    function: Any = relationship.function
    answer: Any = await function(list(records), scope)
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


def carry(plan: ReadPlan, rows: Sequence[Row], found: Sequence[Any]) -> None:
    """Give records the rows between that led to them."""
    if plan.carried is not None:
        for record, between in zip(found, plan.carried(rows), strict=True):
            record.__dict__[JOIN_ROW] = between
