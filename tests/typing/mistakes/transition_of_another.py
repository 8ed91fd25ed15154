"""A transition whose states no attribute holds."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from sorbus import Attr, Domain, Resource, Scope, action, attribute, uuid_primary_key


class State(StrEnum):
    """Where a note stands."""

    DRAFT = "draft"
    SENT = "sent"


class Colour(StrEnum):
    """How a note looks."""

    RED = "red"


class Note(Resource):
    """A note."""

    id: Attr[UUID] = uuid_primary_key()
    state: Attr[State] = attribute(default=State.DRAFT)

    @action.transition(State.DRAFT, to=Colour.RED)
    def paint(self, scope: Scope) -> None:  # error: assembly wrong-transition
        """From one enumeration to another."""

    @action.transition(Colour.RED, to=Colour.RED)
    def repaint(self, scope: Scope) -> None:  # error: assembly wrong-transition
        """Of an enumeration that no attribute holds."""


Mistaken = Domain("mistaken", resources=[Note])
