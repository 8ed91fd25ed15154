"""Functions of lists and JSON documents. Positions count from zero, negative ones from the end."""

from __future__ import annotations

from enum import Enum
from typing import Any

from sorbus.expressions.rule import Family, Operator, clamped, first, item_of


def holds(items: Any, item: Any) -> bool:
    """Whether a list has an item; one of an enumeration may stand there as its value."""
    return item in items or (isinstance(item, Enum) and item.value in items)


def has_all(items: list[Any], wanted: Any) -> bool:
    """Whether every wanted item is in the list."""
    return all(each is not None and holds(items, each) for each in wanted)


def has_any(items: list[Any], wanted: Any) -> bool:
    """Whether one of the wanted items is in the list."""
    return any(each is not None and holds(items, each) for each in wanted)


def at(items: list[Any], index: int) -> Any:
    """The item at a position, or None."""
    return items[index] if -len(items) <= index < len(items) else None


def append(items: list[Any], item: Any) -> list[Any]:
    """The list with an item at its end."""
    return [*items, _stored(item)]


def remove(items: list[Any], item: Any) -> list[Any]:
    """The list without the items that are equal to one."""
    return [each for each in items if _stored(each) != _stored(item)]


def _stored(item: Any) -> Any:
    return item.value if isinstance(item, Enum) else item


def has_key(document: Any, key: str) -> bool:
    """Whether a document is an object with a key."""
    return isinstance(document, dict) and key in document


_INDEX = clamped("{1}")
_LIST, _ANY = Family.LIST, Family.ANY
_BOTH = "CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL THEN %s END"

ROWS = (
    Operator("has_all", "has_all", "{0} @> {1}", has_all, bool, (_LIST, _LIST), same=True),
    Operator("has_any", "has_any", "{0} && {1}", has_any, bool, (_LIST, _LIST), same=True),
    Operator(
        "at",
        "at",
        f"({{0}})[CASE WHEN {{1}} < 0 THEN cardinality({{0}}) ELSE 0 END + {_INDEX} + 1]",
        at,
        item_of,
        (_LIST, Family.NUMBER),
        nullable=True,
    ),
    Operator("append", "append", _BOTH % "array_append({0}, {1})", append, first, (_LIST, _ANY)),
    Operator("remove", "remove", _BOTH % "array_remove({0}, {1})", remove, first, (_LIST, _ANY)),
    Operator(
        "has_key",
        "has_key",
        "(jsonb_typeof({0}) = 'object' AND {0} ? {1})",
        has_key,
        bool,
        (Family.DOCUMENT, Family.TEXT),
    ),
)
"""The operators of lists and documents."""
