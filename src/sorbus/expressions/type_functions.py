"""Functions over vectors and tagged unions, for conditions, sorts and calculations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sorbus.errors.declaration import WrongValueType
from sorbus.expressions.build import Built, Expr, Lowering, is_expression
from sorbus.expressions.lowering import Lowerer
from sorbus.expressions.nodes import Call, Const, Node
from sorbus.types.unions import TaggedUnion
from sorbus.types.vector import Vector

VectorExpr = Expr[Vector] | Expr[Vector | None]
NearTo = Vector | Sequence[float] | VectorExpr


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
