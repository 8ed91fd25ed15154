"""Parameters that do not fit the attributes."""

from __future__ import annotations

from uuid import UUID

from sorbus import Arg, Attr, Domain, Resource, Scope, action, attribute, uuid_primary_key


class Note(Resource):
    """A note."""

    id: Attr[UUID] = uuid_primary_key()
    text: Attr[str] = attribute()
    likes: Attr[int] = attribute(default=0, writable=False)

    @action.create
    def write(self, scope: Scope, txt: str) -> None:  # error: assembly wrong-input
        """A plain parameter that is no attribute."""

    @action.create
    def dictate(self, scope: Scope, text: Arg[str]) -> None:  # error: assembly wrong-input
        """An argument with the name of an attribute."""

    @action.create
    def count(self, scope: Scope, text: int) -> None:  # error: assembly wrong-input
        """A parameter of another type than its attribute."""

    @action.update
    def like(self, scope: Scope, likes: int) -> None:  # error: assembly wrong-input
        """An attribute that nobody may write."""

    @action.update
    def hurry(self, text: str) -> None:  # error: assembly missing-part
        """No scope."""

    @action.generic  # error: pyright (its type is unknown then)
    @classmethod
    async def guess(cls, scope: Scope, text: Arg[Strng]) -> str:  # error: mypy, pyright, assembly wrong-input
        """A type that there is not."""
        return ""


Mistaken = Domain("mistaken", resources=[Note])
