"""The application of these tests: letters, plain and registered (durable)."""

from __future__ import annotations

from uuid import UUID

from sorbus import (
    Attr,
    Domain,
    Notifications,
    Policies,
    Postgres,
    Resource,
    Scope,
    Sorbus,
    action,
    attribute,
    authorize_if,
    policy,
    publish,
    uuid_primary_key,
)


class Mail(Resource):
    """What both kinds of letters have."""

    id: Attr[UUID] = uuid_primary_key()
    box: Attr[str] = attribute()
    number: Attr[int] = attribute(default=0)

    @action.create
    def write(self, scope: Scope, box: str, number: int = 0) -> None:
        """Write one."""

    policies = Policies(policy("any", authorize_if(True)))


class Letter(Mail):
    """A plain letter."""

    @action.update
    def move(self, scope: Scope, box: str) -> None:
        """Put it into another box."""

    storage = Postgres("letters")
    notifications = Notifications(publish("letters:{box}", payload=[Mail.box], previous=True))


class Registered(Mail):
    """A letter that must not get lost."""

    @action.update
    def count(self, scope: Scope, number: int) -> None:
        """Number it."""

    storage = Postgres("registered")
    notifications = Notifications(publish("registered:{box}", payload=[Mail.number]), durable=True)


Post = Domain("post", resources=[Letter, Registered])


def application(url: str) -> Sorbus:
    """One node."""
    return Sorbus(domains=[Post], database_url=url, secret=b"post", auto_migrate=True, pool_size=4)
