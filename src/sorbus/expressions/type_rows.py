"""The rows of the table of operators for ranges, vectors and tagged unions."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from math import fsum, nan, sqrt
from typing import Any, get_args

from sorbus.errors.database import ValueNotStorable
from sorbus.expressions.rule import Kinds, Operator, first
from sorbus.types.ranges import Range
from sorbus.types.vector import Vector


def _contains(outer: Range[Any], inner: Any) -> bool:
    return inner in outer


def _overlaps(one: Range[Any], other: Range[Any]) -> bool:
    return one.overlaps(other)


def _before(one: Range[Any], other: Range[Any]) -> bool:
    return one.before(other)


def _adjacent(one: Range[Any], other: Range[Any]) -> bool:
    return one.adjacent(other)


def _intersection(one: Range[Any], other: Range[Any]) -> Range[Any]:
    return one.intersection(other)


def _lower(value: Range[Any]) -> Any:
    return value.lower


def _upper(value: Range[Any]) -> Any:
    return value.upper


def _is_empty(value: Range[Any]) -> bool:
    return value.empty


def _pairs(one: Vector, other: Vector) -> list[tuple[float, float]]:
    if len(one) != len(other):
        raise ValueNotStorable(f"vectors of {len(one)} and {len(other)} dimensions have no distance")
    return list(zip(one, other, strict=True))


def _single(value: float) -> float:
    """A number in 32 bits: pgvector adds up in them."""
    return array("f", [value])[0]


def _inner(one: Vector, other: Vector) -> float:
    return _single(fsum(left * right for left, right in _pairs(one, other)))


def _negative_inner(one: Vector, other: Vector) -> float:
    return -_inner(one, other)


def _l2(one: Vector, other: Vector) -> float:
    return sqrt(_single(fsum((left - right) ** 2 for left, right in _pairs(one, other))))


def _cosine(one: Vector, other: Vector) -> float:
    product = _inner(one, other)
    length = sqrt(_single(fsum(each * each for each in one)) * _single(fsum(each * each for each in other)))
    # Without a length there is no angle; PostgreSQL answers with what is no number, too.
    return nan if length == 0 else 1 - max(-1.0, min(1.0, product / length))


def _tag(document: Mapping[str, Any], key: str) -> Any:
    return document.get(key)


def _end(kinds: Kinds) -> Any:
    """The type of the ends of a range."""
    found = get_args(kinds[0])
    return found[0] if found else None


ROWS: tuple[Operator, ...] = (
    Operator("range_contains", "range_contains", "{0} @> {1}", _contains, bool),
    Operator("range_overlaps", "range_overlaps", "{0} && {1}", _overlaps, bool),
    Operator("range_before", "range_before", "{0} << {1}", _before, bool),
    Operator("range_adjacent", "range_adjacent", "{0} -|- {1}", _adjacent, bool),
    Operator("range_intersection", "range_intersection", "{0} * {1}", _intersection, first),
    Operator("range_lower", "range_lower", "lower({0})", _lower, _end, nullable=True),
    Operator("range_upper", "range_upper", "upper({0})", _upper, _end, nullable=True),
    Operator("range_is_empty", "range_is_empty", "isempty({0})", _is_empty, bool),
    Operator("cosine_distance", "cosine_distance", "{0} <=> {1}", _cosine, float),
    Operator("l2_distance", "l2_distance", "{0} <-> {1}", _l2, float),
    Operator("inner_product", "inner_product", "- ({0} <#> {1})", _inner, float),
    Operator("negative_inner_product", "negative_inner_product", "{0} <#> {1}", _negative_inner, float),
    Operator("union_tag", "tag_of", "{0} ->> {1}", _tag, str),
)
"""Every one of them."""

OVER_RANGES = frozenset(each.name for each in ROWS if each.name.startswith("range_"))
"""What is asked of ranges."""
