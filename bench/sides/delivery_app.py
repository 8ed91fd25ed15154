"""The application of the suite `delivery`: tickets whose readers depend on their owner and state, told over GraphQL."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sorbus import (
    Attr,
    Domain,
    FieldPolicies,
    GraphQL,
    Notifications,
    Policies,
    Postgres,
    Resource,
    Scope,
    Sorbus,
    Tenancy,
    action,
    actor,
    actor_present,
    attribute,
    authorize_if,
    field_policy,
    policy,
    publish,
    uuid_primary_key,
)


class State(StrEnum):
    """Who sees a ticket."""

    OPEN = "open"
    DRAFT = "draft"


@dataclass(frozen=True)
class Person:
    """Who subscribes and who writes."""

    id: UUID


class Ticket(Resource):
    """Something that people of a tenant work on."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    owner_id: Attr[UUID] = attribute()
    state: Attr[State] = attribute(default=State.OPEN, public=True)
    title: Attr[str] = attribute(public=True)
    number: Attr[int] = attribute(public=True)
    stamp: Attr[int] = attribute(default=0, public=True)
    cost: Attr[int] = attribute(default=5, public=True)

    @action.create
    def add(self, scope: Scope, owner_id: UUID, state: State, title: str, number: int, stamp: int) -> None:
        """Add one."""
        self.org_id = scope.tenant

    @action.update
    def touch(self, scope: Scope, stamp: int) -> None:
        """Change it."""

    storage = Postgres("bench_tickets")
    tenancy = Tenancy(org_id)
    policies = Policies(
        policy("read", authorize_if(state == State.OPEN), authorize_if(owner_id == actor("id"))),
        policy(["create", "update"], authorize_if(actor_present())),
    )
    field_policies = FieldPolicies(
        field_policy("*", authorize_if(True)),
        field_policy([cost], authorize_if(owner_id == actor("id"))),
    )
    notifications = Notifications(publish("tickets"))
    graphql = GraphQL(subscriptions={"ticketsChanged": "tickets"})


Delivery = Domain("delivery", resources=[Ticket])


def application(url: str) -> Sorbus:
    """One node."""
    return Sorbus(domains=[Delivery], database_url=url, pool_size=8, auto_migrate=True)


def scope_from(app: Sorbus) -> Any:
    """Who calls, by two headers."""

    def found(request: Any) -> Scope:
        return app.scope(
            actor=Person(UUID(request.headers["x-person"])), tenant=UUID(request.headers["x-org"])
        )

    return found
