"""How deep prompted actions lie in each other's tools, and how many calls of tools they have left together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from sorbus.errors.prompting import PromptsTooDeep
from sorbus.scope import Scope

DEEPEST = 3
"""How many prompted actions may lie in each other."""


@dataclass(slots=True, kw_only=True)
class Nesting:
    """What a prompted action hands its tools along, as a service of their scope.

    Attributes:
        left: calls of tools that it may still make.
        outer: that of the action whose tool this one is.
    """

    left: int
    depth: int = 1
    outer: Nesting | None = None

    @classmethod
    def within(cls, scope: Scope, action: str, *, calls: int) -> Self:
        """That of an action which begins in a scope.

        Raises:
            PromptsTooDeep: it lies too deep.
        """
        outer: Nesting | None = scope.services.get(Nesting)
        depth = 1 if outer is None else outer.depth + 1
        if depth > DEEPEST:
            raise PromptsTooDeep(action, most=DEEPEST)
        return cls(left=calls, depth=depth, outer=outer)

    @property
    def room(self) -> int:
        """How many calls are allowed, by this action and by all around it."""
        return self.left if self.outer is None else min(self.left, self.outer.room)

    def spend(self) -> None:
        """Count one call, for all around it too."""
        self.left -= 1
        if self.outer is not None:
            self.outer.spend()
