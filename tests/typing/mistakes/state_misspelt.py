"""A transition to a state that there is not."""

from __future__ import annotations

from uuid import UUID

from tests.typing.ok import RunState

from sorbus import Attr, Resource, Scope, action, attribute, uuid_primary_key


class Note(Resource):
    """A note."""

    id: Attr[UUID] = uuid_primary_key()
    state: Attr[RunState] = attribute(default=RunState.PENDING)

    @action.transition(RunState.PENDING, to=RunState.DNOE)  # error: mypy, pyright, import AttributeError
    def finish(self, scope: Scope) -> None:
        """End."""
