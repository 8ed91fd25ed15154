"""Docstrings of actions: what they say of the whole, and of each input in a section `Args:`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

_SECTION = re.compile(r"(Args|Arguments|Parameters|Returns|Raises|Yields|Examples?|Notes?|Attributes):")
_PARAMETERS = ("Args", "Arguments", "Parameters")
_ENTRY = re.compile(r"([A-Za-z_]\w*)(?:\s*\([^)]*\))?:\s*(.*)")


@dataclass(frozen=True, slots=True)
class Docstring:
    """A docstring taken apart.

    Attributes:
        summary: its first line.
        text: everything before the first section.
        parameters: what it says of each parameter, without line breaks.
    """

    summary: str = ""
    text: str = ""
    parameters: Mapping[str, str] = MappingProxyType({})


def docstring_of(function: Any) -> Docstring:
    """The docstring of a function, whose sections are headed as Google's style has them (`Args:`)."""
    lines = (inspect.getdoc(function) or "").splitlines()
    if not lines:
        return Docstring()
    sections: dict[str, list[str]] = {"": []}
    name = ""
    for line in lines:
        found = _SECTION.fullmatch(line.rstrip())
        if found is not None:
            name = found[1]
            sections.setdefault(name, [])
        else:
            sections[name].append(line)
    text = "\n".join(sections[""]).strip()
    parameters: dict[str, str] = {}
    for each in _PARAMETERS:
        parameters |= _entries(sections.get(each, []))
    return Docstring(lines[0], text, MappingProxyType(parameters))


def _entries(lines: list[str]) -> dict[str, str]:
    """The entries of a section: a name, a colon and a text, which goes on in lines that stand further right."""
    found: dict[str, list[str]] = {}
    name, margin = "", 0
    for line in filter(str.strip, lines):
        indent = len(line) - len(line.lstrip())
        entry = _ENTRY.fullmatch(line.strip()) if not name or indent <= margin else None
        if entry is not None:
            name, margin = entry[1], indent
            found[name] = [entry[2]]
        elif name:
            found[name].append(line.strip())
    return {each: " ".join(filter(None, words)) for each, words in found.items()}
