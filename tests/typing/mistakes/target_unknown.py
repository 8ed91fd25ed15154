"""A relationship to a resource that there is not."""

from __future__ import annotations

from uuid import UUID

from sorbus import Attr, Domain, Many, Resource, has_many, uuid_primary_key


class Note(Resource):
    """A note."""

    id: Attr[UUID] = uuid_primary_key()
    lines: Many[Lien] = has_many()  # error: mypy, pyright, assembly no-such-resource


Mistaken = Domain("mistaken", resources=[Note])
