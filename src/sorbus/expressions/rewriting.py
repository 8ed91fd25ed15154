"""Rewriting: a tree with some of its nodes replaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, cast

from sorbus.expressions.nodes import Node, Ordering

Replacement = Callable[[Node], Node | None]
"""The node to put in the place of another; None leaves it."""


def rewritten(node: Node, instead: Replacement) -> Node:
    """The tree with every node replaced that `instead` has something for; that is not looked into again."""
    found = instead(node)
    if found is not None:
        return found
    return cast("Node", _members(node, instead))


def _members(value: Any, instead: Replacement) -> Any:
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changed: dict[str, Any] = {}
    for each in fields(value):
        before = getattr(value, each.name)
        after = _inside(before, instead)
        if after is not before:
            changed[each.name] = after
    return replace(value, **changed) if changed else value


def _inside(value: Any, instead: Replacement) -> Any:
    if isinstance(value, Node):
        return rewritten(value, instead)
    if isinstance(value, Ordering):
        return _members(value, instead)
    if isinstance(value, tuple):
        items: tuple[Any, ...] = value  # pyright: ignore[reportUnknownVariableType]
        after = tuple(_inside(each, instead) for each in items)
        return after if any(a is not b for a, b in zip(after, items, strict=True)) else items
    return value
