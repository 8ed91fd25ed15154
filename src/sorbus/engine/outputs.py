"""The attributes of a resource as the outputs of statements."""

from __future__ import annotations

from sorbus.expressions.nodes import Ref
from sorbus.query.statements import Output
from sorbus.schema.resource import ResourceSpec


def attribute_outputs(spec: ResourceSpec, only: tuple[str, ...] | None = None) -> tuple[Output, ...]:
    """The attributes that are read unasked as outputs, or some."""
    return tuple(
        Output(name=each.name, node=Ref(each.name), type=each.type)
        for each in spec.attributes.values()
        if (each.select_by_default if only is None else each.name in only)
    )
