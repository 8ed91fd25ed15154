"""Compiled reads, and what decides which of them a caller gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sorbus.data_layers.base import DataLayer, Executable, Loader
from sorbus.engine.guards import Securer
from sorbus.engine.hydrate import Hydrate
from sorbus.engine.judging import Judge
from sorbus.engine.masking import Cover, Masker, cover
from sorbus.engine.shapes import Shape
from sorbus.engine.tenants import looks_everywhere
from sorbus.errors.authorization import TenantRequired
from sorbus.expressions.nodes import Node, Ref
from sorbus.policies.fields import EVERYTHING, Conditions, FieldProgram
from sorbus.policies.fold import PolicyProgram, Variant
from sorbus.query.statements import Output, Related, Select
from sorbus.schema.policies import NOTHING_WANTED, Wanted
from sorbus.schema.resource import PRIMARY_READ, ResourceSpec
from sorbus.scope import Scope

Known = tuple[tuple[Variant, ...], Wanted] | None
"""What the check of a query has found out: the variants of its own policies, and what it asks for."""


Verdict = Any
"""What the policies of a family come to: a tuple of variants, or None when nobody asks them. Where families are nested,
that, and for each of them whether it looks at all tenants, and its verdict. Plans are looked up by it."""


@dataclass(slots=True)
class ReadPlan:
    """A compiled read.

    Attributes:
        marks: where the sort values of a row stand in it, for its cursor.
        key: where the key of a row stands in it.
        loaders: from stored values to Python's, when single values are read.
        carried: from rows to the rows between that led to them.
        judge: looks at each row in Python, when policies ask for that.
        late: whether records carry values that are hidden at the very end.
        everywhere: whether it looks at the rows of all tenants.
        where: the condition of its rows, with tenancy and policies.
        masks: when each field may be seen.
    """

    layer: DataLayer
    executable: Executable
    hydrate: Hydrate = list
    marks: tuple[int, ...] = ()
    key: int = 0
    loaders: tuple[Loader | None, ...] = ()
    carried: Hydrate | None = None
    judge: Judge | None = None
    late: bool = False
    everywhere: bool = False
    where: Node | None = None
    masks: Conditions = EVERYTHING


@dataclass(slots=True)
class Family:
    """The plans of one shape, one for each decision of the policies that it touches.

    Attributes:
        programs: the policies of the shape's own action, or of the actions of its parts from left to right,
            each with the places of its inputs; then those of the related resources.
        own: how many of them are not of related resources.
        fields: the field policies of the resources that have some.
        tenants: a related resource that it asks about and that is read for one tenant only, or None.
        open: whether related rows that can be read without a tenant are all that it asks about.
        nested: the families of the rows that are read along.
        plans: those that look at one tenant.
        everywhere: those that look at all tenants.
    """

    programs: tuple[tuple[PolicyProgram, tuple[tuple[str, int], ...] | None], ...]
    own: int
    fields: tuple[FieldProgram, ...] = ()
    tenants: ResourceSpec | None = None
    open: bool = False
    nested: tuple[Family, ...] = ()
    plans: dict[Verdict, ReadPlan] = field(default_factory=dict[Verdict, ReadPlan])
    everywhere: dict[Verdict, ReadPlan] = field(default_factory=dict[Verdict, ReadPlan])

    def looks_everywhere(self, scope: Scope) -> bool:
        """Whether a scope looks at the rows of all tenants, here and in whatever is asked about related rows.

        Raises:
            TenantRequired: it needs a tenant for related rows, as for reading them.
        """
        if scope.tenant is not None or not scope.authorize:
            return looks_everywhere(scope)
        if self.tenants is not None:
            raise TenantRequired(self.tenants.name, PRIMARY_READ)
        return self.open


@dataclass(frozen=True, slots=True)
class Guarded:
    """A shape as far as an actor may see its rows and their fields.

    Attributes:
        shape: with every condition and term masked and secured.
        masks: when each field may be seen, by resources.
        rows: which rows they are.
        judged: what Python has to find out about each row, or None.
    """

    shape: Shape
    securer: Securer
    masker: Masker
    masks: Mapping[str, Conditions]
    rows: Select
    judged: Node | None

    def key(self, related: Related) -> Node | None:
        """When the actor may see the key in a related row that ties it to its source row."""
        return self.masker.keys(related.source, related.relationship)[1]

    def covered(self, spec: ResourceSpec, outputs: tuple[Output, ...]) -> Cover:
        """The outputs with masks over them; where Python needs values first, they are hidden at the very end."""
        conditions = self.masks.get(spec.name, EVERYTHING)
        if not conditions:
            return Cover(outputs)
        extras = self.shape.extras
        # What a calculation alone needs has a name with a space, which nobody sees.
        named = {
            each.slot: conditions[each.name]
            for each in extras
            if each.name in conditions and " " not in each.slot
        }
        conditions = {**conditions, **named}
        computed = {each.slot for each in extras if each.node is None}
        computed |= {name for name in self.shape.fields if asked_node(spec, name) is None}
        late: set[str] = set()
        if computed or self.judged is not None:
            late = {*computed, *spec.relationships, *(each.name for each in outputs)}
        return cover(spec, outputs, conditions, frozenset(late))


def asked_node(spec: ResourceSpec, name: str) -> Node | None:
    """What the data layer gives for a field that was asked for; None when Python computes it."""
    if name in spec.attributes:
        return Ref(name)
    calculation = spec.calculations.get(name)
    if calculation is not None:
        return calculation.node if calculation.function is None else None
    return spec.aggregates[name].node


def decided(
    family: Family,
    scope: Scope,
    inputs: dict[str, Any] | None,
    values: Sequence[Any],
    known: Known = None,
) -> tuple[Variant, ...] | None:
    """What the policies of a family come to before any row is seen; None when nobody asks them."""
    if not scope.authorize:
        return None
    own, wanted = known if known is not None else ((), NOTHING_WANTED)
    key = own + tuple(
        program.reading(scope, inputs if places is None else _given(places, values), wanted)
        for program, places in family.programs[len(own) :]
    )
    if family.fields:
        key += tuple(each.variant(scope, inputs, wanted) for each in family.fields)
    return key


def verdict(
    family: Family,
    scope: Scope,
    inputs: dict[str, Any] | None,
    values: Sequence[Any],
    known: Known = None,
) -> Verdict:
    """What the policies of a family and of those nested in it come to."""
    own = decided(family, scope, inputs, values, known)
    if not family.nested:
        return own
    return own, *(
        (each.looks_everywhere(scope), verdict(each, scope, None, values)) for each in family.nested
    )


def _given(places: tuple[tuple[str, int], ...], values: Sequence[Any]) -> dict[str, Any]:
    return {name: values[place] for name, place in places}
