"""The type of any JSON value."""

from __future__ import annotations

from typing import TypeAliasType, Union

Json = TypeAliasType(
    "Json", Union[None, bool, int, float, str, "list[Json]", "dict[str, Json]"]
)
"""Anything that JSON can hold."""
