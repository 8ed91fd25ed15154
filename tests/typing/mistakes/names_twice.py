"""Two actions, and two resources, with one name."""

from __future__ import annotations

from uuid import UUID

from sorbus import Attr, Domain, Resource, Scope, action, uuid_primary_key


class Note(Resource):
    """A note."""

    id: Attr[UUID] = uuid_primary_key()

    @action.update
    def touch(self, scope: Scope) -> None:  # error: pyright
        """Touch a note."""

    @action.destroy  # error: mypy
    def touch(self, scope: Scope) -> None:
        """Touch it again."""


def _other() -> type[Resource]:
    class Note(Resource):  # error: assembly duplicate-name
        """Another note."""

        id: Attr[UUID] = uuid_primary_key()

    return Note


Mistaken = Domain("mistaken", resources=[Note, _other()])
