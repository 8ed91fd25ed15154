"""Read plans: a shape is compiled once for each decision of the policies that it touches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sorbus.data_layers.base import DataLayer, Executable, Loader
from sorbus.engine.guards import Securer, tenancy
from sorbus.engine.hydrate import Hydrate, hydrator
from sorbus.engine.shapes import DistinctShape, RelatedShape, Shape, SummaryShape
from sorbus.engine.shaping import Shaper
from sorbus.engine.tenants import looks_everywhere
from sorbus.engine.totals import summary_of, value_type
from sorbus.expressions.nodes import InputRef, Node, Ordering, Param, Ref, conjunction
from sorbus.expressions.rewriting import rewritten
from sorbus.policies.fold import PolicyProgram, Variant
from sorbus.query.statements import Combined, Distinct, Output, Related, Select, Summarize, SummaryKind
from sorbus.schema.resource import PRIMARY_READ, ApplicationSpec, ResourceSpec
from sorbus.schema.ways import load_key
from sorbus.scope import Scope

_LARGEST_CACHE = 2000


@dataclass(slots=True)
class ReadPlan:
    """A compiled read.

    Attributes:
        marks: where the sort values of a row stand in it, for its cursor.
        key: where the key of a row stands in it.
        loaders: from stored values to Python's, when single values are read.
        carried: from rows to the rows between that led to them.
    """

    layer: DataLayer
    executable: Executable
    hydrate: Hydrate = list
    marks: tuple[int, ...] = ()
    key: int = 0
    loaders: tuple[Loader | None, ...] = ()
    carried: Hydrate | None = None


@dataclass(slots=True)
class Family:
    """The plans of one shape, one for each decision of the policies that it touches.

    Attributes:
        programs: the policies of the shape's own action, or of the actions of its parts from left to right,
            each with the places of its inputs; then those of the related resources.
        own: how many of them are not of related resources.
        plans: those that look at one tenant.
        everywhere: those that look at all tenants.
    """

    programs: tuple[tuple[PolicyProgram, tuple[tuple[str, int], ...] | None], ...]
    own: int
    plans: dict[tuple[Variant, ...] | None, ReadPlan] = field(
        default_factory=dict[tuple[Variant, ...] | None, ReadPlan]
    )
    everywhere: dict[tuple[Variant, ...] | None, ReadPlan] = field(
        default_factory=dict[tuple[Variant, ...] | None, ReadPlan]
    )


class Planner(Shaper):
    """Turns queries into plans, and counts how often it really compiles."""

    def __init__(
        self,
        application: ApplicationSpec,
        layer_of: Callable[[ResourceSpec], DataLayer],
        program: Callable[[ResourceSpec, str], PolicyProgram],
    ) -> None:
        super().__init__(application)
        self.layer_of = layer_of
        self.program = program
        self.families: dict[Shape, Family] = {}
        self.compiled = 0

    def plan(
        self,
        shape: Shape,
        scope: Scope,
        inputs: dict[str, Any] | None = None,
        values: Sequence[Any] = (),
    ) -> ReadPlan:
        """The compiled plan of a shape for a scope; its policies are folded for the scope's actor.

        Args:
            inputs: those of the shape's own action.
            values: those of the query, where the inputs of its parts are found.
        """
        family = self.families.get(shape)
        if family is None:
            family = self._family(shape)
        key = _decided(family, scope, inputs, values)
        plans = family.everywhere if looks_everywhere(scope) else family.plans
        plan = plans.get(key)
        if plan is None:
            plan = plans[key] = self._compile(shape, family, key, tenants=plans is family.plans)
        return plan

    def guarded(
        self, shape: Shape, scope: Scope, inputs: dict[str, Any] | None, values: Sequence[Any]
    ) -> tuple[Node | None, Any]:
        """The condition of a shape's rows with its guards, for a write over them, and what decides it."""
        family = self.families.get(shape) or self._family(shape)
        key, everywhere = _decided(family, scope, inputs, values), looks_everywhere(scope)
        _, _, rows = self._guarded(shape, family, key, tenants=not everywhere)
        return rows.where, (key, everywhere)

    def _family(self, shape: Shape) -> Family:
        """The policies that a shape touches, found by securing its nodes once without effect."""
        if len(self.families) >= _LARGEST_CACHE:
            self.families.clear()
        spec = self.application.resources[shape.resource]
        touched: dict[str, PolicyProgram] = {}

        def note(resource: ResourceSpec) -> Node | None:
            touched[resource.name] = self.program(resource, PRIMARY_READ)
            return None

        securer = Securer(self.application, note)
        self._secured(shape, spec, securer)
        self._derived(shape, spec, securer)
        related_read(self.application, shape.related, securer)
        own: list[tuple[PolicyProgram, tuple[tuple[str, int], ...] | None]] = [
            (self.program(spec, part.action), part.inputs) for part in shape.every_part()
        ] or [(self.program(spec, shape.action), None)]
        programs = (*own, *((each, None) for each in touched.values()))
        family = self.families[shape] = Family(programs, len(own))
        return family

    def _secured(self, shape: Shape, spec: ResourceSpec, securer: Securer) -> Shape:
        """The shape with every condition and term secured."""

        def node(each: Node | None) -> Node | None:
            return securer.secure(each, (spec,)) if each is not None else None

        def order(terms: tuple[Ordering, ...]) -> tuple[Ordering, ...]:
            return tuple(replace(term, node=securer.secure(term.node, (spec,))) for term in terms)

        secured = replace(shape, where=node(shape.where), order=order(shape.order), value=node(shape.value))
        if shape.distinct is not None:
            on = tuple(securer.secure(each, (spec,)) for each in shape.distinct.on)
            secured = replace(secured, distinct=DistinctShape(on, order(shape.distinct.order)))
        if shape.page is not None:
            secured = replace(secured, page=replace(shape.page, seek=node(shape.page.seek)))
        return replace(
            secured,
            parts=tuple((kind, self._secured(part, spec, securer)) for kind, part in shape.parts),
            summaries=tuple(
                SummaryShape(each.kind, node(each.of), node(each.where), order(each.order), each.unique)
                for each in shape.summaries
            ),
        )

    def _derived(self, shape: Shape, spec: ResourceSpec, securer: Securer) -> tuple[Output, ...]:
        plain = ((name, name, _node(spec, name)) for name in shape.fields)
        extras = ((each.slot, each.name, each.node) for each in shape.extras)
        return tuple(
            Output(name=slot, node=securer.secure(node, (spec,)), type=spec.field(name).type)
            for slot, name, node in (*plain, *extras)
            if node is not None
        )

    def _guarded(
        self, shape: Shape, family: Family, key: tuple[Variant, ...] | None, *, tenants: bool
    ) -> tuple[Shape, Securer, Select]:
        """The secured shape, what secured it, and its rows as far as the actor may see them.

        Args:
            key: what the policies come to; None when nobody asks them.
            tenants: whether the rows of one tenant are looked at, or those of all.
        """
        spec = self.application.resources[shape.resource]
        found = [
            program.fold(variant) for (program, _), variant in zip(family.programs, key or (), strict=False)
        ]
        folds = {
            program.resource.name: fold
            for (program, _), fold in zip(family.programs[family.own :], found[family.own :], strict=False)
        }

        def guard(resource: ResourceSpec) -> Node | None:
            return conjunction(tenancy(resource) if tenants else None, folds.get(resource.name))

        securer = Securer(self.application, guard)
        secured = self._secured(shape, spec, securer)
        own: list[Node | None] = [*found[: family.own]] or [None] * family.own
        return secured, securer, self._rows_of(secured, spec, iter(own), tenancy(spec) if tenants else None)

    def _compile(
        self, shape: Shape, family: Family, key: tuple[Variant, ...] | None, *, tenants: bool
    ) -> ReadPlan:
        self.compiled += 1
        spec = self.application.resources[shape.resource]
        secured, securer, rows = self._guarded(shape, family, key, tenants=tenants)
        layer = self.layer_of(spec)
        if shape.summaries:
            return self._compile_summaries(secured, spec, layer, rows)
        if secured.value is not None:
            kind = value_type(self.application, secured.value, spec)
            select = replace(rows, outputs=(Output(name="value", node=secured.value, type=kind),))
            return ReadPlan(layer, layer.compile(select), loaders=(layer.loader(kind),))
        related = related_read(self.application, shape.related, securer)
        rows = replace(rows, related=related)
        return self._compile_select(secured, spec, layer, rows, self._derived(shape, spec, securer))

    def _rows_of(
        self, shape: Shape, spec: ResourceSpec, own: Iterator[Node | None], tenant: Node | None
    ) -> Select:
        """The rows of a secured shape: those of its parts, or those that the policies of its action allow."""
        within: Combined | None = None
        allowed: Node | None = None
        if shape.parts:
            _, first = shape.parts[0]
            within = Combined(
                first=self._rows_of(first, spec, own, tenant),
                steps=tuple(
                    (kind, self._rows_of(part, spec, own, tenant))
                    for kind, part in shape.parts[1:]
                    if kind is not None
                ),
            )
        else:
            allowed = next(own)
            if allowed is not None and shape.inputs:
                allowed = self._with_inputs(allowed, shape, spec)
        distinct = shape.distinct
        return Select(
            resource=spec,
            outputs=(),
            where=conjunction(shape.where, tenant, allowed),
            order=shape.order,
            limit=Param(shape.limit, int) if shape.limit is not None else None,
            offset=Param(shape.offset, int) if shape.offset is not None else None,
            within=within,
            distinct=Distinct(on=distinct.on, order=distinct.order) if distinct is not None else None,
        )

    def _with_inputs(self, node: Node, shape: Shape, spec: ResourceSpec) -> Node:
        """A policy of a part with the inputs of its own action: a statement may hold several actions."""
        places = dict(shape.inputs)
        action = spec.actions[shape.action]

        def known(each: Node) -> Node | None:
            if not isinstance(each, InputRef) or each.name not in places:
                return None
            declared = action.input(each.name)
            return Param(places[each.name], declared.type.python if declared is not None else object)

        return rewritten(node, known)

    def _compile_summaries(
        self, shape: Shape, spec: ResourceSpec, layer: DataLayer, rows: Select
    ) -> ReadPlan:
        summaries = tuple(summary_of(self.application, each, spec) for each in shape.summaries)
        plan = ReadPlan(layer, layer.compile(Summarize(rows=rows, summaries=summaries)))
        loaders: list[Loader | None] = []
        for each in summaries:
            load = layer.loader(each.type)
            loaders.append(_listed(load) if each.kind is SummaryKind.LIST and load is not None else load)
        plan.loaders = tuple(loaders)
        return plan

    def _compile_select(
        self,
        shape: Shape,
        spec: ResourceSpec,
        layer: DataLayer,
        rows: Select,
        derived: tuple[Output, ...],
    ) -> ReadPlan:
        outputs = (*attribute_outputs(spec, shape.only), *derived)
        select = replace(rows, outputs=outputs, lock=shape.lock)
        front = 1 if rows.related is not None else 0
        marks: tuple[int, ...] = ()
        page = shape.page
        if page is not None:
            front += page.total + page.earlier
            if page.cursors:
                outputs, marks = _marked(outputs, shape.order)
            select = replace(select, outputs=outputs, seek=page.seek, total=page.total, earlier=page.earlier)
        shown = outputs[: len(outputs) - sum(each.name == "" for each in outputs)]
        return ReadPlan(
            layer,
            layer.compile(select),
            hydrator(spec.python, shown, layer, first=front),
            tuple(front + each for each in marks),
            front + next(place for place, each in enumerate(shown) if each.name == spec.primary_key.name),
            carried=self._carried(rows.related, layer, front + len(outputs)),
        )

    def _carried(self, related: Related | None, layer: DataLayer, first: int) -> Hydrate | None:
        between = self.application.join(related.relationship) if related is not None else None
        if related is None or between is None or not related.carried:
            return None
        return hydrator(between.python, related.carried, layer, first=first)


def _node(spec: ResourceSpec, name: str) -> Node | None:
    """What the data layer computes for a derived field; None when Python does."""
    calculation = spec.calculations.get(name)
    if calculation is not None:
        return calculation.node if calculation.function is None else None
    return spec.aggregates[name].node


def _decided(
    family: Family, scope: Scope, inputs: dict[str, Any] | None, values: Sequence[Any]
) -> tuple[Variant, ...] | None:
    """What the policies of a family come to before any row is seen; None when nobody asks them."""
    if not scope.authorize:
        return None
    return tuple(
        program.variant(scope, inputs if places is None else _given(places, values))
        for program, places in family.programs
    )


def _given(places: tuple[tuple[str, int], ...], values: Sequence[Any]) -> dict[str, Any]:
    return {name: values[place] for name, place in places}


def _listed(load: Loader) -> Loader:
    return lambda values: [None if each is None else load(each) for each in values]


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


def related_read(
    application: ApplicationSpec, shape: RelatedShape | None, securer: Securer
) -> Related | None:
    """The part of a select that reads the rows of a relationship, its conditions guarded."""
    if shape is None:
        return None
    source = application.resources[shape.source]
    relationship = source.relationships[shape.relationship]
    way = application.segments(source, relationship)
    _, hops = securer.way(source, relationship, loading=True)
    if hops is None:
        hops = tuple(hop.where for segment in way for hop in segment.hops)
    order: tuple[Ordering, ...] = ()
    if shape.sorts:
        stack = tuple(application.resources[each] for each in way[-1].hops[-1].stack)
        order = tuple(replace(term, node=securer.secure(term.node, stack)) for term in relationship.order)
    between = application.join(relationship)
    return Related(
        source=source,
        relationship=relationship,
        keys=Param(shape.keys, list),
        key=load_key(way, source.primary_key.name),
        hops=hops,
        order=order,
        carried=attribute_outputs(between) if between is not None and shape.carries else (),
        every=shape.every,
    )


def attribute_outputs(spec: ResourceSpec, only: tuple[str, ...] | None = None) -> tuple[Output, ...]:
    """The attributes as outputs, or some of them."""
    return tuple(
        Output(name=each.name, node=Ref(each.name), type=each.type)
        for each in spec.attributes.values()
        if only is None or each.name in only
    )
