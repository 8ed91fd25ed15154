"""A value of the wrong type in an action's body."""

from __future__ import annotations

from uuid import UUID

from sorbus import Attr, Resource, Scope, action, attribute, uuid_primary_key


class Note(Resource):
    """A note."""

    id: Attr[UUID] = uuid_primary_key()
    likes: Attr[int] = attribute(default=0)
    title: Attr[str] = attribute(default=0)  # error: mypy, pyright

    @action.update
    def like(self, scope: Scope) -> None:
        """Like a note."""
        self.likes = "many"  # error: mypy, pyright
        self.title = Note.likes + 1  # error: mypy, pyright
