"""How names, values and comments are written in TypeScript; no text can end what it stands in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from sorbus.apis.clients.writing import one_line

_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)


def quoted(value: object) -> str:
    """A literal value."""
    return json.dumps(value)


def union(terms: Iterable[str]) -> str:
    """One of several types."""
    return " | ".join(terms) or "never"


def property_name(name: str) -> str:
    """The name of a property, in quotes where it has to be."""
    return name if _IDENTIFIER.fullmatch(name) else quoted(name)


def object_type(terms: Iterable[str]) -> str:
    """The type of an object on one line."""
    return f"{{ {found} }}" if (found := "; ".join(terms)) else "{}"


def comment(text: str, *, indent: str = "") -> str:
    """A comment above a line; empty for an empty text."""
    found = one_line(text).replace("*/", "* /")
    return f"{indent}/** {found} */\n" if found else ""


def member(name: str, kind: str, *, optional: bool = False, description: str = "") -> str:
    """A member of an interface."""
    mark, rest = ("?", " | undefined") if optional else ("", "")
    return f"{comment(description, indent='  ')}  readonly {property_name(name)}{mark}: {kind}{rest};\n"


def interface(name: str, lines: Iterable[str], description: str = "") -> str:
    """An interface."""
    return f"{comment(description)}export interface {name} {{\n{''.join(lines)}}}\n"


def indented(lines: str, steps: int = 1) -> str:
    """Lines, further to the right."""
    return "".join(f"{'  ' * steps}{line}\n" for line in lines.splitlines())
