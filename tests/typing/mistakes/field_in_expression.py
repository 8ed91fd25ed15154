"""A misspelt field in an expression."""

from __future__ import annotations

from uuid import UUID

from sorbus import Attr, Resource, attribute, calculate, uuid_primary_key


class Note(Resource):
    """A note."""

    id: Attr[UUID] = uuid_primary_key()
    likes: Attr[int] = attribute()

    double = calculate(like * 2)  # error: mypy, pyright, import NameError
