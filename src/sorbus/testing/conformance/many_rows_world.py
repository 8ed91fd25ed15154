"""The conformance domain, a yard: chests come in by the thousand, and nothing but casting happens to their inputs."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Literal
from uuid import UUID

from sorbus import (
    Attr,
    Domain,
    Identities,
    Json,
    Policies,
    Postgres,
    Scope,
    action,
    actor,
    actor_present,
    attribute,
    authorize_if,
    policy,
    timestamp,
)
from sorbus.testing.conformance.of_org import OfOrg
from sorbus.testing.conformance.people import Person


class Wood(Enum):
    """What a chest is made of; no text itself, though it is stored as one."""

    OAK = "oak"
    PINE = "pine"


class Grade(IntEnum):
    """How good it is."""

    POOR = 1
    FINE = 2


class Chest(OfOrg):
    """A box, with a value of every kind of column."""

    code: Attr[str] = attribute(public=True)
    name: Attr[str] = attribute(default="thing", public=True, max_length=40)
    stock: Attr[int] = attribute(default=0)
    cost: Attr[Decimal | None] = attribute(default=None)
    weight: Attr[float] = attribute(default=1.5)
    sealed: Attr[bool] = attribute(default=False)
    wood: Attr[Wood] = attribute(default=Wood.OAK)
    grade: Attr[Grade] = attribute(default=Grade.POOR)
    side: Attr[Literal["left", "right"]] = attribute(default="left")
    packed_on: Attr[date | None] = attribute(default=None)
    packed_at: Attr[time | None] = attribute(default=None)
    took: Attr[timedelta | None] = attribute(default=None)
    stamp: Attr[bytes] = attribute(default=b"")
    labels: Attr[list[str]] = attribute(default=list)
    numbers: Attr[list[int]] = attribute(default=list)
    days: Attr[list[datetime]] = attribute(default=list)
    meta: Attr[Json | None] = attribute(default=None)
    owner_id: Attr[UUID | None] = attribute(default=None)
    stored_at: Attr[datetime] = timestamp()

    @action.create
    def add(
        self,
        scope: Scope,
        code: str,
        name: str = "thing",
        stock: int = 0,
        cost: Decimal | None = None,
        weight: float = 1.5,
        sealed: bool = False,
        wood: Wood = Wood.OAK,
        grade: Grade = Grade.POOR,
        side: Literal["left", "right"] = "left",
        packed_on: date | None = None,
        packed_at: time | None = None,
        took: timedelta | None = None,
        stamp: bytes = b"",
        labels: list[str] = [],  # noqa: B006
        numbers: list[int] = [],  # noqa: B006
        days: list[datetime] = [],  # noqa: B006
        meta: Json | None = None,
        owner_id: UUID | None = None,
    ) -> None:
        """Add a chest."""

    @action.create
    def add_mine(self, scope: Scope, code: str, owner_id: UUID | None = None) -> None:
        """Its policy looks at the new row."""

    storage = Postgres("suite_chests")
    identities = Identities(code=[code])
    policies = Policies(
        policy("read", authorize_if(actor_present())),
        policy(add_mine, authorize_if(actor(Person.id) == owner_id)),
        policy("create", authorize_if(actor_present())),
    )


Yard = Domain("yard", resources=[Chest])
