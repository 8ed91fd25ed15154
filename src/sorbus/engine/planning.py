"""Read plans: a query is lowered to a shape, a shape is compiled once for each decision of the policies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sorbus.data_layers.base import DataLayer, Executable
from sorbus.engine.guards import Securer, tenancy
from sorbus.engine.hydrate import Hydrate, hydrator
from sorbus.engine.judging import Judge, judged_outputs
from sorbus.engine.masking import Cover, Masker, cover, masks_of
from sorbus.errors.declaration import NoSuchField
from sorbus.expressions.lowering import Lowerer
from sorbus.expressions.nodes import Node, Ordering, Param, Ref, conjunction, walk
from sorbus.policies.fields import EVERYTHING, Conditions, FieldProgram
from sorbus.policies.fold import PolicyProgram, Variant
from sorbus.policies.nodes import bounded, has_runtime
from sorbus.query.query import Query
from sorbus.query.statements import Count, Output, Related, Select
from sorbus.schema.fields import RelationshipSpec
from sorbus.schema.policies import NOTHING_WANTED, Readable, Wanted
from sorbus.schema.resource import PRIMARY_READ, ApplicationSpec, ResourceSpec
from sorbus.scope import Scope

_LARGEST_CACHE = 2000


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a query decides its SQL: everything but the values.

    Attributes:
        fields: the derived fields to load besides the attributes.
        related: the relationship and the position of its keys among the values, when related rows are read.
    """

    resource: str
    action: str
    where: Node | None = None
    order: tuple[Ordering, ...] = ()
    fields: tuple[str, ...] = ()
    limit: int | None = None
    offset: int | None = None
    lock: bool = False
    count: bool = False
    related: tuple[str, str, int] | None = None


@dataclass(slots=True)
class ReadPlan:
    """A compiled read.

    Attributes:
        judge: looks at each row in Python, when policies ask for that.
        late: whether records carry values that are hidden at the very end.
    """

    layer: DataLayer
    executable: Executable
    hydrate: Hydrate
    computed: tuple[tuple[str, Callable[[Any], Any]], ...]
    judge: Judge | None = None
    late: bool = False


@dataclass(slots=True)
class Family:
    """The plans of one shape, one for each decision of the policies that it touches.

    Attributes:
        programs: the policies of the resources in the shape; the first is the action's own.
        fields: the field policies of those that have some.
    """

    programs: tuple[PolicyProgram, ...]
    fields: tuple[FieldProgram, ...] = ()
    plans: dict[tuple[Variant, ...] | None, ReadPlan] = field(
        default_factory=dict[tuple[Variant, ...] | None, ReadPlan]
    )


class Lowered:
    """A query as a shape and its values."""

    __slots__ = ("loads", "shape", "values")

    def __init__(
        self, shape: Shape, values: list[Any], loads: tuple[tuple[RelationshipSpec, Any], ...]
    ) -> None:
        self.shape = shape
        self.values = values
        self.loads = loads


class EngineCatalog:
    """The types and targets of declared fields, from the application's spec."""

    def __init__(self, application: ApplicationSpec) -> None:
        self.application = application

    def type_of(self, owner: type[Any], name: str) -> Any:
        """The type of a field."""
        spec = self.application.by_class.get(owner)
        found = spec.fields.get(name) if spec is not None else None
        return found.type if found is not None else None

    def destination(self, relationship: Any) -> type[Any]:
        """The class that a relationship leads to."""
        spec = self.application.by_class[relationship.owner]
        return self.application.destination(spec.relationships[relationship.name]).python


class Planner:
    """Turns queries into plans, and counts how often it really compiles."""

    def __init__(
        self,
        application: ApplicationSpec,
        layer_of: Callable[[ResourceSpec], DataLayer],
        program: Callable[[ResourceSpec, str], PolicyProgram],
        fields: Callable[[ResourceSpec], FieldProgram | None],
    ) -> None:
        self.application = application
        self.layer_of = layer_of
        self.program = program
        self.fields = fields
        self.catalog = EngineCatalog(application)
        self.families: dict[Shape, Family] = {}
        self.compiled = 0

    def lower(self, query: Query[Any], spec: ResourceSpec, *, count: bool = False) -> Lowered:
        """The shape and values of a query."""
        values: list[Any] = []
        lowerer = Lowerer(self.catalog, (spec.python,), values)
        where = conjunction(*(condition.lower(lowerer) for condition in query.conditions))
        if count:
            return Lowered(Shape(spec.name, query.action, where, count=True), values, ())
        order = tuple(term.lower(lowerer) for term in query.sorts)
        fields, loads = self._loads(query, spec)
        if query.take is not None:
            values.append(query.take)
        limit = len(values) - 1 if query.take is not None else None
        if query.skip is not None:
            values.append(query.skip)
        offset = len(values) - 1 if query.skip is not None else None
        shape = Shape(spec.name, query.action, where, order, fields, limit, offset, query.locked)
        return Lowered(shape, values, loads)

    def _loads(
        self, query: Query[Any], spec: ResourceSpec
    ) -> tuple[tuple[str, ...], tuple[tuple[RelationshipSpec, Any], ...]]:
        fields: dict[str, None] = {}
        related: list[tuple[RelationshipSpec, Any]] = []
        for item in query.loads:
            name: str = item.target if isinstance(item.target, str) else item.target.name
            if name in spec.relationships:
                related.append((spec.relationships[name], item.query))
            elif name in spec.calculations or name in spec.aggregates:
                fields.update(dict.fromkeys(_with_needs(spec, name)))
            elif name not in spec.attributes:
                raise NoSuchField(
                    spec.name, name, allowed=[*spec.fields, *spec.relationships], where="a load"
                )
        return tuple(fields), tuple(related)

    def wanted(self, query: Query[Any], spec: ResourceSpec, via: tuple[str, str] | None = None) -> Wanted:
        """What a query asks for, as checks of policies see it."""
        lowered = self.lower(query, spec)
        related = (each.name for each, _ in lowered.loads)
        where = lowered.shape.where
        filters = (each for each in walk(where) if isinstance(each, Ref)) if where is not None else ()
        return Wanted(
            loads=frozenset((*lowered.shape.fields, *related)),
            filters=frozenset(each.path[0] if each.path else each.name for each in filters if not each.outer),
            via=via,
        )

    def plan(
        self,
        shape: Shape,
        scope: Scope,
        inputs: dict[str, Any] | None = None,
        own: Variant | None = None,
        wanted: Wanted = NOTHING_WANTED,
    ) -> ReadPlan:
        """The compiled plan of a shape for a scope; its policies are folded for the scope's actor.

        Args:
            own: what the action's own policies know already.
            wanted: what the read asks for.
        """
        family = self.families.get(shape)
        if family is None:
            family = self._family(shape)
        key: tuple[Variant, ...] | None = None
        if scope.authorize:
            programs = family.programs
            first = programs[0].reading(scope, inputs, wanted) if own is None else own
            key = (first, *(each.reading(scope, inputs) for each in programs[1:]))
            if family.fields:
                key += tuple(each.variant(scope, inputs, wanted) for each in family.fields)
        elif scope.tenant is None:
            key = ()
        plan = family.plans.get(key)
        if plan is None:
            plan = family.plans[key] = self._compile(shape, family, key)
        return plan

    def _family(self, shape: Shape) -> Family:
        """The policies that a shape touches, found by securing its nodes once without effect."""
        if len(self.families) >= _LARGEST_CACHE:
            self.families.clear()
        spec = self.application.resources[shape.resource]
        touched: dict[str, PolicyProgram] = {}
        seen: dict[str, FieldProgram] = {}

        def note(resource: ResourceSpec) -> Node | None:
            touched[resource.name] = self.program(resource, PRIMARY_READ)
            return None

        def look(resource: ResourceSpec) -> Conditions:
            program = self.fields(resource)
            if program is not None:
                seen[resource.name] = program
            return EVERYTHING

        self._secured(shape, spec, Securer(self.application, note), Masker(self.application, look))
        look(spec)
        own = self.program(spec, shape.action)
        for each in (own, *touched.values()):
            if each.about_readable:
                self._note_readable(each, note)
        family = self.families[shape] = Family((own, *touched.values()), tuple(seen.values()))
        return family

    def _note_readable(self, program: PolicyProgram, note: Callable[[ResourceSpec], Node | None]) -> None:
        for node in program.nodes:
            if isinstance(node, Readable):
                note(self.application.destination(program.resource.relationships[node.relationship]))

    def _secured(
        self, shape: Shape, spec: ResourceSpec, securer: Securer, masker: Masker
    ) -> tuple[Node | None, tuple[Ordering, ...], tuple[Output, ...]]:
        stack = (spec,)
        where = securer.secure(masker.mask(shape.where, stack), stack) if shape.where is not None else None
        order = tuple(
            Ordering(securer.secure(masker.mask(term.node, stack), stack), term.descending, term.nulls_first)
            for term in shape.order
        )
        derived = tuple(
            Output(
                name=name, node=securer.secure(masker.loaded(node, stack), stack), type=spec.field(name).type
            )
            for name in shape.fields
            if (node := self._node(spec, name)) is not None
        )
        return where, order, derived

    def _node(self, spec: ResourceSpec, name: str) -> Node | None:
        found = spec.calculations.get(name) or spec.aggregates.get(name)
        return found.node if found is not None else None

    def _compile(self, shape: Shape, family: Family, key: tuple[Variant, ...] | None) -> ReadPlan:
        self.compiled += 1
        spec = self.application.resources[shape.resource]
        # Three modes: authorised (a tuple of variants), system in a tenant (None), system in all (()).
        tenants = key != ()
        count = len(family.programs)
        folds = {
            # What only Python can decide of a related row counts as no.
            program.resource.name: program.filter(variant, surely=True)
            for program, variant in zip(family.programs[1:], (key or ())[1:count], strict=False)
        }
        masks = {
            program.resource.name: program.conditions(variant)
            for program, variant in zip(family.fields, (key or ())[count:], strict=False)
        }

        def guard(resource: ResourceSpec) -> Node | None:
            return conjunction(tenancy(resource) if tenants else None, folds.get(resource.name))

        securer = Securer(self.application, guard)
        masker = Masker(self.application, masks_of(masks))
        where, order, derived = self._secured(shape, spec, securer, masker)
        own = family.programs[0].fold(key[0]) if key else None
        if own is not None:
            own = securer.readable(own, spec)
        filtered = bounded(own, upper=True) if own is not None and family.programs[0].runtime else own
        where = conjunction(where, tenancy(spec) if tenants else None, filtered)
        layer = self.layer_of(spec)
        if shape.count:
            return ReadPlan(layer, layer.compile(Count(resource=spec, where=where)), list, ())
        if shape.related is not None:
            where = conjunction(where, self._key(shape.related, masks))
        judged = own if own is not None and has_runtime(own) else None
        conditions = masks.get(spec.name, EVERYTHING)
        select = _Selecting(where, order, derived, conditions, judged)
        return self._compile_select(shape, spec, layer, select)

    def _key(self, related: tuple[str, str, int], masks: Mapping[str, Conditions]) -> Node | None:
        """When the actor may see the key in a related row that ties it to its source row."""
        relationship = self.application.resources[related[0]].relationships[related[1]]
        return masks.get(relationship.destination, EVERYTHING).get(relationship.destination_attribute)

    def _compile_select(
        self, shape: Shape, spec: ResourceSpec, layer: DataLayer, read: _Selecting
    ) -> ReadPlan:
        computed = tuple(
            (name, function)
            for name in shape.fields
            if (found := spec.calculations.get(name)) and (function := found.function) is not None
        )
        outputs = (*attribute_outputs(spec), *read.derived)
        covered = Cover(outputs)
        if read.conditions:
            late = (
                frozenset(each.name for each in outputs)
                if read.judged is not None
                else _needed(spec, computed)
            )
            covered = cover(spec, outputs, read.conditions, late)
        judge, asked = None, covered.outputs
        if read.judged is not None:
            judge, asked = judged_outputs(read.judged, covered.outputs)
        related: Related | None = None
        if shape.related is not None:
            source_name, relation, position = shape.related
            source = self.application.resources[source_name]
            keys = Param(position, list)
            related = Related(source=source, relationship=source.relationships[relation], keys=keys)
        first = 1 if related is not None else 0
        select = Select(
            resource=spec,
            outputs=asked,
            where=read.where,
            order=read.order,
            limit=Param(shape.limit, int) if shape.limit is not None else None,
            offset=Param(shape.offset, int) if shape.offset is not None else None,
            lock=shape.lock,
            related=related,
        )
        hydrate = hydrator(
            spec.python, covered.outputs, layer, first=first, flags=covered.flags, late=covered.late
        )
        if judge is not None:
            judge = replace(judge, first=first)
        return ReadPlan(layer, layer.compile(select), hydrate, computed, judge, bool(covered.late))


@dataclass(frozen=True, slots=True)
class _Selecting:
    """The parts of a select that the policies have decided.

    Attributes:
        conditions: when each field may be seen.
        judged: what Python has to find out about each row, or None.
    """

    where: Node | None
    order: tuple[Ordering, ...]
    derived: tuple[Output, ...]
    conditions: Conditions
    judged: Node | None


def _needed(spec: ResourceSpec, computed: Iterable[tuple[str, Any]]) -> frozenset[str]:
    """The calculations in Python, and what they are made from."""
    found: set[str] = set()
    for name, _ in computed:
        found |= {name, *spec.calculations[name].loads}
    return frozenset(found)


def _with_needs(spec: ResourceSpec, name: str) -> Iterator[str]:
    """A derived field after the derived fields that it is made from in Python."""
    calculation = spec.calculations.get(name)
    for each in calculation.loads if calculation is not None else ():
        if each not in spec.attributes:
            yield from _with_needs(spec, each)
    yield name


def attribute_outputs(spec: ResourceSpec) -> tuple[Output, ...]:
    """Every attribute as an output."""
    return tuple(
        Output(name=each.name, node=Ref(each.name), type=each.type) for each in spec.attributes.values()
    )
