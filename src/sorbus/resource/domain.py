"""Domains: named groups of resources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sorbus.resource.model import Resource
from sorbus.resource.policies import Group, Policy, flat


class Domain:
    """A group of resources that belong together.

    Args:
        name: its name, in lower case with underscores.
        resources: its resources.
        policies: what holds for each of them, before their own policies; a resource without a section of its own
            has these alone.
    """

    def __init__(
        self,
        name: str,
        *,
        resources: Sequence[type[Resource]],
        description: str = "",
        policies: Sequence[Policy | Group[Policy]] = (),
    ) -> None:
        self.name = name
        self.resources: tuple[type[Any], ...] = tuple(resources)
        self.description = description
        self.policies: tuple[Policy, ...] = flat(tuple(policies))

    def __repr__(self) -> str:
        return f"<Domain {self.name}: {', '.join(each.__name__ for each in self.resources)}>"
