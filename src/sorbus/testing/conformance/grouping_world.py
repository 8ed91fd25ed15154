"""The conformance domain, part of the groups: trunks that many post at the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from sorbus import (
    Attr,
    Domain,
    Identities,
    Policies,
    Postgres,
    Scope,
    action,
    actor,
    attribute,
    authorize_if,
    identity,
    incoming,
    policy,
    uuid_primary_key,
)
from sorbus.testing.conformance.of_org import OfOrg
from sorbus.testing.conformance.people import Person, Visits


class Hold:
    """A service at which groups with a held trunk wait."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.opened = asyncio.Event()
        self.told = asyncio.Event()

    async def go_on(self) -> None:
        """Wait until it is opened."""
        self.came.set()
        await self.opened.wait()


class Trunk(OfOrg):
    """Something that is posted."""

    id: Attr[UUID] = uuid_primary_key()
    code: Attr[str] = attribute(max_length=20)
    weight: Attr[int] = attribute(default=1, ge=0)
    by_id: Attr[UUID | None] = attribute(default=None)
    times: Attr[int] = attribute(default=1)

    @action.create(grouped=True)
    def post(self, scope: Scope, code: str, weight: int = 1) -> None:
        """Post one."""
        self.by_id = None if scope.actor is None else scope.actor.id

    @action.create(
        grouped=True, upsert="code", upsert_fields=[weight], upsert_where=incoming(weight) > weight
    )
    def post_again(self, scope: Scope, code: str, weight: int = 1) -> None:
        """Post one, or a heavier one in its place."""

    @action.create(grouped=True)
    def post_own(self, scope: Scope, code: str, by_id: UUID | None = None) -> None:
        """Post one that the policies look at."""

    @post.after_writes
    @post_own.after_writes
    @staticmethod
    async def _note(trunks: Sequence[Trunk], scopes: Sequence[Scope]) -> None:
        scopes[0].get(Visits).add(",".join(each.code for each in trunks))
        if any(each.code.startswith("held") for each in trunks):
            await scopes[0].get(Hold).go_on()
        for trunk, scope in zip(trunks, scopes, strict=True):
            assert str(trunk.org_id) == str(scope.tenant)
            if trunk.code.startswith("cursed"):
                raise LookupError(trunk.code)

    @post_again.after_writes
    @staticmethod
    async def _check(trunks: Sequence[Trunk], scopes: Sequence[Scope]) -> None:
        if any(each.code.startswith("cursed") for each in trunks):
            raise LookupError("cursed")

    @post.after_commit
    def _posted(self, scope: Scope) -> None:
        scope.get(Visits).add(f"posted {self.code}")
        if self.code.startswith("held"):
            scope.get(Hold).told.set()

    storage = Postgres("suite_trunks")
    identities = Identities(code=identity(code))
    policies = Policies(
        policy("read", authorize_if(True)),
        policy([post, post_again], authorize_if(actor(Person.banned) == False)),  # noqa: E712
        policy(post_own, authorize_if(by_id == actor(Person.id))),
    )


Depot = Domain("suite_depot", resources=[Trunk])
