"""How declared names are spelled outside: in tables, documents, query strings, schemas and names of tools."""

from __future__ import annotations

import re
from typing import Literal

NameStyle = Literal["snake", "camel", "dash"]
"""How names are spelled outside: `due_at`, `dueAt` or `due-at`."""

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def words(name: str, between: str = "_") -> str:
    """The name of a class in small letters: `LlmCall` is `llm_call`."""
    return _WORD.sub(between, name).lower()


def camel(name: str) -> str:
    """The name of a field without `_`: `title_length` is `titleLength`."""
    first, *rest = name.split("_")
    return first + "".join(each[:1].upper() + each[1:] for each in rest)


def upper_camel(name: str) -> str:
    """The same as the beginning of a type's name: `write_note` is `WriteNote`."""
    found = camel(name)
    return found[:1].upper() + found[1:]


def spelled(name: str, style: NameStyle) -> str:
    """The name of a field in a style."""
    match style:
        case "camel":
            return camel(name)
        case "dash":
            return name.replace("_", "-")
        case "snake":
            return name
