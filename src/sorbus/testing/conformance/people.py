"""The conformance domain, first part: organisations, their people, and what people keep for themselves."""

# ruff: noqa: ARG002, ARG003 - the signatures are the contract of the actions

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import cast
from uuid import UUID

from sorbus import (
    Attr,
    Domain,
    Identities,
    Many,
    One,
    Policies,
    Postgres,
    Query,
    Resource,
    Scope,
    Tenancy,
    action,
    actor,
    actor_present,
    agg,
    attribute,
    authorize_if,
    authorize_unless,
    belongs_to,
    bypass,
    concat,
    exists,
    forbid_if,
    forbid_unless,
    has_many,
    input_value,
    now,
    policy,
    timestamp,
    uuid_primary_key,
)
from sorbus.resource.actions import Arg
from sorbus.testing.conformance.of_org import OfOrg


class Role(StrEnum):
    """What a person may do."""

    ADMIN = "admin"
    EDITOR = "editor"
    READER = "reader"


class Org(Resource):
    """A tenant."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(public=True)
    slug: Attr[str] = attribute(public=True)

    people: Many[Person] = has_many()

    @action.create
    def found(self, scope: Scope, name: str, slug: str) -> None:
        """Found an organisation."""

    @action.destroy
    def dissolve(self, scope: Scope) -> None:
        """Dissolve it."""

    storage = Postgres("suite_orgs")
    identities = Identities(slug=[slug])
    policies = Policies(policy("read", authorize_if(True)))


class Person(Resource):
    """Somebody who acts."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    name: Attr[str] = attribute(public=True)
    email: Attr[str | None] = attribute(default=None)
    role: Attr[Role] = attribute(default=Role.READER)
    banned: Attr[bool] = attribute(default=False)

    org: One[Org] = belongs_to(via=org_id)
    notes: Many[Note] = has_many(via="owner_id")
    note_count = agg.count(notes)

    @action.create
    def join(
        self,
        scope: Scope,
        name: str,
        email: str | None = None,
        role: Role = Role.READER,
        banned: bool = False,
    ) -> None:
        """Join an organisation."""

    @action.update
    def move(self, scope: Scope, org_id: UUID) -> None:
        """Accept the tenant's attribute, which no body may change."""

    storage = Postgres("suite_people")
    tenancy = Tenancy(org_id)
    identities = Identities(email=[org_id, email])
    policies = Policies(policy("any", authorize_if(actor_present())))


class Note(OfOrg):
    """What its owner alone may see and change, unless it is shared."""

    owner_id: Attr[UUID] = attribute()
    text: Attr[str] = attribute(public=True, max_length=200)
    shared: Attr[bool] = attribute(default=False)
    written_at: Attr[datetime] = timestamp()

    owner: One[Person] = belongs_to(via=owner_id)

    @action.create
    def write(self, scope: Scope, owner_id: UUID, text: str, shared: bool = False) -> None:
        """Write a note."""

    @action.create
    def write_as(self, scope: Scope, owner_id: UUID, text: str) -> None:
        """Its policy follows a relationship, so the new row must be seen first."""

    @action.create
    def write_now(self, scope: Scope, text: str, on_behalf: Arg[UUID]) -> None:
        """A body that decides the owner, and a time that only the statement knows."""
        self.owner_id = on_behalf
        self.written_at = now()

    @action.create
    def forge(self, scope: Scope, owner_id: UUID, text: str) -> None:
        """Write a note; its hook decides another owner at the last moment."""

    @forge.before_write
    def _forge_before_write(self, scope: Scope) -> None:
        self.owner_id = UUID(self.text)

    @action.update
    def sign(self, scope: Scope) -> None:
        """Put a signature under the text, from a hook inside the transaction."""

    @sign.before_write
    def _sign_before_write(self, scope: Scope) -> None:
        scope.get(Visits).add("sign")
        self.text = concat(Note.text, " (signed)")

    @action.update
    def edit(self, scope: Scope, text: str) -> None:
        """Change the text."""

    @action.update
    async def edit_slowly(self, scope: Scope, text: str) -> None:
        """Its body runs before the transaction."""
        scope.get(Visits).add("edit_slowly")

    @action.update
    def hand_over(self, scope: Scope, owner_id: UUID) -> None:
        """Give it to somebody else."""

    @action.destroy
    def tear_up(self, scope: Scope) -> None:
        """Destroy the note."""

    storage = Postgres("suite_notes")
    policies = Policies(
        bypass("any", authorize_if(actor(Person.role) == Role.ADMIN)),
        policy("any", forbid_if(actor(Person.banned) == True), authorize_if(actor_present())),  # noqa: E712
        policy("read", authorize_if(shared == True), authorize_if(owner_id == actor(Person.id))),  # noqa: E712
        policy([write, write_now, forge], authorize_if(owner_id == actor(Person.id))),
        policy(write_as, authorize_if(exists(owner, lambda person: person.id == actor(Person.id)))),
        policy(["update", "destroy"], authorize_if(owner_id == actor(Person.id))),
    )


class Setting(OfOrg):
    """A value under a key, written by upsert."""

    key: Attr[str] = attribute()
    value: Attr[str] = attribute()
    locked: Attr[bool] = attribute(default=False)

    @action.create(upsert="key")
    def put(self, scope: Scope, key: str, value: str) -> None:
        """Set the value of a key."""

    @action.create
    def fix(self, scope: Scope, key: str, value: str, locked: bool = True) -> None:
        """Set a value that nobody may change."""

    storage = Postgres("suite_settings")
    identities = Identities(key=[key])
    policies = Policies(
        policy("read", authorize_if(True)),
        policy(fix, authorize_if(True)),
        policy(put, authorize_unless(locked == True)),  # noqa: E712
    )


class Visits:
    """A service that remembers what ran, in order."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def add(self, name: str) -> None:
        """Remember one."""
        self.names.append(name)


class Door(Resource):
    """Actions whose policies need no row, and hooks that must not run when refused."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute()
    opened_by: Attr[UUID | None] = attribute(default=None)

    @action.create
    async def build(self, scope: Scope, name: str) -> None:
        """Build a door."""
        scope.get(Visits).add("build.body")

    @build.before_transaction
    async def _build_before_transaction(self, scope: Scope) -> None:
        scope.get(Visits).add("build.before_transaction")

    @build.before_write
    def _build_before_write(self, scope: Scope) -> None:
        scope.get(Visits).add("build.before_write")

    @build.after_write
    def _build_after_write(self, scope: Scope) -> None:
        scope.get(Visits).add("build.after_write")

    @build.after_commit
    async def _build_after_commit(self, scope: Scope) -> None:
        scope.get(Visits).add("build.after_commit")

    @action.generic
    @classmethod
    async def knock(cls, scope: Scope, times: int) -> str:
        """Answer with as many knocks."""
        scope.get(Visits).add("knock.body")
        return " ".join(["knock"] * times)

    @action.generic
    @classmethod
    async def lie(cls, scope: Scope) -> int:
        """Answer with something that is not declared."""
        wrong: object = "no number"
        return cast("int", wrong)

    @action.generic(transaction=True)
    @classmethod
    async def build_two(cls, scope: Scope, first: str, second: str) -> int:
        """Two creates that belong together; an empty name spoils the second."""
        await cls.build(scope, name=first)
        if not second:
            raise LookupError(second)
        await cls.build(scope, name=second)
        return 2

    @action.read
    @classmethod
    def named(cls, scope: Scope, name: str) -> Query[Door]:
        """The doors of a name."""
        return cls.query().where(cls.name == name)

    storage = Postgres("suite_doors")
    policies = Policies(
        policy("read", authorize_if(actor_present())),
        policy(named, forbid_if(input_value("name") == "secret"), authorize_if(True)),
        policy(
            ["create", "generic"],
            forbid_unless(actor_present()),
            forbid_if(actor(Person.banned) == True),  # noqa: E712
            authorize_if(True),
        ),
    )


class Vault(Resource):
    """No policies section: nothing is allowed."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute()

    @action.create
    async def fill(self, scope: Scope, name: str) -> None:
        """Put something in."""
        scope.get(Visits).add("fill.body")

    @action.generic
    @classmethod
    async def peek(cls, scope: Scope) -> str:
        """Look in."""
        scope.get(Visits).add("peek.body")
        return "gold"

    storage = Postgres("suite_vaults")


class Gate(Resource):
    """Three truth values, for tables of policies."""

    id: Attr[UUID] = uuid_primary_key()
    a: Attr[bool | None] = attribute(default=None)
    b: Attr[bool | None] = attribute(default=None)
    c: Attr[bool | None] = attribute(default=None)

    @action.create
    def place(
        self, scope: Scope, a: bool | None = None, b: bool | None = None, c: bool | None = None
    ) -> None:
        """Place a gate."""

    storage = Postgres("suite_gates")
    policies = Policies(policy("read", authorize_if(True)))


People = Domain("suite_people", resources=[Org, Person, Note, Setting, Door, Vault, Gate])
