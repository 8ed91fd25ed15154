"""No calculation needs itself."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from sorbus.errors.declaration import CircularCalculation, DeclarationError
from sorbus.expressions.nodes import PARENT, Aggregated, Call, Exists, Node, Ref, children
from sorbus.schema.fields import AttributeSpec
from sorbus.schema.resource import ApplicationSpec, ResourceSpec


def verify_cycles(application: ApplicationSpec) -> Iterator[DeclarationError]:
    """The calculations and aggregates that go round in circles, over relationships too."""
    graph: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for spec in application.resources.values():
        for name, field in spec.fields.items():
            node = None if isinstance(field, AttributeSpec) else field.node
            graph[spec.name, name] = set() if node is None else set(_needed(application, node, (spec,)))
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        ring: list[tuple[str, str]] = error.args[1]
        resource = ring[0][0]
        local = all(each == resource for each, _ in ring)
        yield CircularCalculation(resource, [name if local else f"{each}.{name}" for each, name in ring])


def _needed(
    application: ApplicationSpec, node: Node, stack: tuple[ResourceSpec, ...]
) -> Iterator[tuple[str, str]]:
    """The fields that an expression reads, each with its resource."""
    match node:
        case Ref(name, path, outer):
            spec = stack[-1 - outer]
            for step in path:
                spec = application.destination(spec.relationships[step])
            yield spec.name, name
        case Call(operator, (inner,)) if operator == PARENT:
            yield from _needed(application, inner, stack[:-1])
        case Exists(relationship) | Aggregated(relationship=relationship):
            destination = application.destination(stack[-1].relationships[relationship])
            for child in children(node):
                yield from _needed(application, child, (*stack, destination))
        case _:
            for child in children(node):
                yield from _needed(application, child, stack)
