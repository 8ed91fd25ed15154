"""Functions of ranges."""

from __future__ import annotations

from typing import Any, TypeVar

from sorbus.expressions.expr import Built, Expr, Lowering, Operand, is_expression
from sorbus.expressions.nodes import Call, Node
from sorbus.types.ranges import Range

T = TypeVar("T")

RangeOf = Expr[Range[T]] | Expr[Range[T] | None]
"""A range that may be null."""


class OverRange(Built):
    """A function over a range; a range beside it takes the type of its bounds."""

    __slots__ = ()

    def lower(self, context: Lowering) -> Node:
        first = next(filter(is_expression, self.args), None)
        nodes = [
            arg.lower(context)
            if isinstance(arg, Expr)
            else context.value(arg, first if isinstance(arg, Range) else None)
            for arg in self.args
        ]
        return Call(self.operator, tuple(nodes))


def range_contains(outer: RangeOf[T], inner: Operand[T] | Operand[Range[T]]) -> Expr[bool]:
    """Whether a value, or all of another range, lies in a range."""
    return OverRange("range_contains", outer, inner)


def range_overlaps(one: RangeOf[T], other: Operand[Range[T]]) -> Expr[bool]:
    """Whether anything lies in both ranges."""
    return OverRange("range_overlaps", one, other)


def range_before(one: RangeOf[T], other: Operand[Range[T]]) -> Expr[bool]:
    """Whether all of a range lies below all of another."""
    return OverRange("range_before", one, other)


def range_adjacent(one: RangeOf[T], other: Operand[Range[T]]) -> Expr[bool]:
    """Whether two ranges touch without sharing anything."""
    return OverRange("range_adjacent", one, other)


def range_intersection(one: RangeOf[T], other: Operand[Range[T]]) -> Expr[Range[T]]:
    """What lies in both ranges."""
    return OverRange("range_intersection", one, other)


def range_lower(of: RangeOf[T]) -> Expr[T | None]:
    """The lower end; null where there is none, and of the empty range."""
    return OverRange("range_lower", of)


def range_upper(of: RangeOf[T]) -> Expr[T | None]:
    """The upper end; null where there is none, and of the empty range."""
    return OverRange("range_upper", of)


def range_is_empty(of: RangeOf[Any]) -> Expr[bool]:
    """Whether nothing lies in a range."""
    return OverRange("range_is_empty", of)
