"""Triggers of actions that a job cannot run."""

from __future__ import annotations

from uuid import UUID

from sorbus import Attr, Domain, Resource, Scope, action, attribute, uuid_primary_key
from sorbus.jobs import Triggers, trigger


class Line(Resource):
    """A line of a note."""

    id: Attr[UUID] = uuid_primary_key()

    @action.update
    def shorten(self, scope: Scope) -> None:
        """Shorten a line."""


class Note(Resource):
    """A note."""

    id: Attr[UUID] = uuid_primary_key()
    likes: Attr[int] = attribute(default=0)

    @action.create
    def write(self, scope: Scope) -> None:
        """Write a note."""

    @action.update
    def like(self, scope: Scope, likes: int) -> None:
        """Like a note."""

    @action.update
    def forget(self, scope: Scope) -> None:
        """Forget a note."""

    triggers = Triggers(
        trigger(write, where=likes > 1),  # error: mypy, pyright, assembly wrong-section (a create)
        trigger(like, where=likes > 1),  # error: mypy, pyright, assembly wrong-section (it needs inputs)
        trigger(forget, where=likes > "1"),  # error: mypy, pyright, assembly wrong-value-type
        trigger(Line.shorten, where=likes > 1),  # error: assembly wrong-section (of another resource)
        trigger(forget, where=likes),  # error: mypy, pyright (a number is no condition)
    )


Mistaken = Domain("mistaken", resources=[Note, Line])
