"""Domains: named groups of resources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sorbus.resource.model import Resource


class Domain:
    """A group of resources that belong together.

    Args:
        name: its name, in lower case with underscores.
        resources: its resources.
    """

    def __init__(self, name: str, *, resources: Sequence[type[Resource]], description: str = "") -> None:
        self.name = name
        self.resources: tuple[type[Any], ...] = tuple(resources)
        self.description = description

    def __repr__(self) -> str:
        return f"<Domain {self.name}: {', '.join(each.__name__ for each in self.resources)}>"
