"""Functions of lists. Positions count from zero, negative ones from the end."""

# Where overloads of nullable operands overlap, both operands are always null, and no field is.
# mypy: disable-error-code="overload-overlap"
# pyright: reportOverlappingOverload=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, overload

from sorbus.expressions.expr import Built, Expr, Operand

T = TypeVar("T")

Items = Expr[list[T]] | Expr[list[T] | None]
"""A list that may be null."""


def has(items: Items[T], item: Operand[T]) -> Expr[bool]:
    """Whether the list has an item."""
    return Built("in", item, items)


def has_all(items: Items[T], wanted: Operand[list[T]]) -> Expr[bool]:
    """Whether the list has every one of the items; of no items it has."""
    return Built("has_all", items, wanted)


def has_any(items: Items[T], wanted: Operand[list[T]]) -> Expr[bool]:
    """Whether the list has one of the items."""
    return Built("has_any", items, wanted)


intersects = has_any
"""Whether two lists have an item in common."""


# As a sequence the list is covariant, so that mypy may take its items for nullable before it knows better.
def at(items: Expr[Sequence[T] | None], index: Operand[int]) -> Expr[T | None]:
    """The item at a position; null where there is none."""
    return Built("at", items, index)


@overload
def length(value: Expr[str] | Expr[list[Any]]) -> Expr[int]: ...
@overload
def length(value: Expr[str | None] | Expr[list[Any] | None]) -> Expr[int | None]: ...
def length(value: Any) -> Any:
    """The number of characters of a text, or of items of a list."""
    return Built("length", value)


@overload
def append(items: Expr[list[T]], item: Operand[T]) -> Expr[list[T]]: ...
@overload
def append(items: Expr[list[T] | None], item: Operand[T]) -> Expr[list[T] | None]: ...
def append(items: Any, item: Any) -> Any:
    """The list with an item at its end."""
    return Built("append", items, item)


@overload
def remove(items: Expr[list[T]], item: Operand[T]) -> Expr[list[T]]: ...
@overload
def remove(items: Expr[list[T] | None], item: Operand[T]) -> Expr[list[T] | None]: ...
def remove(items: Any, item: Any) -> Any:
    """The list without every item that is equal to one."""
    return Built("remove", items, item)
