"""Read plans: a shape is compiled once for each decision of the policies that it touches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sorbus.data_layers.base import DataLayer, Loader
from sorbus.engine.guards import Securer, tenancy
from sorbus.engine.masking import Masker, carried, masks_of
from sorbus.engine.read_plans import Family, Guarded, Known, ReadPlan, Verdict, asked_node, decided, verdict
from sorbus.engine.selecting import nested_select, select_plan
from sorbus.engine.shapes import DistinctShape, RelatedShape, Shape, SummaryShape
from sorbus.engine.shaping import Shaper
from sorbus.engine.tenants import keeps_apart
from sorbus.engine.totals import summary_of, value_type
from sorbus.errors.framework import CannotJudge
from sorbus.expressions.nodes import Const, InputRef, Node, Ordering, Param, Ref, conjunction, walk
from sorbus.expressions.rewriting import rewritten
from sorbus.policies.fields import EVERYTHING, Conditions, FieldProgram
from sorbus.policies.fold import PolicyProgram, Variant
from sorbus.policies.nodes import bounded, has_runtime
from sorbus.query.query import Query
from sorbus.query.statements import Combined, Distinct, Output, Related, Select, Summarize, SummaryKind
from sorbus.schema.policies import NOTHING_WANTED, Readable, Wanted
from sorbus.schema.resource import PRIMARY_READ, ApplicationSpec, ResourceSpec
from sorbus.schema.ways import load_key
from sorbus.scope import Scope

_LARGEST_CACHE = 2000


class Planner(Shaper):
    """Turns queries into plans, and counts how often it really compiles."""

    def __init__(
        self,
        application: ApplicationSpec,
        layer_of: Callable[[ResourceSpec], DataLayer],
        program: Callable[[ResourceSpec, str], PolicyProgram],
        fields: Callable[[ResourceSpec], FieldProgram | None],
    ) -> None:
        super().__init__(application)
        self.layer_of = layer_of
        self.program = program
        self.fields = fields
        self.families: dict[Shape, Family] = {}
        self.compiled = 0

    def wanted(self, query: Query[Any], spec: ResourceSpec, via: tuple[str, str] | None = None) -> Wanted:
        """What a query asks for, where policies look at that."""
        fields = self.fields(spec)
        curious = fields is not None and fields.about_read
        if not curious and not any(self.program(spec, name).about_read for name in actions_of(query)):
            return NOTHING_WANTED
        lowered = self.lower(query, spec)
        related = (each.name for each, _ in lowered.loads)
        filters = {
            each.path[0] if each.path else each.name
            for part in _every(lowered.shape)
            for each in (walk(part.where) if part.where is not None else ())
            if isinstance(each, Ref) and not each.outer
        }
        return Wanted(
            loads=frozenset((*lowered.shape.fields, *related)),
            selected=frozenset(lowered.shape.only) if lowered.shape.only is not None else None,
            filters=frozenset(filters),
            via=via,
        )

    def writes(self, spec: ResourceSpec, actions: Iterable[str], names: Iterable[str]) -> bool:
        """Whether the data layer can write fields of the rows of read actions, whoever reads.

        Not where Python computes a field or looks at rows, nor where policies look at what a read asks for.
        """
        programs = [self.program(spec, each) for each in actions]
        fields = self.fields(spec)
        if any(each.about_read or each.runtime for each in programs):
            return False
        if fields is not None and fields.about_read:
            return False
        layer = self.layer_of(spec)
        return all(
            asked_node(spec, each) is not None and layer.writes(spec.field(each).type) for each in names
        )

    def plan(
        self,
        shape: Shape,
        scope: Scope,
        inputs: dict[str, Any] | None = None,
        values: Sequence[Any] = (),
        known: Known = None,
    ) -> ReadPlan:
        """The compiled plan of a shape for a scope; its policies are folded for the scope's actor.

        Args:
            inputs: those of the shape's own action.
            values: those of the query, where the inputs of its parts are found.
            known: what the check of the query has found out already.

        Raises:
            TenantRequired: it asks about related rows of one tenant, and the scope has none.
        """
        family = self.families.get(shape)
        if family is None:
            family = self._family(shape)
        everywhere = family.looks_everywhere(scope)
        key = verdict(family, scope, inputs, values, known)
        plans = family.everywhere if everywhere else family.plans
        plan = plans.get(key)
        if plan is None:
            plan = plans[key] = self._compile(shape, family, key, tenants=not everywhere)
            plan.everywhere = everywhere
        return plan

    def guarded(
        self,
        shape: Shape,
        scope: Scope,
        inputs: dict[str, Any] | None,
        values: Sequence[Any],
        known: Known,
    ) -> tuple[Node | None, Any]:
        """The condition of a shape's rows with its guards, for a write over them, and what decides it.

        Raises:
            CannotJudge: Python would have to look at the rows.
        """
        family = self.families.get(shape) or self._family(shape)
        key, everywhere = decided(family, scope, inputs, values, known), family.looks_everywhere(scope)
        guarded = self._guarded(shape, family, key, tenants=not everywhere)
        if guarded.judged is not None:
            raise CannotJudge(f"{shape.resource}.{shape.action}", "it writes all of them at once")
        return guarded.rows.where, (key, everywhere)

    def _family(self, shape: Shape) -> Family:
        """The policies that a shape touches, found by securing its nodes once without effect."""
        if len(self.families) >= _LARGEST_CACHE:
            self.families.clear()
        spec = self.application.resources[shape.resource]
        touched: dict[str, PolicyProgram] = {}

        def note(resource: ResourceSpec) -> Node | None:
            touched[resource.name] = self.program(resource, PRIMARY_READ)
            return None

        seen: dict[str, FieldProgram] = {}

        def look(resource: ResourceSpec) -> Conditions:
            program = self.fields(resource)
            if program is not None:
                seen[resource.name] = program
            return EVERYTHING

        securer, masker = Securer(self.application, note), Masker(self.application, look)
        self._secured(shape, spec, securer, masker)
        self._derived(shape, spec, securer, masker)
        related_read(self.application, shape.related, securer, masker)
        asked = [program.resource for program in touched.values()]
        look(spec)
        inputs = shape.inputs if shape.inside else None
        own: list[tuple[PolicyProgram, tuple[tuple[str, int], ...] | None]] = [
            (self.program(spec, part.action), part.inputs) for part in shape.every_part()
        ] or [(self.program(spec, shape.action), inputs)]
        for each, _ in own:
            self._note_readable(each, note)
        programs = (*own, *((each, None) for each in touched.values()))
        family = self.families[shape] = Family(
            programs,
            len(own),
            fields=tuple(seen.values()),
            tenants=next(filter(keeps_apart, asked), None),
            open=any(each.tenancy is not None for each in asked)
            and not any(keeps_apart(program.resource) for program in touched.values()),
            nested=tuple(map(self._family, shape.nested)),
        )
        return family

    def _note_readable(self, program: PolicyProgram, note: Callable[[ResourceSpec], Node | None]) -> None:
        for node in program.nodes if program.about_readable else ():
            if isinstance(node, Readable):
                Securer(self.application, note).readable(node, program.resource)

    def _secured(self, shape: Shape, spec: ResourceSpec, securer: Securer, masker: Masker) -> Shape:
        """The shape with every condition and term masked and secured."""
        stack = (spec,)

        def safe(each: Node) -> Node:
            return securer.secure(masker.mask(each, stack), stack)

        def node(each: Node | None) -> Node | None:
            return safe(each) if each is not None else None

        def shown(each: Node | None) -> Node | None:
            # Single values are answers: what is hidden is null among them.
            return securer.secure(masker.outside(each, stack), stack) if each is not None else None

        def order(terms: tuple[Ordering, ...]) -> tuple[Ordering, ...]:
            return tuple(replace(term, node=safe(term.node)) for term in terms)

        secured = replace(shape, where=node(shape.where), order=order(shape.order), value=shown(shape.value))
        if shape.distinct is not None:
            on = tuple(safe(each) for each in shape.distinct.on)
            secured = replace(secured, distinct=DistinctShape(on, order(shape.distinct.order)))
        if shape.page is not None:
            secured = replace(secured, page=replace(shape.page, seek=node(shape.page.seek)))
        return replace(
            secured,
            parts=tuple((kind, self._secured(part, spec, securer, masker)) for kind, part in shape.parts),
            summaries=tuple(
                SummaryShape(each.kind, shown(each.of), node(each.where), order(each.order), each.unique)
                for each in shape.summaries
            ),
        )

    def _derived(
        self, shape: Shape, spec: ResourceSpec, securer: Securer, masker: Masker
    ) -> tuple[Output, ...]:
        stack = (spec,)
        # An attribute that is not read unasked may be asked for in either way.
        chosen = shape.only or ()
        plain = ((name, name, asked_node(spec, name)) for name in shape.fields if name not in chosen)
        extras = ((each.slot, each.name, each.node) for each in shape.extras)
        return tuple(
            Output(
                name=slot, node=securer.secure(masker.loaded(node, stack), stack), type=spec.field(name).type
            )
            for slot, name, node in (*plain, *extras)
            if node is not None
        )

    def _guarded(
        self, shape: Shape, family: Family, key: tuple[Variant, ...] | None, *, tenants: bool
    ) -> Guarded:
        """A shape as far as the actor may see its rows and their fields.

        Args:
            key: what the policies come to; None when nobody asks them.
            tenants: whether the rows of one tenant are looked at, or those of all.
        """
        spec = self.application.resources[shape.resource]
        count, variants = len(family.programs), key or ()
        folds = {
            # What only Python can decide of a related row counts as no.
            program.resource.name: program.filter(variant, surely=True)
            for (program, _), variant in zip(
                family.programs[family.own :], variants[family.own : count], strict=False
            )
        }
        masks = {
            program.resource.name: program.conditions(variant)
            for program, variant in zip(family.fields, variants[count:], strict=False)
        }

        def guard(resource: ResourceSpec) -> Node | None:
            return conjunction(tenancy(resource) if tenants else None, folds.get(resource.name))

        securer = Securer(self.application, guard)
        masker = Masker(self.application, masks_of(masks))
        secured = self._secured(shape, spec, securer, masker)
        own, judged = self._own(shape, family, variants, securer)
        rows = self._rows_of(secured, spec, iter(own), tenancy(spec) if tenants else None)
        return Guarded(secured, securer, masker, masks, rows, judged)

    def _own(
        self, shape: Shape, family: Family, variants: tuple[Variant, ...], securer: Securer
    ) -> tuple[list[Node | None], Node | None]:
        """What the policies of the actions ask of the rows, and what Python has to find out about each."""
        if not variants:
            return [None] * family.own, None
        folds: list[Node] = []
        for (program, _), variant in zip(family.programs[: family.own], variants, strict=False):
            folded = program.fold(variant)
            folds.append(securer.readable(folded, program.resource) if program.about_readable else folded)
        looking = next((place for place, each in enumerate(folds) if has_runtime(each)), None)
        if looking is None:
            return [*folds], None
        spec = self.application.resources[shape.resource]
        if shape.parts:
            pairs = zip(folds, shape.every_part(), strict=True)
            folds = [self._with_inputs(each, part, spec) for each, part in pairs]
        reason = unjudgeable(shape, folds)
        if reason:
            program, _ = family.programs[looking]
            raise CannotJudge(f"{spec.name}.{program.action}", reason)
        # Where a limit counts for each source row, rows that only Python can let through are left out.
        cut = shape.page is not None or shape.limit is not None or shape.offset is not None
        judged = None if shape.related is not None and cut else folds[looking]
        return [bounded(each, upper=judged is not None) for each in folds], judged

    def _compile(self, shape: Shape, family: Family, key: Verdict, *, tenants: bool) -> ReadPlan:
        self.compiled += 1
        spec = self.application.resources[shape.resource]
        own, nested = self._nested_rows(shape, family, key)
        guarded = self._guarded(shape, family, own, tenants=tenants)
        layer, secured, rows = self.layer_of(spec), guarded.shape, guarded.rows
        if shape.summaries:
            return self._compile_summaries(shape, secured, spec, layer, rows)
        if secured.value is not None and shape.value is not None:
            kind = value_type(self.application, shape.value, spec)
            select = replace(rows, outputs=(Output(name="value", node=secured.value, type=kind),))
            return ReadPlan(layer, layer.compile(select), loaders=(layer.loader(kind),))
        guarded, derived = self._tied(guarded, shape, spec)
        return select_plan(self.application, layer, spec, guarded, derived, nested)

    def _tied(self, guarded: Guarded, shape: Shape, spec: ResourceSpec) -> tuple[Guarded, tuple[Output, ...]]:
        """Rows with what leads to them, and the derived fields that are asked for."""
        related = related_read(self.application, shape.related, guarded.securer, guarded.masker)
        if related is not None:
            where = conjunction(guarded.rows.where, guarded.key(related))
            guarded = replace(guarded, rows=replace(guarded.rows, related=related, where=where))
        return guarded, self._derived(shape, spec, guarded.securer, guarded.masker)

    def _nested_rows(
        self, shape: Shape, family: Family, key: Verdict
    ) -> tuple[tuple[Variant, ...] | None, tuple[Select, ...]]:
        """What the policies of a shape itself come to, and the selects of what is nested in it."""
        if not shape.nested:
            return key, ()
        own, *keys = key
        found: list[Select] = []
        for inner, each, (everywhere, known) in zip(shape.nested, family.nested, keys, strict=True):
            spec = self.application.resources[inner.resource]
            mine, further = self._nested_rows(inner, each, known)
            guarded = self._guarded(inner, each, mine, tenants=not everywhere)
            guarded, derived = self._tied(guarded, inner, spec)
            found.append(nested_select(self.application, spec, guarded, derived, further))
        return own, tuple(found)

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
            limit=_limit(shape),
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
        self, shape: Shape, secured: Shape, spec: ResourceSpec, layer: DataLayer, rows: Select
    ) -> ReadPlan:
        summaries = tuple(
            # The type is that of what was written; a mask makes it null, and nothing else.
            replace(summary_of(self.application, plain, spec), of=safe.of, where=safe.where, order=safe.order)
            for plain, safe in zip(shape.summaries, secured.summaries, strict=True)
        )
        plan = ReadPlan(layer, layer.compile(Summarize(rows=rows, summaries=summaries)))
        loaders: list[Loader | None] = []
        for each in summaries:
            load = layer.loader(each.type)
            loaders.append(_listed(load) if each.kind is SummaryKind.LIST and load is not None else load)
        plan.loaders = tuple(loaders)
        return plan


def actions_of(query: Query[Any]) -> Iterator[str]:
    """The actions that the rows of a query come from."""
    if not query.parts:
        yield query.action
    for _, part in query.parts:
        yield from actions_of(part)


def _limit(shape: Shape) -> Node | None:
    if shape.usual is not None:
        return Const(shape.usual)
    return Param(shape.limit, int) if shape.limit is not None else None


def _every(shape: Shape) -> Iterator[Shape]:
    """A shape and its parts."""
    yield shape
    for _, part in shape.parts:
        yield from _every(part)


def unjudgeable(shape: Shape, folds: Sequence[Node]) -> str:
    """Why Python cannot look at the rows that a statement answers with, instead of those that it chooses from.

    A combination of rows that one policy lets through is what that policy lets through of the combination.

    Args:
        folds: what the policies ask of the rows of each part.

    Returns:
        The reason; empty when it can.
    """
    inner = [each for _, part in shape.parts for each in _every(part)]
    if any(each.distinct is not None for each in (shape, *inner)):
        return "it keeps one of several rows"
    if any(each.limit is not None or each.offset is not None for each in inner):
        return "it takes its rows from a query with a limit or offset"
    return "it combines reads with different policies" if len(set(folds)) > 1 else ""


def _listed(load: Loader) -> Loader:
    return lambda values: [None if each is None else load(each) for each in values]


def related_read(
    application: ApplicationSpec, shape: RelatedShape | None, securer: Securer, masker: Masker
) -> Related | None:
    """The part of a select that reads the rows of a relationship, its conditions guarded, what it carries masked."""
    if shape is None:
        return None
    source = application.resources[shape.source]
    relationship = source.relationships[shape.relationship]
    way = application.segments(source, relationship)
    asked, _ = masker.keys(source, relationship)
    _, hops = securer.way(source, relationship, loading=True, asked=asked)
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
        keys=Param(shape.keys, list) if shape.keys is not None else None,
        key=load_key(way, source.primary_key.name),
        hops=hops,
        order=order,
        carried=carried(between, masker).outputs if between is not None and shape.carries else (),
        every=shape.every,
        most=Param(shape.most, int) if shape.most is not None else None,
    )
