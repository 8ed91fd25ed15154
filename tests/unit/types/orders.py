"""Orders with documents in every place where one may lie."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from sorbus import (
    UNCHANGED,
    Arg,
    Attr,
    Embedded,
    GraphQL,
    InMemory,
    Policies,
    Resource,
    Scope,
    Tagged,
    action,
    attribute,
    authorize_if,
    policy,
    uuid_primary_key,
)


class Tax(Embedded):
    """Inside a document."""

    rate: Attr[int] = attribute(public=True, ge=0)


class Line(Embedded):
    """With a key, and the actions that it has by itself."""

    id: Attr[UUID] = uuid_primary_key()
    item: Attr[str] = attribute(public=True, description="What is bought.")
    count: Attr[int] = attribute(default=1, public=True)
    total: Attr[int] = attribute(default=0, public=True, writable=False)
    secret: Attr[str] = attribute(default="x")
    tax: Attr[Tax | None] = attribute(default=None, public=True)


class Place(Embedded):
    """Without a key, and with actions of its own."""

    city: Attr[str] = attribute(public=True)
    code: Attr[str] = attribute(default="", public=True)

    @action.create
    def put(self, scope: Scope, city: str, loud: Arg[bool] = False) -> None:
        """Say where."""

    @action.update
    def move(self, scope: Scope, code: str = UNCHANGED) -> None:
        """Change its code."""


type Either = Annotated[Line | Place, Tagged("kind", line=Line, place=Place)]


class Order(Resource):
    """It holds documents in every way."""

    id: Attr[UUID] = uuid_primary_key()
    first: Attr[Line | None] = attribute(public=True)
    lines: Attr[list[Line]] = attribute(default=list, public=True)
    place: Attr[Place | None] = attribute(public=True)
    places: Attr[list[Place]] = attribute(default=list, public=True)
    either: Attr[Either | None] = attribute(public=True)

    @action.create
    def make(
        self,
        scope: Scope,
        first: Line | None = None,
        lines: list[Line] = [],  # noqa: B006  # never changed
        place: Place | None = None,
        places: list[Place] = [],  # noqa: B006  # never changed
        either: Either | None = None,
    ) -> None:
        """Make it."""

    @action.update
    def edit(
        self,
        scope: Scope,
        first: Line | None = UNCHANGED,
        lines: list[Line] = UNCHANGED,
        place: Place | None = UNCHANGED,
        places: list[Place] = UNCHANGED,
        either: Either | None = UNCHANGED,
    ) -> None:
        """Change it."""

    storage = InMemory()
    graphql = GraphQL("get", make, edit)
    policies = Policies(policy("any", authorize_if(True)))
