"""The types of calculations and aggregates, inferred from their expressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from sorbus.errors.declaration import WrongOperand
from sorbus.expressions.casts import cast_between
from sorbus.expressions.kinds import aggregate_kind, call_kind, type_in
from sorbus.expressions.nodes import (
    CAST,
    FRAGMENT,
    NAMED,
    PARENT,
    PATH,
    ActorRef,
    Aggregated,
    AggregateKind,
    Call,
    Const,
    Exists,
    Lazy,
    Node,
    Ref,
)
from sorbus.expressions.operators import OPERATORS
from sorbus.types.base import FieldType, field_type, python_class, sql_type

TypeOfRef = Callable[[Ref], FieldType]
TypeOfAggregate = Callable[[Aggregated], FieldType]

_NEVER_NULL = frozenset({"is_null", "is_true", "distinct", "now", "today"})
_UNORDERED = frozenset({"boolean", "uuid", "jsonb", "bytea"})


def infer(node: Node, ref: TypeOfRef, aggregate: TypeOfAggregate) -> FieldType:
    """The field type of an expression's values; nullable unless it surely is not.

    Raises:
        WrongOperand: a function is given what it surely cannot take.
    """
    match node:
        case Const(value):
            return field_type(type(value) if value is not None else Any)
        case Ref():
            return ref(node)
        case Aggregated():
            return aggregate(node)
        case Exists():
            return field_type(bool)
        case Lazy(annotation=annotation) if annotation is not None:
            return FieldType(annotation=annotation, nullable=True)
        case Call(operator, args) if operator in {NAMED, PARENT}:
            return infer(args[-1], ref, aggregate)
        case Call(operator, args) if operator == FRAGMENT:
            kind = type_in(args)
            return FieldType(annotation=kind.annotation, nullable=kind.nullable)
        case Call(operator, args):
            return _call(operator, args, [infer(arg, ref, aggregate) for arg in args])
        case ActorRef(""):
            return field_type(bool)
        case _:
            return FieldType(annotation=Any, nullable=True)


def _call(operator: str, args: Sequence[Node], types: list[FieldType]) -> FieldType:
    _check(operator, args, types)
    known = [None if each.annotation is Any else each.annotation for each in types]
    kind = call_kind(operator, args, known)
    nullable = operator not in _NEVER_NULL and _nullable(operator, args, types)
    return FieldType(annotation=Any if kind is None else kind, nullable=nullable)


def _nullable(operator: str, args: Sequence[Node], types: list[FieldType]) -> bool:
    if operator in {"coalesce", "least", "greatest"}:
        return all(each.nullable for each in types)
    if operator == "if":
        return any(each.nullable for each in types[1:])
    if operator == CAST:
        found = cast_between(types[0].sql, sql_type(type_in(args).annotation))
        return types[0].nullable or found is None or not found.total
    rule = OPERATORS.get(operator)
    fails = operator == PATH or (rule is not None and rule.nullable)
    return fails or any(each.nullable for each in types)


def _check(operator: str, args: Sequence[Node], types: list[FieldType]) -> None:
    """Refuse arguments of a function that are surely none of what it takes."""
    if operator == CAST:
        source, target = types[0], type_in(args).annotation
        if source.annotation is not Any and cast_between(source.sql, sql_type(target)) is None:
            raise WrongOperand("cast", found=source.describe(), takes=f"what can become {target.__name__}")
    rule = OPERATORS.get(operator)
    for place, each in enumerate(types if rule is not None else ()):
        family = rule.family(place) if rule is not None else None
        # A bare list is given as its items are.
        bare = isinstance(args[place], Const) and python_class(each.annotation) is tuple
        if family is not None and not bare and not family.holds(each.annotation):
            raise WrongOperand(operator, found=each.describe(), takes=family.value, place=place)


def aggregate_type(node: Aggregated, of: FieldType | None) -> FieldType:
    """The type of an aggregate's value.

    Raises:
        WrongOperand: the values cannot be compared.
    """
    kind = node.kind
    if kind in {AggregateKind.MIN, AggregateKind.MAX} and of is not None and of.sql in _UNORDERED:
        raise WrongOperand(f"agg.{kind}", found=of.describe(), takes="what has an order")
    annotation = aggregate_kind(
        kind, None if of is None or of.annotation is Any else of.annotation, node.custom
    )
    sure = {AggregateKind.COUNT, AggregateKind.EXISTS, AggregateKind.SUM, AggregateKind.LIST}
    nullable = kind not in sure and node.default is None
    return FieldType(annotation=Any if annotation is None else annotation, nullable=nullable)


def can_be_added(of: FieldType | None) -> bool:
    """Whether values of a type have a sum and a mean."""
    return of is None or of.sql in {"bigint", "double precision", "numeric", sql_type(timedelta)}
