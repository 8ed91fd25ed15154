"""Prompted actions whose declaration cannot be kept."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from sorbus import Attr, Domain, Resource, Scope, action, attribute, uuid_primary_key
from sorbus.llm import prompt, prompted


class Letter(Resource):
    """A letter."""

    id: Attr[UUID] = uuid_primary_key()
    text: Attr[str] = attribute()

    @action.create
    def write(self, scope: Scope, text: str) -> None:
        """Write one."""

    @action.generic
    @prompted(tools=["write"])  # error: mypy, pyright, assembly wrong-prompted (a name is no action)
    @classmethod
    async def by_name(cls, scope: Scope) -> str:
        """Answer it."""
        return prompt()

    @action.generic
    @prompted(tools=[lambda: Letter.wright])  # error: mypy, pyright, assembly wrong-prompted
    @classmethod
    async def misspelt(cls, scope: Scope) -> str:
        """Answer it."""
        return prompt()

    @action.generic
    @prompted(tools=[write, lambda: Letter.write])  # error: assembly wrong-prompted (twice)
    @classmethod
    async def twice(cls, scope: Scope) -> str:
        """Answer it."""
        return prompt()

    @action.generic
    @prompted(tools=[lambda: Letter.endless])  # error: mypy, pyright, assembly wrong-prompted (itself)
    @classmethod
    async def endless(cls, scope: Scope) -> str:
        """Answer it."""
        return prompt()

    @action.generic
    @prompted(max_turns=0)  # error: assembly wrong-prompted
    @classmethod
    async def never(cls, scope: Scope) -> str:
        """Answer it."""
        return prompt()

    @action.generic
    @prompted()  # error: assembly wrong-prompted (no form)
    @classmethod
    async def formless(cls, scope: Scope) -> Callable[[], str]:
        """Answer it."""
        return prompt()

    @action.update
    @prompted()  # error: assembly wrong-prompted (not generic)
    async def rewrite(self, scope: Scope) -> None:
        """Make it better."""

    @action.generic(transaction=True)
    @prompted()  # error: assembly wrong-prompted (a transaction)
    @classmethod
    async def held(cls, scope: Scope) -> str:
        """Answer it."""
        return prompt()


Mistaken = Domain("mistaken", resources=[Letter])
