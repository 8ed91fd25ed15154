"""Expressions go only over relationships that one statement can follow."""

from __future__ import annotations

from collections.abc import Iterator

from sorbus.errors.declaration import DeclarationError, WrongRelationship
from sorbus.expressions.nodes import PARENT, Aggregated, Call, Exists, Node, Ref, children
from sorbus.schema.fields import Cardinality, RelationshipSpec
from sorbus.schema.resource import ApplicationSpec, ResourceSpec

Step = tuple[ResourceSpec, RelationshipSpec]


def verify_joins(application: ApplicationSpec) -> Iterator[DeclarationError]:
    """The declared expressions over rows of another data layer, or over rows that a function finds."""
    for spec in application.resources.values():
        for name, node, stack in _expressions(application, spec):
            for source, relationship in _followed(application, node, stack):
                reason = _reason(application, source, relationship)
                if reason:
                    step = f"{source.name}.{relationship.name}"
                    yield WrongRelationship(
                        f"{spec.name}.{name}",
                        f"`{step}` can be loaded, but not be part of an expression: {reason}.",
                        hint="Load it and compute in Python, or keep both resources in one data layer.",
                    )


def _expressions(
    application: ApplicationSpec, spec: ResourceSpec
) -> Iterator[tuple[str, Node, tuple[ResourceSpec, ...]]]:
    """The expressions of a resource, each with the resources of the rows that it sees."""
    own = (spec,)
    for calculation in spec.calculations.values():
        if calculation.node is not None:
            yield calculation.name, calculation.node, own
    for aggregate in spec.aggregates.values():
        yield aggregate.name, aggregate.node, own
    for policy in spec.policies or ():
        for check in policy.checks:
            yield "policies", check.condition, own
    for relationship in spec.relationships.values():
        if relationship.cardinality is Cardinality.THROUGH:
            continue
        for segment in application.segments(spec, relationship):
            for hop in segment.hops:
                stack = tuple(application.resources[each] for each in hop.stack)
                if hop.where is not None:
                    yield relationship.name, hop.where, stack


def _followed(application: ApplicationSpec, node: Node, stack: tuple[ResourceSpec, ...]) -> Iterator[Step]:
    """The relationships that an expression goes over."""
    match node:
        case Ref(_, path, outer) if outer < len(stack):
            spec = stack[-1 - outer]
            for name in path:
                relationship = spec.relationships[name]
                yield spec, relationship
                spec = application.destination(relationship)
        case Call(operator, (inner,)) if operator == PARENT:
            yield from _followed(application, inner, stack[:-1])
        case Exists(relationship=name) | Aggregated(relationship=name):
            relationship = stack[-1].relationships[name]
            yield stack[-1], relationship
            further = (*stack, application.destination(relationship))
            for child in children(node):
                yield from _followed(application, child, further)
        case _:
            for child in children(node):
                yield from _followed(application, child, stack)


def _reason(application: ApplicationSpec, source: ResourceSpec, relationship: RelationshipSpec) -> str:
    for segment in application.segments(source, relationship):
        if segment.relationship.cardinality is Cardinality.MANUAL:
            return "a function finds its rows"
        for hop in segment.hops:
            layer = application.resources[hop.resource].layer
            if layer != source.layer:
                return f"the rows of {hop.resource} live in another data layer ({layer})"
    return ""
