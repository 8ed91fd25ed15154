"""Names outside: how the names of a declaration are spelled in documents and query strings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from sorbus.resource.spelling import NameStyle, spelled

_QUOTED = re.compile(r"`([a-z_][a-z0-9_]*)`")


class Names:
    """The names of one resource's fields, relationships and inputs, in both directions."""

    def __init__(self, names: Iterable[str], style: NameStyle) -> None:
        self.style: NameStyle = style
        self.outside: Mapping[str, str] = MappingProxyType({each: spelled(each, style) for each in names})
        self.inside: Mapping[str, str] = MappingProxyType(
            {outside: each for each, outside in self.outside.items()}
        )

    def wire(self, name: str) -> str:
        """A declared name as it is spelled outside."""
        return self.outside.get(name) or spelled(name, self.style)

    def own(self, name: str) -> str | None:
        """The declared name of what is spelled so outside, or None."""
        return self.inside.get(name)

    def collisions(self) -> Iterable[tuple[str, str]]:
        """Declared names that would be spelled alike, each with the one that has the spelling."""
        return [(each, kept) for each, spelt in self.outside.items() if (kept := self.inside[spelt]) != each]

    def told(self, text: str) -> str:
        """A sentence of an error with names as they are spelled outside."""
        if self.style == "snake":
            return text
        return _QUOTED.sub(lambda found: f"`{self.outside.get(found[1], found[1])}`", text)
