"""Step 15 of a read: related rows, one statement for each relationship, put on their source records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sorbus.data_layers.base import Row
from sorbus.engine.masking import hide, reachable
from sorbus.engine.paging import Place
from sorbus.engine.read_plans import Known, ReadPlan
from sorbus.engine.shapes import PageShape, RelatedShape
from sorbus.engine.shaping import Lowered
from sorbus.engine.ways import carry, keys_of, load_manual, own_order, start_of
from sorbus.errors.authorization import ActionForbidden
from sorbus.errors.inputs import InvalidPage, TooManyRelated
from sorbus.expressions.nodes import TRUE, Call, conjunction
from sorbus.policies.explain import refusal
from sorbus.policies.fold import Variant
from sorbus.query.page import Page
from sorbus.query.query import LoadItem, NestedPage, Query
from sorbus.schema.fields import Cardinality, RelationshipSpec
from sorbus.schema.policies import Wanted
from sorbus.schema.resource import PRIMARY_READ, ResourceSpec
from sorbus.schema.ways import looks_around
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.engine.reading import Reader


async def load_related(
    reader: Reader,
    records: Sequence[Any],
    spec: ResourceSpec,
    relationship: RelationshipSpec,
    item: LoadItem,
    scope: Scope,
) -> None:
    """Load a relationship on records that are at hand.

    Raises:
        NotLoaded: a record was read without the attribute that leads to the related rows.
        CannotJoin: it needs rows of several data layers in one statement.
        WrongRelated: the function of a manual relationship answered with something else.
    """
    application = reader.planner.application
    if relationship.cardinality is Cardinality.MANUAL:
        records = reachable(records, spec, spec.primary_key.name, relationship.name)
        await load_manual(application, records, spec, relationship, scope)
        return
    destination = application.destination(relationship)
    inner: Query[Any] = item.query if item.query is not None else Query(resource=destination.python)
    own = start_of(application, spec, relationship)
    records = reachable(records, spec, own, relationship.name)
    keys = keys_of(records, spec, own)
    allowed = await _allowed(reader, spec, relationship, inner, keys, scope)
    if allowed is None:
        hide(records, relationship.name)
        return
    scope, known = allowed
    if item.page is not None:
        await _load_pages(reader, records, keys, own, spec, relationship, inner, item, scope, known)
        return
    rows, found = await related_records(
        reader, spec, relationship, inner, keys, scope, known=known, most=item.most
    )
    _attach(records, rows, found, relationship, own)


async def _allowed(
    reader: Reader,
    spec: ResourceSpec,
    relationship: RelationshipSpec,
    inner: Query[Any],
    keys: list[Any],
    scope: Scope,
) -> tuple[Scope, Known] | None:
    """The scope in which related rows are read, and what the check has found out; None where none may be seen.

    Raises:
        ActionForbidden: the relationship says that what may not be read is refused, or the query names an action.
    """
    destination = reader.planner.application.destination(relationship)
    try:
        scope, known = reader.checked(inner, destination, scope, (spec.name, relationship.name))
    except ActionForbidden:
        # A read action that the query names itself is the program's own wish, and refused as such.
        if relationship.authorize_read == "error" or inner.action != PRIMARY_READ:
            raise
        return None
    if relationship.authorize_read == "error" and known is not None and keys:
        await _refuse_hidden(reader, spec, relationship, inner, keys, scope, known)
    return scope, known


async def related_texts(
    reader: Reader,
    spec: ResourceSpec,
    relationship: RelationshipSpec,
    inner: Query[Any],
    keys: list[Any],
    scope: Scope,
    *,
    most: int | None = None,
) -> list[tuple[Any, Any]] | None:
    """What templates make of the related rows behind some keys, each with the key that it belongs to.

    None where the actor may see none of them.

    Args:
        inner: a query with templates.
        most: the most rows of all keys together.

    Raises:
        ActionForbidden: the relationship says that what may not be read is refused.
        TooManyRelated: there are more rows.
    """
    allowed = await _allowed(reader, spec, relationship, inner, keys, scope)
    if allowed is None:
        return None
    scope, known = allowed
    rows, found = await related_records(
        reader, spec, relationship, inner, keys, scope, known=known, most=most
    )
    return [(row[0], each) for row, each in zip(rows, found, strict=True)]


async def related_records(
    reader: Reader,
    spec: ResourceSpec,
    relationship: RelationshipSpec,
    inner: Query[Any],
    keys: list[Any],
    scope: Scope,
    *,
    every: bool = False,
    known: Known = None,
    most: int | None = None,
) -> tuple[list[Row], list[Any]]:
    """The related rows behind some keys, each with its key in front, and their records.

    Args:
        every: whether a record comes once for each row between that leads to it, and carries it.
        known: what the check of the query has found out.
        most: the most rows of all keys together.

    Raises:
        TooManyRelated: there are more.
    """
    destination = reader.planner.application.destination(relationship)
    lowered = reader.planner.lower(inner, destination, otherwise=own_order(relationship))
    plan, rows = await _related_rows(
        reader, lowered, spec, relationship, inner, keys, scope, every=every, known=known, most=most
    )
    found = plan.hydrate(rows)
    if plan.judge is not None:
        rows, found = await plan.judge.seen(rows, found, scope)
    carry(plan, rows, found)
    await reader.finish(plan, found, lowered, destination, scope)
    return rows, found


async def _related_rows(
    reader: Reader,
    lowered: Lowered,
    spec: ResourceSpec,
    relationship: RelationshipSpec,
    inner: Query[Any],
    keys: list[Any],
    scope: Scope,
    *,
    every: bool = False,
    known: Known = None,
    most: int | None = None,
) -> tuple[ReadPlan, list[Row]]:
    """The rows behind the keys, each with the key of its source row in front."""
    if most is not None:
        lowered.values.append(most + 1)
    lowered.values.append(keys)
    join = relationship.join
    related = RelatedShape(
        spec.name,
        relationship.name,
        len(lowered.values) - 1,
        sorts=not inner.sorts and looks_around(relationship.order),
        carries=every or (join is not None and join.carried and inner.templates is None),
        every=every,
        most=len(lowered.values) - 2 if most is not None else None,
    )
    lowered.shape = replace(lowered.shape, related=related)
    inputs = dict(inner.inputs)
    plan = reader.planner.plan(lowered.shape, scope, inputs, lowered.values, known)
    rows: list[Row] = await reader.run(plan, scope, lowered.values, inputs) if keys else []
    if most is not None and len(rows) > most:
        raise TooManyRelated(f"{spec.name}.{relationship.name}", most=most)
    return plan, rows


async def _refuse_hidden(
    reader: Reader,
    spec: ResourceSpec,
    relationship: RelationshipSpec,
    inner: Query[Any],
    keys: list[Any],
    scope: Scope,
    known: tuple[tuple[Variant, ...], Wanted],
) -> None:
    """Refuse to load related rows when there is one that the actor may not see.

    Raises:
        ActionForbidden: there is one.
    """
    destination = reader.planner.application.destination(relationship)
    if inner.parts:
        return  # what a combination takes its rows from has been asked for by the program itself
    (variant,) = known[0]
    program = reader.engine.program(destination, inner.action)
    folded = program.filter(variant, surely=True)
    if folded == TRUE:
        return
    lowered = reader.planner.condition(replace(inner, take=None, skip=None), destination)
    refused = Call("not", (Call("is_true", (folded,)),))
    lowered.shape = replace(lowered.shape, where=conjunction(lowered.shape.where, refused))
    system = replace(scope, authorize=False)
    _, rows = await _related_rows(reader, lowered, spec, relationship, inner, keys, system)
    if rows:
        raise refusal(program, scope, dict(inner.inputs), variant=variant)


def _attach(
    records: Sequence[Any], rows: list[Row], found: list[Any], relationship: RelationshipSpec, own: str
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


# pages on each record


async def _load_pages(
    reader: Reader,
    records: Sequence[Any],
    keys: list[Any],
    own: str,
    spec: ResourceSpec,
    relationship: RelationshipSpec,
    inner: Query[Any],
    item: LoadItem,
    scope: Scope,
    known: Known,
) -> None:
    """One page of related rows on each record, all in one statement."""
    page = item.page or NestedPage()
    if not relationship.to_many:
        raise InvalidPage("relationship", relationship.name, allowed="one to many rows")
    if looks_around(relationship.order) and not inner.sorts:
        raise InvalidPage("sort", "fields of the row between", allowed="a query with an order of its own")
    destination = reader.planner.application.destination(relationship)
    rules = reader.pages.rules(inner, destination)
    size, counted = rules.limit_of(page.limit), rules.count_of(page.count)
    if inner.cut:
        raise InvalidPage("limit", inner.take, allowed="a query without a limit of its own")
    query = inner.limit(size + 1)
    place: Place | None = None
    if page.offset is not None:
        if page.after is not None or page.before is not None:
            raise InvalidPage("offset", page.offset, allowed="a cursor or an offset, not both")
        lowered = reader.planner.lower(query.offset(page.offset), destination, otherwise=relationship.order)
        lowered.paged(PageShape(total=counted, cursors=False))
    else:
        lowered = reader.planner.lower(query, destination, otherwise=relationship.order)
        place = reader.pages.place(
            lowered,
            destination,
            scope,
            after=page.after,
            before=page.before,
            of=f"{spec.name}.{relationship.name}",
        )
        reader.pages.seek(lowered, place, destination, counted=counted)
    plan, rows = await _related_rows(
        reader, lowered, spec, relationship, inner, keys, scope, known=known, most=item.most
    )
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[0], []).append(row)
    backward = place is not None and place.backward
    shown: dict[Any, list[Any]] = {}
    everyone: list[Any] = []
    for key, group in groups.items():
        # A source row without related rows still says how many there are: its outputs are null.
        group[:] = [row for row in group if row[plan.key] is not None] or group
        there = group[:size] if group[0][plan.key] is not None else []
        if backward:
            there = there[::-1]
        shown[key] = plan.hydrate(there)
        carry(plan, there, shown[key])
        everyone.extend(shown[key])
    await reader.finish(plan, everyone, lowered, destination, scope)
    for record in records:
        key = record.__dict__[own]
        record.__dict__[relationship.name] = _page(
            reader, groups.get(key, []), shown.get(key, []), plan, place, page, size=size, counted=counted
        )


def _page(
    reader: Reader,
    rows: list[Row],
    records: list[Any],
    plan: ReadPlan,
    place: Place | None,
    page: NestedPage,
    *,
    size: int,
    counted: bool,
) -> Page[Any]:
    """The page of one source row."""
    total: int | None = None
    if counted:
        total = rows[0][1] if rows else 0
    earlier = bool(rows and place is not None and place.cursor is not None and rows[0][2 if counted else 1])
    found = rows if records else []
    if place is not None:
        return reader.pages.made(found, records, plan, place, size=size, total=total, earlier=earlier)
    offset = page.offset or 0
    return Page(
        items=tuple(records),
        has_next=len(found) > size,
        has_previous=offset > 0,
        limit=size,
        offset=offset,
        count=total,
    )


# records at hand


async def load(
    reader: Reader,
    records: Sequence[Any],
    spec: ResourceSpec,
    scope: Scope,
    items: Sequence[LoadItem],
    *,
    reuse: bool,
) -> None:
    """Load fields and relationships on records that are at hand.

    Args:
        reuse: whether what a record has already is left as it is; further loads go on from there.
    """
    query: Query[Any] = Query(resource=spec.python, loads=tuple(items))
    lowered = reader.planner.lower(query, spec)
    fields = lowered.asked
    if reuse:
        fields = {
            name: item for name, item in fields.items() if any(name not in each.__dict__ for each in records)
        }
    if fields:
        await _load_fields(reader, records, spec, scope, fields)
    after = lowered.python.after if lowered.python is not None else ()
    for relationship, item in (*lowered.loads, *after):
        missing = [each for each in records if not reuse or relationship.name not in each.__dict__]
        if missing:
            await load_related(reader, missing, spec, relationship, item, scope)
        there = [each for each in records if not any(each is other for other in missing)]
        if there and item.query is not None and item.query.loads:
            await _load_further(reader, there, relationship, item.query, scope)


async def _load_further(
    reader: Reader,
    records: Sequence[Any],
    relationship: RelationshipSpec,
    query: Query[Any],
    scope: Scope,
) -> None:
    """The loads of a relationship's query, on the related records that are there already."""
    destination = reader.planner.application.destination(relationship)
    found: dict[int, Any] = {}
    for record in records:
        value = record.__dict__[relationship.name]
        several = [value] if not relationship.to_many else value
        found.update((id(each), each) for each in several if each is not None)
    await load(reader, list(found.values()), destination, scope, query.loads, reuse=True)


async def _load_fields(
    reader: Reader, records: Sequence[Any], spec: ResourceSpec, scope: Scope, fields: Mapping[str, LoadItem]
) -> None:
    """Derived fields, by one read of the records' keys; what the actor may not read stays unloaded."""
    key = spec.primary_key.name
    python: Any = spec.python
    field = getattr(python, key)
    query: Query[Any] = Query(
        resource=python,
        conditions=(field.is_in([each.__dict__[key] for each in records]),),
        loads=tuple(fields.values()),
        only=(field,),
    )
    read = {each.__dict__[key]: each for each in await reader.everything(query, scope)}
    for record in records:
        source = read.get(record.__dict__[key])
        if source is not None:
            record.__dict__.update((name, source.__dict__[name]) for name in fields)
