"""A field that would hide what every resource has."""

from __future__ import annotations

from uuid import UUID

from sorbus import Attr, Resource, attribute, uuid_primary_key


class Note(Resource):  # error: import hides-member
    """A note."""

    id: Attr[UUID] = uuid_primary_key()
    query: Attr[str] = attribute()  # error: mypy, pyright
