"""From queries to shapes and values: everything that a query is, before a plan is looked up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from sorbus.engine.casting import InputCaster
from sorbus.engine.gathering import Gathering, Loads, Python
from sorbus.engine.nesting import is_nested
from sorbus.engine.shapes import DistinctShape, PageShape, RelatedShape, Shape, SummaryShape
from sorbus.engine.ways import own_order, start_of
from sorbus.errors.declaration import NoSuchField
from sorbus.errors.framework import NotCompilable
from sorbus.expressions.build import Expr, Sort
from sorbus.expressions.lowering import Lowerer
from sorbus.expressions.nodes import Call, Ordering, Ref, conjunction
from sorbus.query.inputs import FilterInput, InputReader, SortInput
from sorbus.query.query import LoadItem, Query
from sorbus.query.templates import Templates
from sorbus.query.totals import Total
from sorbus.schema.fields import CalculationSpec, Cardinality
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.schema.ways import looks_around

_LARGEST_CACHE = 2000
USUAL = frozenset(
    size + more
    for size in (1, 2, 3, 5, 15, 25, 75, *range(10, 101, 10), *range(150, 501, 50), 1_000)
    for more in (0, 1)
)
"""Limits that are asked for all the time, and with one row more to know whether there is a next page.

For a limit that it does not know PostgreSQL expects a tenth of all rows, and then prefers to plan each time anew.
"""


class Lowered:
    """A query as a shape and its values."""

    __slots__ = ("asked", "loads", "python", "shape", "values")

    def __init__(
        self,
        shape: Shape,
        values: list[Any],
        loads: Loads = (),
        python: Python | None = None,
        asked: Mapping[str, LoadItem] = MappingProxyType({}),
    ) -> None:
        self.shape = shape
        self.values = values
        self.loads = loads
        self.python = python
        self.asked = asked

    def paged(self, page: PageShape) -> None:
        """Make it the read of a page."""
        self.shape = replace(self.shape, page=page)


class EngineCatalog:
    """The types and targets of declared fields, from the application's spec."""

    def __init__(self, application: ApplicationSpec) -> None:
        self.application = application
        self._casters: dict[str, InputCaster] = {}

    def type_of(self, owner: type[Any], name: str) -> Any:
        """The type of a field."""
        spec = self.application.by_class.get(owner)
        found = spec.fields.get(name) if spec is not None else None
        return found.type if found is not None else None

    def destination(self, relationship: Any) -> type[Any]:
        """The class that a relationship leads to."""
        spec = self.application.by_class[relationship.owner]
        return self.application.destination(spec.relationships[relationship.name]).python

    def arguments(self, spec: CalculationSpec, call: Any) -> dict[str, Any]:
        """The arguments of a calculation, cast.

        Raises:
            InvalidAction: they do not fit.
        """
        caster = self._casters.get(spec.label)
        if caster is None:
            caster = self._casters[spec.label] = InputCaster(spec)
        return caster.cast_or_raise(call.arguments, call.args)

    def calculation(self, owner: type[Any], call: Any) -> Expr[Any]:
        """The expression of a calculation with arguments.

        Raises:
            NotCompilable: only Python computes it.
            InvalidAction: the arguments do not fit.
        """
        spec = self.application.by_class[owner].calculations[call.name]
        if spec.maker is None:
            raise NotCompilable(spec.label)
        made: Expr[Any] = spec.maker(owner, **self.arguments(spec, call))
        return made


class Shaper:
    """Lowers the queries of an application.

    Attributes:
        inputs: reads the filters and sorts that come from outside.
    """

    def __init__(self, application: ApplicationSpec) -> None:
        self.application = application
        self.catalog = EngineCatalog(application)
        self.inputs = InputReader(application)
        self._attributes: dict[Templates, tuple[str, ...]] = {}

    def lower(
        self, query: Query[Any], spec: ResourceSpec, *, otherwise: tuple[Ordering, ...] = ()
    ) -> Lowered:
        """The shape and values of a query, totally ordered.

        Args:
            otherwise: how the rows are sorted when the query does not say.
        """
        return self._lower(query, spec, [], otherwise)

    def _lower(
        self,
        query: Query[Any],
        spec: ResourceSpec,
        values: list[Any],
        otherwise: tuple[Ordering, ...],
        **more: Any,
    ) -> Lowered:
        """See `lower`; `more` is what else the shape says."""
        lowerer = Lowerer(self.catalog, (spec.python,), values)
        shape = self._rows(query, spec, lowerer, values, otherwise=otherwise, ordered=True)
        if query.take in USUAL:
            more["usual"] = query.take
        templates, wanted = query.templates, query.loads
        loads: Loads = ()
        if templates is not None:
            more |= {"templates": templates, "only": self._written(templates, spec)}
            if templates.nested:
                wanted = tuple(each for each in wanted if not is_nested(each))
        found: Gathering | None = None
        if wanted or query.only is not None or query.locking:
            found = Gathering(spec, lowerer, self.catalog)
            for item in wanted:
                found.ask(item)
            loads = found.loads()
            more |= {
                "fields": tuple(found.fields),
                "extras": tuple(found.extras.values()),
                "lock": query.locking,
            }
            if query.only is not None:
                more["only"] = self._only(query, spec, found.attributes, loads)
        if templates is not None and templates.nested:
            more["nested"] = self._nested(query, spec, templates.nested, values)
        shape = replace(shape, **more) if more else shape
        if found is None:
            return Lowered(shape, values)
        return Lowered(shape, values, loads, found.python(), found.asked)

    def _nested(
        self, query: Query[Any], spec: ResourceSpec, names: Iterable[str], values: list[Any]
    ) -> tuple[Shape, ...]:
        """The rows behind relationships that are read with those of their source, each with values of its own."""
        queries = {each.target.name: each.query for each in query.loads if is_nested(each)}
        found: list[Shape] = []
        for name in names:
            relationship, inner = spec.relationships[name], queries[name]
            sorts = not inner.sorts and looks_around(relationship.order)
            related = RelatedShape(spec.name, name, None, sorts=sorts)
            inputs = _inputs(inner, values) if inner.inputs else ()
            destination = self.application.destination(relationship)
            lowered = self._lower(
                inner, destination, values, own_order(relationship), related=related, inputs=inputs
            )
            found.append(lowered.shape)
        return tuple(found)

    def condition(self, query: Query[Any], spec: ResourceSpec) -> Lowered:
        """The rows of a query, unsorted, for a write over them."""
        values: list[Any] = []
        lowerer = Lowerer(self.catalog, (spec.python,), values)
        return Lowered(self._rows(query, spec, lowerer, values, ordered=False), values)

    def totals(
        self, query: Query[Any], spec: ResourceSpec, totals: Sequence[Total[Any]], *, whole: bool
    ) -> Lowered:
        """Values over the rows of a query.

        Args:
            whole: whether its limit and offset are left out.
        """
        if whole:
            query = replace(query, take=None, skip=None)
        values: list[Any] = []
        lowerer = Lowerer(self.catalog, (spec.python,), values)
        cut = query.cut
        ordered = cut or bool(query.distinct_on)
        rows = self._rows(query, spec, lowerer, values, ordered=ordered)
        summaries = tuple(self._summary(each, query, spec, lowerer) for each in totals)
        return Lowered(replace(rows, summaries=summaries), values)

    def _summary(
        self, total: Total[Any], query: Query[Any], spec: ResourceSpec, lowerer: Lowerer
    ) -> SummaryShape:
        order: tuple[Ordering, ...] = ()
        if total.kind.ordered:
            order = _total(self._order(total.order_by or query.sorts, lowerer), spec)
        of = total.of.lower(lowerer) if total.of is not None else None
        where = total.where.lower(lowerer) if total.where is not None else None
        if total.kind.ordered and of is not None:
            # As in every other aggregate, nulls are left out.
            where = conjunction(where, Call("not", (Call("is_null", (of,)),)))
        return SummaryShape(total.kind, of, where, order, total.unique)

    def single(self, query: Query[Any], spec: ResourceSpec, field: Expr[Any]) -> Lowered:
        """One value of every row."""
        values: list[Any] = []
        lowerer = Lowerer(self.catalog, (spec.python,), values)
        rows = self._rows(query, spec, lowerer, values, ordered=True)
        return Lowered(replace(rows, value=field.lower(lowerer)), values)

    def there(self, query: Query[Any], spec: ResourceSpec) -> Lowered:
        """Whether there is a row: the key of any, unsorted."""
        values: list[Any] = []
        lowerer = Lowerer(self.catalog, (spec.python,), values)
        cut = query.cut
        query = whole(query) if cut else query
        rows = self._rows(replace(query, take=1), spec, lowerer, values, ordered=False)
        return Lowered(replace(rows, value=Ref(spec.primary_key.name), usual=1), values)

    def _rows(
        self,
        query: Query[Any],
        spec: ResourceSpec,
        lowerer: Lowerer,
        values: list[Any],
        *,
        otherwise: tuple[Ordering, ...] = (),
        ordered: bool,
    ) -> Shape:
        """Which rows a query has, and in which order."""
        where = conjunction(*(each.lower(lowerer) for each in self._conditions(query)))
        order: tuple[Ordering, ...] = ()
        if ordered:
            order = _total(self._order(query.sorts, lowerer) if query.sorts else otherwise, spec)
        limit = offset = None
        if query.take is not None:
            limit = len(values)
            values.append(query.take)
        if query.skip is not None:
            offset = len(values)
            values.append(query.skip)
        shape = Shape(spec.name, query.action, where, order, (), limit, offset)
        if not (query.parts or query.distinct_on):
            return shape
        parts = tuple((kind, self._part(part, spec, lowerer, values)) for kind, part in query.parts)
        distinct = self._distinct(query, spec, lowerer) if query.distinct_on else None
        return replace(shape, parts=parts, distinct=distinct)

    def _part(self, query: Query[Any], spec: ResourceSpec, lowerer: Lowerer, values: list[Any]) -> Shape:
        """One side of a combination. Its action's inputs become values: every side has its own."""
        cut = query.cut
        shape = self._rows(query, spec, lowerer, values, ordered=cut)
        return replace(shape, inputs=_inputs(query, values))

    def _distinct(self, query: Query[Any], spec: ResourceSpec, lowerer: Lowerer) -> DistinctShape:
        on = tuple(each.lower(lowerer) for each in query.distinct_on)
        return DistinctShape(on, _total(self._order(query.distinct_sorts or query.sorts, lowerer), spec))

    def _conditions(self, query: Query[Any]) -> Iterator[Expr[bool]]:
        for each in query.conditions:
            if isinstance(each, FilterInput):
                yield from each.read(self.inputs)
            else:
                yield each

    def _order(self, sorts: Iterable[Sort | SortInput], lowerer: Lowerer) -> tuple[Ordering, ...]:
        terms: list[Ordering] = []
        for each in sorts:
            found = each.read(self.inputs) if isinstance(each, SortInput) else (each,)
            terms.extend(term.lower(lowerer) for term in found)
        return tuple(terms)

    def _only(self, query: Query[Any], spec: ResourceSpec, needed: set[str], loads: Loads) -> tuple[str, ...]:
        """The attributes to read, as they are declared: those asked for, and what the rest needs."""
        wanted = {spec.primary_key.name, *needed}
        for each in query.only or ():
            name: str = each if isinstance(each, str) else each.name
            owner = getattr(each, "owner", spec.python)
            if name not in spec.attributes or not issubclass(spec.python, owner):
                raise NoSuchField(spec.name, name, allowed=spec.attributes, where="a select")
            wanted.add(name)
        for relationship, _ in loads:
            if relationship.cardinality is not Cardinality.MANUAL:
                wanted.add(start_of(self.application, spec, relationship))
        return tuple(name for name in spec.attributes if name in wanted)

    def _written(self, templates: Templates, spec: ResourceSpec) -> tuple[str, ...]:
        """The attributes that texts are made of, as they are declared; the key is always one."""
        known = self._attributes.get(templates)
        if known is not None:
            return known
        wanted = {spec.primary_key.name, *templates.names}
        leading = (*templates.starts, *templates.nested)
        wanted |= {start_of(self.application, spec, spec.relationships[name]) for name in leading}
        if len(self._attributes) >= _LARGEST_CACHE:
            self._attributes.clear()
        found = self._attributes[templates] = tuple(name for name in spec.attributes if name in wanted)
        return found


def whole(query: Query[Any]) -> Query[Any]:
    """A query whose rows can be paged: one with a limit or offset of its own becomes a set of rows first."""
    if not query.cut:
        return query
    found: Query[Any] = Query(resource=query.resource, scope=query.scope, parts=((None, query),))
    return replace(
        found,
        action=query.action,
        sorts=query.sorts,
        loads=query.loads,
        only=query.only,
        locking=query.locking,
    )


def _inputs(query: Query[Any], values: list[Any]) -> tuple[tuple[str, int], ...]:
    """Where the inputs of a query's action stand among the values, which they are added to."""
    inputs: list[tuple[str, int]] = []
    for name in sorted(query.inputs):
        inputs.append((name, len(values)))
        values.append(query.inputs[name])
    return tuple(inputs)


def _total(order: tuple[Ordering, ...], spec: ResourceSpec) -> tuple[Ordering, ...]:
    """The order with the key as its last term, so that it is the order of every row."""
    key = Ref(spec.primary_key.name)
    for place, term in enumerate(order):
        if term.node == key:
            return order[: place + 1]
    return (*order, Ordering(key))
