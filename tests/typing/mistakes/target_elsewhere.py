"""A relationship to a resource that no domain lists."""

from __future__ import annotations

from uuid import UUID

from sorbus import Attr, Domain, One, Resource, attribute, belongs_to, uuid_primary_key


class Author(Resource):
    """Who wrote."""

    id: Attr[UUID] = uuid_primary_key()


class Note(Resource):
    """A note."""

    id: Attr[UUID] = uuid_primary_key()
    author_id: Attr[UUID] = attribute()

    author: One[Author] = belongs_to()  # error: assembly no-such-resource


Mistaken = Domain("mistaken", resources=[Note])
