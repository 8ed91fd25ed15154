"""Guards: the tenancy and read policy of every resource that a statement touches, put into its conditions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sorbus.expressions.nodes import (
    FALSE,
    PARENT,
    TRUE,
    TRUSTED,
    UNTRUSTED,
    Aggregated,
    AggregateKind,
    Call,
    Exists,
    Hops,
    Node,
    Ordering,
    Ref,
    TenantRef,
    conjunction,
    outward,
)
from sorbus.schema.fields import RelationshipSpec
from sorbus.schema.policies import Readable
from sorbus.schema.resource import ApplicationSpec, ResourceSpec

Guard = Callable[[ResourceSpec], Node | None]
"""The condition under which the actor may see a row of a resource; None means every row."""


def tenancy(spec: ResourceSpec) -> Node | None:
    """The condition that a row is the tenant's."""
    if spec.tenancy is None:
        return None
    return Call("eq", (Ref(spec.tenancy.attribute), TenantRef(spec.tenancy.cast)))


@dataclass(slots=True)
class Securer:
    """Rewrites conditions so that related rows count only where the actor may see them."""

    application: ApplicationSpec
    guard: Guard

    def secure(self, node: Node, stack: tuple[ResourceSpec, ...]) -> Node:
        """The node with guards; `stack[-1]` is the resource of the row in question."""
        match node:
            case Ref():
                return self._ref(node, stack)
            case Call(operator, (marked,)) if operator == UNTRUSTED:
                return self.secure(marked, stack)
            case Call(operator, (marked,)) if operator == TRUSTED:
                return marked
            case Call(operator, (outer,)) if operator == PARENT:
                return outward(self.secure(outer, stack[:-1]))
            case Call(operator, args):
                return Call(operator, tuple(self.secure(arg, stack) for arg in args))
            case Exists(name, where, asked):
                destination = self._destination(stack[-1], name)
                inner = self.secure(where, (*stack, destination)) if where is not None else None
                guard, hops = self.way(stack[-1], stack[-1].relationships[name], asked=asked)
                return Exists(name, conjunction(inner, guard), hops)
            case Aggregated():
                return self._aggregated(node, stack)
            case _:
                return node

    def readable(self, node: Node, spec: ResourceSpec) -> Node:
        """A policy's condition on a row, with what the actor may read of related rows put in."""
        match node:
            case Readable(name):
                return self.secure(Exists(name), (spec,))
            case Call(operator, args):
                return Call(operator, tuple(self.readable(arg, spec) for arg in args))
            case _:
                return node

    def way(
        self,
        source: ResourceSpec,
        relationship: RelationshipSpec,
        *,
        loading: bool = False,
        asked: Hops | None = None,
    ) -> tuple[Node | None, Hops | None]:
        """What the rows on a way must meet: the far row's guard, or the conditions of every hop.

        Args:
            loading: whether the far rows are read as such, so that what reads them guards them already.
            asked: what the rows of each hop must meet besides; trusted as it is.
        """
        segments = self.application.segments(source, relationship)
        hops: list[Node | None] = []
        for segment in segments:
            last = segment is segments[-1] and not segment.relationship.limited
            for hop in segment.hops:
                stack = tuple(self.application.resources[name] for name in hop.stack)
                where = self.secure(hop.where, stack) if hop.where is not None else None
                far = last and hop is segment.hops[-1]
                more = asked[len(hops)] if asked is not None else None
                hops.append(conjunction(where, None if far else self.guard(stack[-1]), more))
        declared = tuple(hop.where for segment in segments for hop in segment.hops)
        changed = tuple(hops) != declared
        # Where rows are counted one by one, the guard of the far row is one more condition on it.
        inner = segments[-1].relationship.limited or loading
        guard = None if inner else self.guard(self.application.resources[relationship.destination])
        return guard, tuple(hops) if changed else None

    def _tenancy_alone(self, spec: ResourceSpec) -> Node | None:
        """The guard of whoever opts out of the read policy, which is no way out of the tenancy."""
        return tenancy(spec) if self.guard(spec) is not None else None

    def _destination(self, spec: ResourceSpec, name: str) -> ResourceSpec:
        return self.application.destination(spec.relationships[name])

    def _aggregated(self, node: Aggregated, stack: tuple[ResourceSpec, ...]) -> Node:
        destination = self._destination(stack[-1], node.relationship)
        inner = (*stack, destination)
        where = self.secure(node.where, inner) if node.where is not None else None
        guarded = self if node.authorize else Securer(self.application, self._tenancy_alone)
        way = stack[-1].relationships[node.relationship]
        guard, hops = guarded.way(stack[-1], way, asked=node.hops)
        return replace(
            node,
            of=self.secure(node.of, inner) if node.of is not None else None,
            where=conjunction(where, guard),
            hops=hops,
            order=tuple(
                Ordering(self.secure(term.node, inner), term.descending, term.nulls_first)
                for term in node.order
            ),
        )

    def _ref(self, ref: Ref, stack: tuple[ResourceSpec, ...]) -> Node:
        position = len(stack) - 1 - ref.outer
        spec = stack[position]
        if ref.path:
            destination = self._destination(spec, ref.path[0])
            guard, hops = self.way(spec, spec.relationships[ref.path[0]])
            inner = self._ref(Ref(ref.name, ref.path[1:]), (*stack[: position + 1], destination))
            if guard is None and hops is None and isinstance(inner, Ref):
                return ref
            first = Aggregated(AggregateKind.FIRST, ref.path[0], inner, guard, hops=hops)
            return outward(first, ref.outer)
        derived = spec.calculations.get(ref.name) or spec.aggregates.get(ref.name)
        if derived is None or derived.node is None:
            return ref
        return outward(self.secure(derived.node, stack[: position + 1]), ref.outer)


def is_open(node: Node | None) -> bool:
    """Whether a condition lets every row through."""
    return node is None or node == TRUE


def is_closed(node: Node | None) -> bool:
    """Whether a condition lets no row through."""
    return node == FALSE
