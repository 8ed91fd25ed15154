"""The conformance domain of embedded documents."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from sorbus import (
    UNCHANGED,
    Arg,
    Attr,
    CiStr,
    Domain,
    Embedded,
    Policies,
    Postgres,
    Resource,
    Scope,
    Tagged,
    action,
    actor,
    attribute,
    authorize_if,
    forbid_if,
    policy,
    require,
    timestamp,
    uuid_primary_key,
)
from sorbus.testing.conformance.people import Person, Role, Visits


class Country(Embedded):
    """A country."""

    code: Attr[CiStr] = attribute(public=True, min_length=2, max_length=2)


class Address(Embedded):
    """Where somebody lives."""

    id: Attr[UUID] = uuid_primary_key()
    city: Attr[str] = attribute(public=True, max_length=10)
    zip: Attr[str | None] = attribute(default=None, public=True)
    country: Attr[Country | None] = attribute(default=None, public=True)
    door: Attr[str] = attribute(default="0000", sensitive=True)
    moves: Attr[int] = attribute(default=0)
    changed_at: Attr[datetime] = timestamp(touch=True)

    @action.create
    def settle(self, scope: Scope, city: str, zip: str | None = None, country: Country | None = None) -> None:  # noqa: A002
        """Settle somewhere."""
        scope.get(Visits).add(f"settle {city}")
        require(city != "nowhere", "somebody lives somewhere", field="city")
        self.city = city.strip()

    @action.update
    def move(
        self,
        scope: Scope,
        city: str = UNCHANGED,
        zip: str | None = UNCHANGED,  # noqa: A002
        country: Country | None = UNCHANGED,
        quietly: Arg[bool] = False,
    ) -> None:
        """Move."""
        scope.get(Visits).add(f"move to {self.city}")
        if not quietly:
            self.moves = self.moves + 1

    @action.destroy
    def leave(self, scope: Scope) -> None:
        """Leave for good."""
        scope.get(Visits).add(f"leave {self.city}")
        require(self.city != "prison", "nobody just leaves", field="city")

    policies = Policies(
        policy("create", forbid_if(city == "palace"), authorize_if(True)),
        policy("update", authorize_if(city != "vault")),
        policy("destroy", forbid_if(actor(Person.role) == Role.READER), authorize_if(True)),
    )


class Note(Embedded):
    """A note without a key."""

    text: Attr[str] = attribute(public=True)
    secret: Attr[str] = attribute(default="s")

    @action.create
    def write(self, scope: Scope, text: str) -> None:
        """Write it."""
        scope.get(Visits).add(f"write {text}")

    @action.destroy
    def tear(self, scope: Scope) -> None:
        """Tear it up."""
        scope.get(Visits).add(f"tear {self.text}")


class Phone(Embedded):
    """A way to call; without actions or policies of its own."""

    number: Attr[str] = attribute(public=True, min_length=3)
    verified: Attr[bool] = attribute(default=False)


class Mail(Embedded):
    """A way to write."""

    box: Attr[CiStr] = attribute(public=True)


Contact = Annotated[Phone | Mail, Tagged("kind", phone=Phone, mail=Mail)]


class Customer(Resource):
    """Somebody with documents."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(public=True)
    home: Attr[Address | None] = attribute(default=None, public=True)
    others: Attr[list[Address]] = attribute(default=list, public=True, max_length=3)
    notes: Attr[list[Note]] = attribute(default=list)
    contact: Attr[Contact | None] = attribute(default=None, public=True)
    phones: Attr[dict[str, Phone]] = attribute(default=dict)

    @action.create
    def join(
        self,
        scope: Scope,
        name: str,
        home: Address | None = None,
        others: list[Address] = [],  # noqa: B006
        notes: list[Note] = [],  # noqa: B006
        contact: Contact | None = None,
        phones: dict[str, Phone] = {},  # noqa: B006
    ) -> None:
        """Join."""

    @action.update
    def change(
        self,
        scope: Scope,
        home: Address | None = UNCHANGED,
        others: list[Address] = UNCHANGED,
        notes: list[Note] = UNCHANGED,
        contact: Contact | None = UNCHANGED,
        phones: dict[str, Phone] = UNCHANGED,
    ) -> None:
        """Change documents."""

    @action.update
    def relocate(self, scope: Scope, city: Arg[str]) -> None:
        """Set a document in the body."""
        self.home = Address.part(city=city)
        self.name = f"{self.name} of {city}"

    @action.update
    def rename(self, scope: Scope, name: str) -> None:
        """Touch no document."""

    storage = Postgres("suite_customers")
    policies = Policies(policy("any", authorize_if(True)))


Papers = Domain("papers", resources=[Customer])
