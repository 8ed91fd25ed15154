"""Templates of SQL: `lower({0})`, checked when they are declared."""

from __future__ import annotations

import re

from sorbus.errors.declaration import BrokenFragment
from sorbus.expressions.nodes import Template

_PLACE = re.compile(r"\{\{|\}\}|\{(?P<place>[^{}]*)\}|[{}]")


def template(sql: str, count: int, *, where: str) -> Template:
    """A text with `{0}`, `{1}`… for `count` arguments, each of which must be used.

    Raises:
        BrokenFragment: the braces are wrong, name an argument that there is not, or leave one out; or the text
            has a parameter of its own, which would be taken for one of the statement's.
    """
    if re.search(r"\$[0-9]", sql):
        raise BrokenFragment(where, sql, "it has a parameter of its own (`$1`)")
    texts: list[str] = [""]
    places: list[int] = []
    last = 0
    for found in _PLACE.finditer(sql):
        texts[-1] += sql[last : found.start()]
        last = found.end()
        place = found["place"]
        if found[0] in {"{{", "}}"}:
            texts[-1] += found[0][0]
        elif place is None:
            raise BrokenFragment(where, sql, f"the brace at position {found.start()} stands alone")
        elif not (place.isascii() and place.isdecimal()) or int(place) >= count:
            raise BrokenFragment(where, sql, f"`{found[0]}` names none of its {count} arguments")
        else:
            places.append(int(place))
            texts.append("")
    texts[-1] += sql[last:]
    unused = set(range(count)) - set(places)
    if unused:
        raise BrokenFragment(where, sql, f"it does not use the argument `{{{min(unused)}}}`")
    return Template(tuple(texts), tuple(places))
