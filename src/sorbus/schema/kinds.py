"""The types of expressions over the rows of resources, where the column type of a value must be known."""

from __future__ import annotations

from typing import Any, cast

from sorbus.expressions.kinds import aggregate_kind, call_kind
from sorbus.expressions.nodes import (
    NAMED,
    PARENT,
    Aggregated,
    Call,
    Const,
    Exists,
    Incoming,
    Lazy,
    Node,
    Param,
    Ref,
)
from sorbus.schema.resource import ApplicationSpec, ResourceSpec

Stack = tuple[ResourceSpec, ...]
"""The resources of the enclosing rows, the row in question last."""


def kind_of(  # noqa: C901, PLR0911, PLR0912  # one case for each kind
    application: ApplicationSpec, node: Node, stack: Stack, *, values: bool = True
) -> Any:
    """The type of an expression's values without `None`, or None where it cannot be told.

    Args:
        values: whether a bare value counts, which otherwise takes the type of what is beside it.
    """
    match node:
        case Ref(name, path, outer):
            spec = stack[-1 - outer]
            for step in path:
                spec = application.destination(spec.relationships[step])
            return spec.fields[name].type.annotation
        case Call(operator, (inner,)) if operator == PARENT:
            return kind_of(application, inner, stack[:-1], values=values)
        case Call(operator, (_, inner)) if operator == NAMED:
            return kind_of(application, inner, stack, values=values)
        case Call(operator, args):
            return call_kind(operator, args, [kind_of(application, arg, stack) for arg in args])
        case Exists():
            return bool
        case Incoming(name):
            return stack[-1].attributes[name].type.annotation
        case Aggregated(kind, relationship, of, custom=custom):
            inner_kind = None
            if of is not None:
                destination = application.destination(stack[-1].relationships[relationship])
                inner_kind = kind_of(application, of, (*stack, destination))
            return aggregate_kind(kind, inner_kind, custom)
        case Param(_, python) if values:
            return None if python is type(None) else python
        case Const(value) if values and value is not None and not isinstance(value, tuple):
            return type(cast("object", value))
        case Lazy(annotation=annotation) if values:
            return annotation
        case _:
            return None
