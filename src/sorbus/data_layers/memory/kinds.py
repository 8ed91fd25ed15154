"""The types of expressions, where no row is there to tell: a sum over nothing is a zero of some type."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from sorbus.expressions.nodes import Aggregated, AggregateKind, Call, Const, Node, Param, Ref
from sorbus.expressions.operators import OPERATORS
from sorbus.schema.resource import ApplicationSpec, ResourceSpec

Stack = tuple[ResourceSpec, ...]
"""The resources of the enclosing rows, the row in question last."""


def zero(application: ApplicationSpec, node: Node, stack: Stack) -> Any:
    """The zero of an expression's type."""
    kind = kind_of(application, node, stack)
    return kind(0) if kind in {Decimal, float, timedelta} else 0


def kind_of(  # one for each kind
    application: ApplicationSpec, node: Node, stack: Stack
) -> type | None:
    """The Python type of an expression's values, or None where it cannot be told."""
    match node:
        case Ref(name, path, outer):
            spec = stack[-1 - outer]
            for step in path:
                spec = application.destination(spec.relationships[step])
            return spec.fields[name].type.python
        case Param(_, python):
            return python
        case Const(value) if value is not None:
            return type(cast("object", value))
        case Call(operator, args):
            return _result(operator, [kind_of(application, arg, stack) for arg in args])
        case Aggregated(AggregateKind.COUNT):
            return int
        case Aggregated(kind, relationship, of) if of is not None:
            destination = application.destination(stack[-1].relationships[relationship])
            found = kind_of(application, of, (*stack, destination))
            return Decimal if kind is AggregateKind.AVG and found is int else found
        case _:
            return None


def _result(operator: str, kinds: list[type | None]) -> type | None:
    if operator == "if":
        kinds = kinds[1:]
    elif operator not in OPERATORS:
        return next(filter(None, kinds), None) if operator == "coalesce" else bool
    elif OPERATORS[operator].result is not None:
        return OPERATORS[operator].result
    elif operator == "sub" and kinds == [datetime, datetime]:
        return timedelta
    if Decimal in kinds:
        return Decimal
    return float if float in kinds else next(filter(None, kinds), None)
