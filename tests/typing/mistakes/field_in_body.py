"""A misspelt field that an action's body reads, or sets."""

from __future__ import annotations

from uuid import UUID

from sorbus import Attr, Domain, Resource, Scope, action, attribute, uuid_primary_key


class Note(Resource):
    """A note."""

    id: Attr[UUID] = uuid_primary_key()
    likes: Attr[int] = attribute(default=0)

    @action.create
    def write(self, scope: Scope) -> None:
        """Write a note."""
        print(self.lies)  # error: mypy, pyright

    @action.update
    async def like(self, scope: Scope) -> None:  # error: assembly no-such-field
        """Like a note."""
        self.lkes = 1


Mistaken = Domain("mistaken", resources=[Note])
