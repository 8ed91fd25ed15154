"""Masking: what an actor may not see never leaves the data layer, and stands as `HIDDEN` on the records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

from sorbus.engine.hydrate import LATE
from sorbus.engine.outputs import attribute_outputs
from sorbus.expressions.nodes import (
    FALSE,
    NAMED,
    NULL,
    TRUSTED,
    UNTRUSTED,
    Aggregated,
    AggregateKind,
    Call,
    Const,
    Exists,
    Hops,
    Node,
    Ordering,
    Ref,
    conjunction,
    walk,
)
from sorbus.policies.fields import EVERYTHING, Conditions
from sorbus.policies.nodes import all_of
from sorbus.query.statements import Output
from sorbus.schema.fields import RelationshipSpec
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.types.base import FieldType
from sorbus.types.hidden import HIDDEN

MasksOf = Callable[[ResourceSpec], Conditions]
"""When the actor may see each field of a resource."""

_TRUTH = FieldType(annotation=bool)


@dataclass(frozen=True, slots=True)
class Cover:
    """The outputs of a statement with masks over them.

    Attributes:
        outputs: the values that may be seen, then the truth of each condition that depends on the row.
        flags: for each masked name the position of its condition's truth, or None when it is always hidden.
        late: the names whose values Python still needs before they are hidden.
    """

    outputs: tuple[Output, ...]
    flags: Mapping[str, int | None] = field(default_factory=dict[str, int | None])
    late: frozenset[str] = frozenset()


def cover(
    spec: ResourceSpec,
    outputs: tuple[Output, ...],
    conditions: Conditions,
    late: frozenset[str] = frozenset(),
) -> Cover:
    """Outputs under the conditions of their fields; fields that share a condition share its truth.

    Args:
        late: names whose values Python needs or makes before they are hidden.
    """
    shown = {each.name for each in outputs} | late
    about = {name: node for name, node in conditions.items() if name in shown or name in spec.relationships}
    if not about:
        return Cover(outputs)
    values = tuple(
        _masked(each, about.get(each.name), late=each.name in late)
        for each in outputs
        if about.get(each.name) != FALSE or each.name in late
    )
    distinct = dict.fromkeys(each for each in about.values() if each != FALSE)
    places = {node: len(values) + number for number, node in enumerate(distinct)}
    truths = tuple(Output(name="", node=Call("is_true", (each,)), type=_TRUTH) for each in distinct)
    flags = {name: places.get(node) for name, node in about.items()}
    return Cover((*values, *truths), flags, late & flags.keys())


def _masked(output: Output, condition: Node | None, *, late: bool) -> Output:
    if condition is None or late:
        return output
    return replace(output, node=Call("if", (condition, output.node, NULL)))


@dataclass(frozen=True, slots=True)
class Masker:
    """Puts masks into what somebody outside has written, and over what aggregates read of related rows.

    In a filter or sort from outside a hidden field is null, whatever stands around it; so is what lies behind a
    relationship that the actor may not follow. What a calculation is made of is never masked: it has a policy of its
    own. Conditions of field policies are marked as trusted, so that securing the statement leaves them alone.
    """

    application: ApplicationSpec
    masks: MasksOf

    def mask(self, node: Node, stack: tuple[ResourceSpec, ...]) -> Node:
        """A trusted node; only what is marked as from outside in it gets masks."""
        match node:
            case Call(operator, (marked,)) if operator == UNTRUSTED:
                return Call(UNTRUSTED, (self.outside(marked, stack),))
            case Call(operator, args):
                return Call(operator, tuple(self.mask(arg, stack) for arg in args))
            case _:
                return node

    def loaded(self, node: Node, stack: tuple[ResourceSpec, ...]) -> Node:
        """A value that is answered with: an aggregate counts what the actor may see of each related row."""
        if not isinstance(node, Aggregated) or node.of is None:
            return node
        destination = self._destination(stack[-1], node.relationship)
        return replace(node, of=self._plain(node.of, (*stack, destination)))

    def _plain(self, node: Node, stack: tuple[ResourceSpec, ...]) -> Node:
        """The fields of the innermost row, masked; what derived ones are made of is their own affair."""
        match node:
            case Ref():
                return self._ref(node, stack)
            case Call(operator, (Const(str(label)), _)) if operator == NAMED:
                return self._called(node, label, stack[-1])
            case Call(operator, args):
                return Call(operator, tuple(self._plain(arg, stack) for arg in args))
            case _:
                return node

    def outside(self, node: Node, stack: tuple[ResourceSpec, ...]) -> Node:
        """A node from outside, with every field in it masked."""
        match node:
            case Ref():
                return self._ref(node, stack)
            case Call(operator, (Const(str(label)), _)) if operator == NAMED:
                return self._called(node, label, stack[-1])
            case Call("parent", (inner,)):
                return Call("parent", (self.outside(inner, stack[:-1]),))
            case Call(operator, args):
                return Call(operator, tuple(self.outside(arg, stack) for arg in args))
            case Exists(relationship=name, where=where):
                destination = self._destination(stack[-1], name)
                narrowed = self.outside(where, (*stack, destination)) if where is not None else None
                hops, key = self._keys(stack[-1], name)
                inside = replace(node, where=conjunction(narrowed, key), hops=hops)
                return self._behind(inside, name, stack[-1])
            case Aggregated():
                return self._aggregated(node, stack)
            case _:
                return node

    def _called(self, node: Node, label: str, spec: ResourceSpec) -> Node:
        """A calculation with arguments has the policy of its name, as one without."""
        return self._seen(node, self.masks(spec).get(label.rpartition(".")[2]), 0)

    def _aggregated(self, node: Aggregated, stack: tuple[ResourceSpec, ...]) -> Node:
        inner = (*stack, self._destination(stack[-1], node.relationship))
        where = self.outside(node.where, inner) if node.where is not None else None
        hops, key = self._keys(stack[-1], node.relationship)
        inside = replace(
            node,
            of=self.outside(node.of, inner) if node.of is not None else None,
            where=conjunction(where, key),
            hops=hops,
            order=tuple(
                Ordering(self.outside(term.node, inner), term.descending, term.nulls_first)
                for term in node.order
            ),
        )
        return self._behind(inside, node.relationship, stack[-1])

    def _ref(self, ref: Ref, stack: tuple[ResourceSpec, ...]) -> Node:
        spec = stack[len(stack) - 1 - ref.outer]
        if not ref.path:
            derived = spec.aggregates.get(ref.name)
            node: Node = ref
            if derived is not None and ref.outer == 0:
                masked = self.loaded(derived.node, (spec,))
                node = ref if masked == derived.node else masked
            return self._seen(node, self.masks(spec).get(ref.name), ref.outer)
        name, *rest = ref.path
        destination = self._destination(spec, name)
        inner = self._ref(Ref(ref.name, tuple(rest)), (*stack, destination))
        hops, key = self._keys(spec, name)
        if inner == Ref(ref.name, tuple(rest)) and hops is None and key is None:
            return self._seen(ref, self.masks(spec).get(name), ref.outer)
        if ref.outer:
            # A masked way from an enclosing row cannot be written; nothing is told instead.
            return Call("if", (Call(TRUSTED, (FALSE,)), ref, NULL))
        return self._behind(Aggregated(AggregateKind.FIRST, name, inner, key, hops=hops), name, spec)

    def _behind(self, node: Node, relationship: str, spec: ResourceSpec) -> Node:
        """What lies behind a relationship that may be hidden."""
        return self._seen(node, self.masks(spec).get(relationship), 0)

    def _keys(self, spec: ResourceSpec, relationship: str) -> tuple[Hops | None, Node | None]:
        hops, key = self.keys(spec, spec.relationships[relationship])
        return hops, None if key is None else Call(TRUSTED, (key,))

    def keys(self, source: ResourceSpec, relationship: RelationshipSpec) -> tuple[Hops | None, Node | None]:
        """When the actor may see the keys that a way goes by: in the rows of each hop, and in the far row.

        The key in the source row itself is what hides the relationship.
        """
        segments = self.application.segments(source, relationship)
        # Each row with what leads on from it: a key of the row between, or the relationship of the next segment.
        onward = [
            name
            for each in segments
            for name in (each.relationship.name, *(hop.own for hop in each.hops[1:]))
        ]
        found: list[Node | None] = []
        for hop, name in zip_longest((hop for each in segments for hop in each.hops), onward[1:]):
            masks = self.masks(self.application.resources[hop.resource])
            asked = [masks[each] for each in (hop.far, name) if each is not None and each in masks]
            found.append(all_of(tuple(asked)) if asked else None)
        # Where rows are counted one by one, only those count whose keys may be seen.
        last = None if segments[-1].relationship.limited else found[-1]
        if last is not None:
            found[-1] = None
        return (tuple(found) if any(each is not None for each in found) else None), last

    def _seen(self, node: Node, condition: Node | None, outer: int) -> Node:
        if condition is None:
            return node
        # Also where it is never seen: a null takes the type of what it stands for.
        return Call("if", (Call(TRUSTED, (_stepped_out(condition, outer),)), node, NULL))

    def _destination(self, spec: ResourceSpec, name: str) -> ResourceSpec:
        return self.application.destination(spec.relationships[name])


def _stepped_out(condition: Node, outer: int) -> Node:
    """A condition on an enclosing row; where it cannot be written, the field counts as hidden."""
    if outer == 0:
        return condition
    related = (
        isinstance(each, (Exists, Aggregated)) or (isinstance(each, Ref) and each.path)
        for each in walk(condition)
    )
    return FALSE if any(related) else _shifted(condition, outer)


def _shifted(node: Node, outer: int) -> Node:
    match node:
        case Ref(name, path, own):
            return Ref(name, path, own + outer)
        case Call(operator, args):
            return Call(operator, tuple(_shifted(arg, outer) for arg in args))
        case _:
            return node


def carried(between: ResourceSpec, masker: Masker) -> Cover:
    """A row between as the actor may see it."""
    return cover(between, attribute_outputs(between), masker.masks(between))


def masks_of(found: Mapping[str, Conditions]) -> MasksOf:
    """The conditions of resources by their names."""
    return lambda spec: found.get(spec.name, EVERYTHING)


def conceal(records: list[Any]) -> None:
    """Hide what Python had to see first."""
    for record in records:
        values = record.__dict__
        for name in values.pop(LATE, ()):
            values[name] = HIDDEN


def hide(records: Sequence[Any], name: str) -> None:
    """Hide one member of each record."""
    for record in records:
        record.__dict__[name] = HIDDEN


def reachable(records: Sequence[Any], spec: ResourceSpec, key: str, name: str) -> Sequence[Any]:
    """The records whose relationship may be followed; it is hidden on the others, as is a key that it needs."""
    if spec.field_policies is None:
        return records
    found: list[Any] = []
    for record in records:
        values = record.__dict__
        if values.get(name) is HIDDEN or values.get(key) is HIDDEN:
            values[name] = HIDDEN
        else:
            found.append(record)
    return found
