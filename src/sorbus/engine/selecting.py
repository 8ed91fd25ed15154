"""Selects: the outputs of a read, with masks over them, and what becomes of its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any, cast

from sorbus.data_layers.base import DataLayer, Row
from sorbus.engine.hydrate import Hydrate, hydrator
from sorbus.engine.judging import judged_outputs
from sorbus.engine.masking import carried
from sorbus.engine.outputs import attribute_outputs
from sorbus.engine.read_plans import Guarded, ReadPlan
from sorbus.engine.ways import start_of
from sorbus.errors.framework import CannotJudge
from sorbus.expressions.nodes import FALSE, NULL, TRUE, Call, Node, Ordering, Ref
from sorbus.policies.fields import EVERYTHING, Conditions
from sorbus.query.statements import Chosen as ChosenText
from sorbus.query.statements import Filled, NestedText, Nesting, Output, Select, TextPart
from sorbus.query.templates import Chosen, Nested, Shown, Template
from sorbus.schema.resource import ApplicationSpec, ResourceSpec


def select_plan(
    application: ApplicationSpec,
    layer: DataLayer,
    spec: ResourceSpec,
    read: Guarded,
    derived: tuple[Output, ...],
    nested: tuple[Select, ...] = (),
) -> ReadPlan:
    """The plan of a read that answers with records, or with texts about them.

    Args:
        derived: the derived fields that it asks for.
        nested: the related rows whose texts stand in those of its rows.
    """
    shape = read.shape
    if shape.templates is not None:
        return _written(application, layer, spec, read, derived, nested)
    # A function that judges a row gets all of it.
    only = shape.only if read.judged is None else None
    covered = read.covered(spec, (*attribute_outputs(spec, only), *derived))
    judge, outputs = None, covered.outputs
    if read.judged is not None:
        judge, outputs = judged_outputs(read.judged, outputs)
    select, outputs, marks, front = _paged(read, outputs)
    hydrate = hydrator(
        spec.python, covered.outputs, layer, first=front, flags=covered.flags, late=covered.late
    )
    return ReadPlan(
        layer,
        layer.compile(replace(select, outputs=outputs)),
        hydrate,
        marks,
        front + _place(outputs, spec.primary_key.name),
        carried=_carried(application, read, layer, front + len(outputs)),
        judge=replace(judge, first=front) if judge is not None else None,
        late=bool(covered.late),
        where=read.rows.where,
        masks=read.masks.get(spec.name, EVERYTHING),
    )


def _paged(
    read: Guarded, outputs: tuple[Output, ...]
) -> tuple[Select, tuple[Output, ...], tuple[int, ...], int]:
    """The select with its page, its outputs with the marks of cursors, where those stand, and what is in front."""
    front = 1 if read.rows.related is not None else 0
    marks: tuple[int, ...] = ()
    page = read.shape.page
    select = replace(read.rows, lock=read.shape.lock)
    if page is not None:
        front += page.total + page.earlier
        if page.cursors:
            outputs, marks = _marked(outputs, read.shape.order)
        select = replace(select, seek=page.seek, total=page.total, earlier=page.earlier)
    return select, outputs, tuple(front + each for each in marks), front


def _place(outputs: Sequence[Output], name: str) -> int:
    return next(place for place, each in enumerate(outputs) if each.name == name)


def _carried(application: ApplicationSpec, read: Guarded, layer: DataLayer, first: int) -> Hydrate | None:
    related = read.rows.related
    between = application.join(related.relationship) if related is not None else None
    if related is None or between is None or not related.carried:
        return None
    covered = carried(between, read.masker)
    return hydrator(between.python, covered.outputs, layer, first=first, flags=covered.flags)


def _marked(
    outputs: tuple[Output, ...], order: tuple[Ordering, ...]
) -> tuple[tuple[Output, ...], tuple[int, ...]]:
    """The outputs with the sort values that are not among them, and where each term's value stands.

    The values come from the statement itself and as it sorts by them: one that was made for the record may
    have another type, or be hidden from the actor.
    """
    known: dict[Node, int] = {
        each.node: place for place, each in enumerate(outputs) if isinstance(each.node, Ref)
    }
    marks: list[int] = []
    for term in order:
        place = known.get(term.node)
        if place is None:
            place = known[term.node] = len(outputs)
            outputs = (*outputs, Output(name="", node=term.node, type=None))
        marks.append(place)
    return outputs, tuple(marks)


# texts instead of records


def nested_select(
    application: ApplicationSpec,
    spec: ResourceSpec,
    read: Guarded,
    derived: tuple[Output, ...],
    nested: tuple[Select, ...],
) -> Select:
    """The select of related rows whose texts stand in those of the rows that lead to them."""
    rows, _ = _texts(application, spec, read, derived, nested)
    return replace(rows, outputs=(), gathered=True)


def _written(
    application: ApplicationSpec,
    layer: DataLayer,
    spec: ResourceSpec,
    read: Guarded,
    derived: tuple[Output, ...],
    nested: tuple[Select, ...],
) -> ReadPlan:
    """The plan of a read whose rows are a key, keys that lead on, texts, and numbers of nested rows."""
    rows, leading = _texts(application, spec, read, derived, nested)
    if rows.gathered:
        gathered = replace(rows, outputs=())
        return ReadPlan(layer, layer.compile(gathered), _picker((*range(1, 2 + len(rows.texts)),)))
    count = len(rows.texts) + len(nested)
    paged, outputs, marks, front = _paged(read, leading)
    first = front + len(outputs)
    places = (*range(front, front + len(leading)), *range(first, first + count))
    select = replace(paged, outputs=outputs, texts=rows.texts, nested=rows.nested)
    return ReadPlan(layer, layer.compile(select), _picker(places), marks, front)


def _texts(
    application: ApplicationSpec,
    spec: ResourceSpec,
    read: Guarded,
    derived: tuple[Output, ...],
    nested: tuple[Select, ...],
) -> tuple[Select, tuple[Output, ...]]:
    """The rows of a read with its texts; and their key with the keys that lead on."""
    templates = read.shape.templates
    assert templates is not None
    if read.judged is not None:
        raise CannotJudge(f"{spec.name}.{read.shape.action}", "the data layer writes what it answers with")
    covered = read.covered(spec, (*attribute_outputs(spec, read.shape.only), *derived))
    seen = {each.name: each for each in covered.outputs if each.name}
    conditions = read.masks.get(spec.name, EVERYTHING)

    def start(name: str) -> Output:
        return _start(seen, conditions, start_of(application, spec, spec.relationships[name]), name)

    nestings = tuple(map(_nesting, map(start, templates.nested), nested))
    texts = tuple(tuple(_parts(each, seen, conditions, templates.nested)) for each in templates.texts)
    rows = replace(read.rows, texts=texts, nested=nestings, gathered=templates.gathered)
    return rows, (seen[spec.primary_key.name], *map(start, templates.starts))


def _nesting(start: Output, rows: Select) -> Nesting:
    """Rows behind a key; what the actor may never follow leads to none."""
    if start.node == NULL:
        key = rows.related.source.attributes[rows.related.key] if rows.related is not None else None
        assert key is not None
        start, rows = Output(name="", node=Ref(key.name), type=key.type), replace(rows, where=FALSE)
    return Nesting(start=start, rows=rows)


def _start(seen: dict[str, Output], conditions: Conditions, name: str, relationship: str) -> Output:
    """A key that leads on; null where the actor may not see it or not follow the relationship."""
    output = seen.get(name, Output(name="", node=NULL, type=None))
    condition = conditions.get(relationship, TRUE)
    if condition == TRUE or output.node == NULL:
        return replace(output, name="")
    return replace(output, name="", node=Call("if", (condition, output.node, NULL)))


def _parts(
    template: Template, seen: dict[str, Output], conditions: Conditions, nested: tuple[str, ...]
) -> Iterator[TextPart]:
    """The parts of a text; what is always hidden is null for good."""
    for part in template:
        if isinstance(part, str):
            yield part
        elif isinstance(part, Shown):
            yield seen.get(part.name, "null")
        elif isinstance(part, Nested):
            yield NestedText(place=nested.index(part.name), text=part.text, empty=part.empty)
        elif isinstance(part, Chosen):
            output = seen.get(part.name)
            yield "null" if output is None else ChosenText(output=output, cases=part.cases)
        elif part.name not in seen or conditions.get(part.behind) == FALSE:
            yield "null"
        else:
            yield Filled(
                before=part.before, output=_start(seen, conditions, part.name, part.behind), after=part.after
            )


def _picker(places: tuple[int, ...]) -> Hydrate:
    pick = cast("Callable[[Row], Any]", itemgetter(*places))

    def picked(rows: Sequence[Row]) -> list[Any]:
        return list(map(pick, rows))

    return picked
