"""The conformance domain for rows between: clubs, their members, and what a membership keeps to itself."""

from __future__ import annotations

from uuid import UUID

from sorbus import (
    Attr,
    Domain,
    FieldPolicies,
    Many,
    One,
    Policies,
    Postgres,
    Resource,
    Scope,
    action,
    actor,
    actor_present,
    attribute,
    authorize_if,
    belongs_to,
    context_equals,
    exists,
    field_policy,
    forbid_if,
    group,
    has_many,
    many_to_many,
    policy,
    through,
    uuid_primary_key,
)
from sorbus.testing.conformance.people import Person


class Club(Resource):
    """People who meet."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(public=True)
    chair_id: Attr[UUID | None] = attribute(default=None)

    passes: Many[Pass] = has_many()
    guests: Many[Guest] = many_to_many("Pass", public=True, carries_join=True)
    first: Many[Guest] = many_to_many(
        "Pass", public=True, carries_join=True, order_by=lambda guest: guest.name, limit=1
    )
    clubs: Many[Club] = through(guests, lambda guest: guest.clubs, public=True)
    hosts: Many[Guest] = through(passes, lambda each: each.host, public=True)

    @action.create
    def open_up(self, scope: Scope, name: str, chair_id: UUID | None = None) -> None:
        """Open a club."""

    storage = Postgres("suite_clubs")
    policies = Policies(policy("any", authorize_if(actor_present())))


class Guest(Resource):
    """Somebody who is let in."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(public=True)

    clubs: Many[Club] = many_to_many("Pass", public=True)

    @action.create
    def greet(self, scope: Scope, name: str) -> None:
        """Greet a guest."""

    storage = Postgres("suite_guests")
    policies = Policies(policy("any", authorize_if(actor_present())))


class Pass(Resource):
    """That a guest may enter a club; what it cost is for whoever paid, and in secret times who the guest is as well."""

    id: Attr[UUID] = uuid_primary_key()
    club_id: Attr[UUID] = attribute()
    guest_id: Attr[UUID] = attribute()
    host_id: Attr[UUID | None] = attribute(default=None)
    payer_id: Attr[UUID | None] = attribute(default=None)
    price: Attr[int] = attribute(default=0)
    code: Attr[str] = attribute(default="")
    pin: Attr[str] = attribute(default="0000")

    club: One[Club] = belongs_to(via=club_id)
    guest: One[Guest] = belongs_to(via=guest_id)
    host: One[Guest | None] = belongs_to(via=host_id, public=True)

    @action.create
    def issue(
        self,
        scope: Scope,
        club_id: UUID,
        guest_id: UUID,
        host_id: UUID | None = None,
        payer_id: UUID | None = None,
        price: int = 0,
        code: str = "",
    ) -> None:
        """Issue a pass."""

    storage = Postgres("suite_passes")
    policies = Policies(policy("any", authorize_if(actor_present())))
    field_policies = FieldPolicies(
        field_policy(price, authorize_if(payer_id == actor(Person.id))),
        field_policy(code, authorize_if(exists(club, lambda each: each.chair_id == actor(Person.id)))),
        field_policy(pin, forbid_if(True)),
        group(
            context_equals("times", "secret"),
            field_policy([guest_id, host_id], authorize_if(payer_id == actor(Person.id))),
        ),
        field_policy("*", authorize_if(True)),
    )


Clubs = Domain("suite_clubs", resources=[Club, Guest, Pass])
