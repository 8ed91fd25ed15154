"""The values of a key as text, by which a row is known again in the error of a constraint."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any
from uuid import UUID


def key_text(values: Iterable[Any]) -> str:
    """The values of a key as PostgreSQL writes them in an error; empty when one may be written in several ways."""
    parts: list[str] = []
    for value in values:
        plain = value.value if isinstance(value, Enum) else value
        match plain:
            case None:
                parts.append("null")
            case bool():
                parts.append("t" if plain else "f")
            case str() | int() | UUID():
                parts.append(str(plain))
            case _:
                return ""
    return ", ".join(parts)
