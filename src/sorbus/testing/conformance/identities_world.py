"""The conformance domain of identities: conditions on them, and nulls that are the same."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sorbus import (
    UNCHANGED,
    Attr,
    Domain,
    Identities,
    Policies,
    Postgres,
    Resource,
    Scope,
    Tenancy,
    action,
    attribute,
    authorize_if,
    identity,
    policy,
    uuid_primary_key,
)


class Standing(StrEnum):
    """Whether a handle is shown."""

    SHOWN = "shown"
    HELD = "somebody's"


class Handle(Resource):
    """A name that can be given up and taken again."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    name: Attr[str] = attribute()
    standing: Attr[Standing] = attribute(default=Standing.SHOWN)
    place: Attr[int | None] = attribute(default=None)
    note: Attr[str] = attribute(default="")
    given_up_at: Attr[datetime | None] = attribute(default=None)

    @action.create
    def take(
        self,
        scope: Scope,
        name: str,
        standing: Standing = Standing.SHOWN,
        place: int | None = None,
        given_up_at: datetime | None = None,
    ) -> None:
        """Take a name that nobody has, or had and gave up."""

    @action.create(upsert="name", upsert_fields=[note])
    def put(self, scope: Scope, name: str, note: str, given_up_at: datetime | None = None) -> None:
        """Take a name, or note something on the one that is in use."""

    @action.create(
        upsert="name", upsert_fields=[note], upsert_where=standing == Standing.HELD, skipped="return"
    )
    def put_held(self, scope: Scope, name: str, note: str) -> None:
        """Take a name, or note something on the one that is held."""

    @action.update
    def edit(
        self,
        scope: Scope,
        name: str = UNCHANGED,
        standing: Standing = UNCHANGED,
        place: int | None = UNCHANGED,
        given_up_at: datetime | None = UNCHANGED,
    ) -> None:
        """Change anything."""

    storage = Postgres("suite_handles")
    tenancy = Tenancy(org_id)
    identities = Identities(
        name=identity(name, where=given_up_at.is_null(), message="is in use"),
        place=identity(
            place,
            where=standing.is_in([Standing.HELD]) & ~(name == "it's \\ nothing"),
            early=True,
            message="is held",
        ),
    )
    policies = Policies(policy("any", authorize_if(True)))


class Seat(Resource):
    """A seat of a row; one at most has no number."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    row: Attr[str] = attribute()
    number: Attr[int | None] = attribute(default=None)
    guest: Attr[str] = attribute(default="")
    label: Attr[str | None] = attribute(default=None)

    @action.create
    def add(self, scope: Scope, row: str, number: int | None = None) -> None:
        """Add a seat."""

    @action.create(upsert="seat")
    def put(self, scope: Scope, row: str, guest: str, number: int | None = None) -> None:
        """Give a seat to a guest."""

    @action.create(upsert="label")
    def put_label(self, scope: Scope, row: str, number: int, label: str | None = None) -> None:
        """Add a seat with a label, or move the one that has it."""

    storage = Postgres("suite_seats")
    tenancy = Tenancy(org_id)
    identities = Identities(
        seat=identity(row, number, nulls_distinct=False),
        label=[label],
    )
    policies = Policies(policy("any", authorize_if(True)))


Names = Domain("suite_names", resources=[Handle, Seat])
