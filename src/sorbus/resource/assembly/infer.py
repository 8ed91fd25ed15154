"""The types of calculations and aggregates, inferred from their expressions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

from sorbus.expressions.nodes import (
    ActorRef,
    Aggregated,
    AggregateKind,
    Call,
    Const,
    Exists,
    Node,
    Ref,
)
from sorbus.expressions.operators import OPERATORS
from sorbus.expressions.type_rows import ENDS
from sorbus.types.base import FieldType, field_type

TypeOfRef = Callable[[Ref], FieldType]
TypeOfAggregate = Callable[[Aggregated], FieldType]


def infer(node: Node, ref: TypeOfRef, aggregate: TypeOfAggregate) -> FieldType:  # one for each kind
    """The field type of an expression's values; nullable unless it surely is not."""
    match node:
        case Const(value):
            return field_type(type(value) if value is not None else Any)
        case Ref():
            return ref(node)
        case Aggregated():
            return aggregate(node)
        case Exists():
            return field_type(bool)
        case Call(operator, args):
            return _call(operator, [infer(arg, ref, aggregate) for arg in args])
        case ActorRef(""):
            return field_type(bool)
        case _:
            return FieldType(annotation=Any, nullable=True)


def _call(operator: str, args: list[FieldType]) -> FieldType:  # one for each family
    nullable = any(arg.nullable for arg in args)
    if operator in {"is_null", "is_true", "distinct"}:
        return field_type(bool)
    if operator in {"and", "or", "not", "in"}:
        return FieldType(annotation=bool, nullable=nullable)
    if operator == "coalesce":
        return FieldType(annotation=args[0].annotation, nullable=all(arg.nullable for arg in args))
    if operator == "if":
        return FieldType(annotation=args[1].annotation, nullable=args[1].nullable or args[2].nullable)
    if operator == "add" and issubclass(args[0].python, str):
        return FieldType(annotation=str, nullable=nullable)
    if operator in ENDS:
        return FieldType(annotation=get_args(args[0].annotation)[0], nullable=True)
    if operator == "range_intersection":
        return FieldType(annotation=args[0].annotation, nullable=nullable)
    rule = OPERATORS[operator]
    if rule.result is not None:
        return FieldType(annotation=rule.result, nullable=nullable)
    annotation = _arithmetic(operator, [arg.python for arg in args])
    return FieldType(annotation=annotation, nullable=nullable or operator in {"div", "mod"})


def _arithmetic(operator: str, args: list[type]) -> type:
    if operator == "sub" and args[0] is datetime and args[1] is datetime:
        return timedelta
    if Decimal in args:
        return Decimal
    return float if float in args else args[0]


def aggregate_type(kind: AggregateKind, of: FieldType | None) -> FieldType:
    """The type of an aggregate's value."""
    if kind is AggregateKind.COUNT:
        return field_type(int)
    if kind is AggregateKind.EXISTS:
        return field_type(bool)
    annotation = of.annotation if of is not None else Any
    if kind is AggregateKind.SUM:
        return FieldType(annotation=annotation)
    if kind is AggregateKind.AVG:
        return FieldType(
            annotation=annotation if annotation in {float, timedelta} else Decimal, nullable=True
        )
    return FieldType(annotation=annotation, nullable=True)
