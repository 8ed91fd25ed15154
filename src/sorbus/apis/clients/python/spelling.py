"""How names, values and docstrings are written in Python; no text can end what it stands in."""

from __future__ import annotations

import builtins
import json
import keyword
import re
from collections.abc import Iterable, Mapping

from sorbus.apis.clients.writing import one_line

KEYWORDS = frozenset(keyword.kwlist)
BUILTINS = frozenset(dir(builtins))
TYPES_OF_MEMBERS = frozenset(
    {"str", "int", "float", "bool", "bytes", "list", "tuple", "type", "object", "property"}
)
"""What a member of a class must not be called: the annotations beside it mean something else by it."""


def literal(value: object) -> str:
    """A literal value."""
    # JSON writes what lies beyond 16 bits as two signs, which Python does not join.
    return json.dumps(value) if isinstance(value, str) and value.isascii() else repr(value)


def mapping(names: Mapping[str, str]) -> str:
    """A dictionary of texts."""
    return "{" + ", ".join(f"{literal(name)}: {literal(each)}" for name, each in names.items()) + "}"


def literal_type(name: str, values: Iterable[object]) -> str:
    """One of some literal values, under a name."""
    return f"{name} = Literal[\n{''.join(f'    {literal(each)},\n' for each in values)}]\n"


def docstring(text: str, depth: int = 0) -> str:
    """A docstring."""
    found = one_line(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'{"    " * depth}"""{found}"""\n'


def indented(lines: str, steps: int = 1) -> str:
    """Lines, further to the right."""
    return "".join(f"{'    ' * steps}{line}\n" if line else "\n" for line in lines.splitlines())


def snake_name(name: str) -> str:
    """A name from documents as one in Python."""
    found = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", _plain(name)).lower().lstrip("_")
    return f"x{found}" if not found or found[0].isdigit() else found


def member_name(value: object) -> str:
    """The name of a member of an enumeration, from its value."""
    if value == "":
        return "EMPTY"
    found = _plain(str(value)).strip("_").upper()
    return found if found and not found[0].isdigit() else f"VALUE_{found}".removesuffix("_")


def _plain(text: str) -> str:
    """A text with signs only that a name may have."""
    return text if text.isidentifier() else re.sub(r"[^0-9A-Za-z_]+", "_", text)


def needed(imports: str, body: str) -> str:
    """The imports without the names that nothing uses."""
    words = set(re.findall(r"\w+", body))
    lines: list[str] = []
    for line in imports.splitlines():
        head, found, names = line.partition(" import ")
        kept = [each for each in names.split(", ") if each in words or head.endswith("__future__")]
        if not found or kept:
            lines.append(f"{head}{found}{', '.join(kept)}\n")
    return "".join(lines)
