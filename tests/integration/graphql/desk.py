"""A small application that takes files, and whose actions wait until a test lets them go."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

from sorbus import (
    Arg,
    Attr,
    Domain,
    File,
    GraphQL,
    Limits,
    Policies,
    Postgres,
    Resource,
    Scope,
    action,
    attribute,
    authorize_if,
    policy,
    uuid_primary_key,
)


@dataclass
class Gate:
    """Where an action waits."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)


GATES: dict[str, Gate] = {}


class Parcel(Resource):
    """Something that is handed in."""

    id: Attr[UUID] = uuid_primary_key()
    label: Attr[str] = attribute(public=True)
    text: Attr[str | None] = attribute(default=None, public=True)

    @action.create
    async def hand_in(
        self, scope: Scope, label: str, file: Arg[Annotated[File, Limits(max_size=1_000)]]
    ) -> None:
        """Hand in a file."""
        self.text = (await file.read()).decode()

    @action.create
    async def linger(self, scope: Scope, label: str) -> None:
        """Come in slowly."""
        gate = GATES.setdefault(label, Gate())
        gate.reached.set()
        await gate.opened.wait()

    @action.generic
    @classmethod
    async def look(
        cls, scope: Scope, one: File | None = None, several: list[File] | None = None
    ) -> list[str]:
        """Say what there is in files."""
        found = [*([one] if one is not None else []), *(several or [])]
        return [f"{each.name} {each.content_type} {(await each.read()).decode()}" for each in found]

    storage = Postgres("desk_parcels")
    policies = Policies(policy("any", authorize_if(True)))
    graphql = GraphQL("list", hand_in, linger, look)


Desk = Domain("desk", resources=[Parcel])
