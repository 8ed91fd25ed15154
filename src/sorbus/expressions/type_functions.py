"""Functions over ranges, vectors and tagged unions, for conditions, sorts and calculations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sorbus.errors.declaration import WrongValueType
from sorbus.expressions.build import Built, Expr, Lowering, Operand, is_expression
from sorbus.expressions.lowering import Lowerer
from sorbus.expressions.nodes import Call, Const, Node
from sorbus.types.ranges import Range
from sorbus.types.unions import TaggedUnion
from sorbus.types.vector import Vector

T = TypeVar("T")

RangeOf = Expr[Range[T]] | Expr[Range[T] | None]
VectorExpr = Expr[Vector] | Expr[Vector | None]
NearTo = Vector | Sequence[float] | VectorExpr


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


def cosine_distance(one: VectorExpr, other: NearTo) -> Expr[float]:
    """The angle between two vectors as a number: 0 in the same direction, 1 at a right angle, 2 opposite.

    Sorting by it ascending uses an `Hnsw(distance="cosine")`.
    """
    return Built("cosine_distance", one, _vector(other))


def l2_distance(one: VectorExpr, other: NearTo) -> Expr[float]:
    """The straight distance between two vectors. Sorting by it ascending uses an `Hnsw(distance="l2")`."""
    return Built("l2_distance", one, _vector(other))


def inner_product(one: VectorExpr, other: NearTo) -> Expr[float]:
    """The inner product of two vectors: the larger, the nearer."""
    return Built("inner_product", one, _vector(other))


def negative_inner_product(one: VectorExpr, other: NearTo) -> Expr[float]:
    """The inner product, negated: the smaller, the nearer. Sorting by it ascending uses an
    `Hnsw(distance="inner_product")`, which a sort by `inner_product` cannot."""
    return Built("negative_inner_product", one, _vector(other))


def _vector(value: Any) -> Any:
    if is_expression(value) or isinstance(value, Vector):
        return value
    numbers: Sequence[float] = value
    return Vector(numbers)


class TagOf(Expr[str]):
    """The tag of a tagged union."""

    __slots__ = ("of",)

    def __init__(self, of: Any) -> None:
        self.of = of

    def lower(self, context: Lowering) -> Node:
        kind = context.catalog.type_of(self.of.owner, self.of.name) if isinstance(context, Lowerer) else None
        rule = kind.rule if kind is not None else None
        if not isinstance(rule, TaggedUnion):
            label = f"{self.of.owner.__name__}.{self.of.name}"
            shown = kind.describe() if kind is not None else "something unknown"
            raise WrongValueType("a tag", field=label, expected=shown)
        return Call("union_tag", (self.of.lower(context), Const(rule.key)))


def tag_of(of: Expr[Any]) -> Expr[str]:
    """The tag of an attribute that is a tagged union, to filter and sort by.

    Raises:
        WrongValueType: when the query is run or the application put together, if it is no tagged union.
    """
    return TagOf(of)
