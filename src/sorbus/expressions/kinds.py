"""The type of a call, from the types of its arguments: one answer for both data layers and for declarations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sorbus.expressions.nodes import (
    CAST,
    COLLATE,
    FRAGMENT,
    NAMED,
    PARENT,
    PATH,
    UNTRUSTED,
    AggregateKind,
    As,
    Const,
    Custom,
    Node,
)
from sorbus.expressions.operators import OPERATORS
from sorbus.expressions.rule import unified

_TRUTHS = frozenset({"and", "or", "not", "in"})


def call_kind(  # noqa: PLR0911  # one return for each form
    operator: str, args: Sequence[Node], kinds: Sequence[Any]
) -> Any:
    """The type of a call's value without `None`; None where it cannot be told."""
    rule = OPERATORS.get(operator)
    if rule is not None:
        return rule.kind(kinds)
    if operator in _TRUTHS:
        return bool
    match operator:
        case "coalesce":
            return unified(kinds)
        case "if":
            return unified(kinds[1:])
        case "today":
            return date
        case _ if operator == PATH:
            return type_in(args).annotation if len(args) > 2 else Any
        case _ if operator == COLLATE:
            return str
        case _ if operator in {CAST, FRAGMENT}:
            return type_in(args).annotation
        case _ if operator in {PARENT, UNTRUSTED}:
            return kinds[0]
        case _ if operator == NAMED:
            return kinds[1]
        case _:
            return None


def type_in(args: Sequence[Node]) -> As:
    """The type that a form was given."""
    return next(each.value for each in args if isinstance(each, Const) and isinstance(each.value, As))


def aggregate_kind(kind: AggregateKind, of: Any, custom: Custom | None = None) -> Any:
    """The type of an aggregate over values of a type; None where it cannot be told."""
    match kind:
        case AggregateKind.COUNT:
            return int
        case AggregateKind.EXISTS:
            return bool
        case AggregateKind.LIST:
            return None if of is None else list[of]
        case AggregateKind.CUSTOM:
            return None if custom is None else custom.annotation
        case AggregateKind.AVG:
            # PostgreSQL's mean of integers is numeric.
            return of if of in {float, timedelta} or of is None else Decimal
        case _:
            return of
