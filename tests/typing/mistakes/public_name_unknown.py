"""A public name that is nothing a resource can have."""

from __future__ import annotations

from uuid import UUID

from sorbus import Attr, Resource, attribute, uuid_primary_key


class Note(Resource):  # error: import unknown-member
    """A note."""

    id: Attr[UUID] = uuid_primary_key()
    text: Attr[str] = attribute()

    def shout(self) -> str:
        """A method of one's own."""
        return self.text.upper()
