"""Read plans: a query is lowered to a shape, a shape is compiled once for each decision of the policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sorbus.data_layers.base import DataLayer, Executable
from sorbus.engine.guards import Securer, tenancy
from sorbus.engine.hydrate import Hydrate, hydrator
from sorbus.errors.declaration import NoSuchField
from sorbus.expressions.lowering import Lowerer
from sorbus.expressions.nodes import Node, Ordering, Param, Ref, conjunction
from sorbus.policies.fold import PolicyProgram, Variant
from sorbus.query.query import Query
from sorbus.query.statements import Count, Output, Related, Select
from sorbus.schema.fields import RelationshipSpec
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
    """A compiled read."""

    layer: DataLayer
    executable: Executable
    hydrate: Hydrate
    computed: tuple[tuple[str, Callable[[Any], Any]], ...]


@dataclass(slots=True)
class Family:
    """The plans of one shape, one for each decision of the policies that it touches.

    Attributes:
        programs: the policies of the resources in the shape; the first is the action's own.
    """

    programs: tuple[PolicyProgram, ...]
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
    ) -> None:
        self.application = application
        self.layer_of = layer_of
        self.program = program
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
            elif name in spec.attributes:
                fields.update({} if spec.attributes[name].select_by_default else {name: None})
            else:
                raise NoSuchField(
                    spec.name, name, allowed=[*spec.fields, *spec.relationships], where="a load"
                )
        return tuple(fields), tuple(related)

    def plan(self, shape: Shape, scope: Scope, inputs: dict[str, Any] | None = None) -> ReadPlan:
        """The compiled plan of a shape for a scope; its policies are folded for the scope's actor."""
        family = self.families.get(shape)
        if family is None:
            family = self._family(shape)
        key = tuple(each.variant(scope, inputs) for each in family.programs) if scope.authorize else None
        if key is None and scope.tenant is None:
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

        def note(resource: ResourceSpec) -> Node | None:
            touched[resource.name] = self.program(resource, PRIMARY_READ)
            return None

        self._secured(shape, spec, Securer(self.application, note))
        own = self.program(spec, shape.action)
        family = self.families[shape] = Family((own, *touched.values()))
        return family

    def _secured(
        self, shape: Shape, spec: ResourceSpec, securer: Securer
    ) -> tuple[Node | None, tuple[Ordering, ...], tuple[Output, ...]]:
        where = securer.secure(shape.where, (spec,)) if shape.where is not None else None
        order = tuple(
            Ordering(securer.secure(term.node, (spec,)), term.descending, term.nulls_first)
            for term in shape.order
        )
        derived = tuple(
            Output(name=name, node=securer.secure(node, (spec,)), type=spec.field(name).type)
            for name in shape.fields
            if (node := self._node(spec, name)) is not None
        )
        return where, order, derived

    def _node(self, spec: ResourceSpec, name: str) -> Node | None:
        if name in spec.attributes:
            return Ref(name)
        found = spec.calculations.get(name) or spec.aggregates.get(name)
        return found.node if found is not None else None

    def _compile(self, shape: Shape, family: Family, key: tuple[Variant, ...] | None) -> ReadPlan:
        self.compiled += 1
        spec = self.application.resources[shape.resource]
        # Three modes: authorised (a tuple of variants), system in a tenant (None), system in all (()).
        tenants = key != ()
        folds = {
            program.resource.name: program.fold(variant)
            for program, variant in zip(family.programs[1:], (key or ())[1:], strict=False)
        }

        def guard(resource: ResourceSpec) -> Node | None:
            return conjunction(tenancy(resource) if tenants else None, folds.get(resource.name))

        where, order, derived = self._secured(shape, spec, Securer(self.application, guard))
        own = family.programs[0].fold(key[0]) if key else None
        where = conjunction(where, tenancy(spec) if tenants else None, own)
        layer = self.layer_of(spec)
        if shape.count:
            return ReadPlan(layer, layer.compile(Count(resource=spec, where=where)), list, ())
        return self._compile_select(shape, spec, layer, where=where, order=order, derived=derived)

    def _compile_select(
        self,
        shape: Shape,
        spec: ResourceSpec,
        layer: DataLayer,
        *,
        where: Node | None,
        order: tuple[Ordering, ...],
        derived: tuple[Output, ...],
    ) -> ReadPlan:
        outputs = (*attribute_outputs(spec), *derived)
        related: Related | None = None
        if shape.related is not None:
            source_name, relation, position = shape.related
            source = self.application.resources[source_name]
            keys = Param(position, list)
            related = Related(source=source, relationship=source.relationships[relation], keys=keys)
        select = Select(
            resource=spec,
            outputs=outputs,
            where=where,
            order=order,
            limit=Param(shape.limit, int) if shape.limit is not None else None,
            offset=Param(shape.offset, int) if shape.offset is not None else None,
            lock=shape.lock,
            related=related,
        )
        computed = tuple(
            (name, function)
            for name in shape.fields
            if (found := spec.calculations.get(name)) and (function := found.function) is not None
        )
        hydrate = hydrator(spec.python, outputs, layer, first=1 if related is not None else 0)
        return ReadPlan(layer, layer.compile(select), hydrate, computed)


def _with_needs(spec: ResourceSpec, name: str) -> Iterator[str]:
    """A derived field after the derived fields that it is made from in Python."""
    calculation = spec.calculations.get(name)
    for each in calculation.loads if calculation is not None else ():
        if each not in spec.attributes:
            yield from _with_needs(spec, each)
        elif not spec.attributes[each].select_by_default:
            yield each
    yield name


def attribute_outputs(spec: ResourceSpec) -> tuple[Output, ...]:
    """Every attribute that is read unasked, as an output."""
    return tuple(
        Output(name=each.name, node=Ref(each.name), type=each.type)
        for each in spec.attributes.values()
        if each.select_by_default
    )
