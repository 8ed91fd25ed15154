"""The sum of texts."""

from __future__ import annotations

from uuid import UUID

from sorbus import Attr, Domain, Many, Resource, agg, attribute, has_many, uuid_primary_key


class Line(Resource):
    """A line of a note."""

    id: Attr[UUID] = uuid_primary_key()
    note_id: Attr[UUID] = attribute()
    text: Attr[str] = attribute()


class Note(Resource):
    """A note."""

    id: Attr[UUID] = uuid_primary_key()
    lines: Many[Line] = has_many()

    size = agg.sum(lines, lambda line: line.text)  # error: mypy, pyright, assembly not-numeric


Mistaken = Domain("mistaken", resources=[Note, Line])
