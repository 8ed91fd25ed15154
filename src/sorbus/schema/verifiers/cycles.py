"""No calculation needs itself."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from sorbus.errors.declaration import CircularCalculation, DeclarationError
from sorbus.expressions.nodes import Ref, walk
from sorbus.schema.resource import ApplicationSpec


def verify_cycles(application: ApplicationSpec) -> Iterator[DeclarationError]:
    """The calculations that go round in circles."""
    for spec in application.resources.values():
        graph = {
            each.name: {ref.name for ref in walk(each.node) if isinstance(ref, Ref) and not ref.path}
            for each in spec.calculations.values()
            if each.node is not None
        }
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            ring = [str(name) for name in error.args[1]]
            yield CircularCalculation(spec.name, ring)
