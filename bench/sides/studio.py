"""The declaration that the core suite runs: tenancy and policies on, as in any application."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sorbus import (
    Attr,
    Domain,
    Json,
    Many,
    One,
    Policies,
    Postgres,
    Resource,
    Scope,
    Tenancy,
    action,
    actor,
    agg,
    attribute,
    authorize_if,
    belongs_to,
    has_many,
    policy,
    timestamp,
    uuid_primary_key,
)


class Kind(StrEnum):
    """What a content is."""

    EMAIL = "email"
    DOCUMENT = "document"
    NOTE = "note"


class State(StrEnum):
    """How far a content or a run is."""

    QUEUED = "queued"
    DONE = "done"


class User(Resource):
    """Somebody who acts."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()


class Content(Resource):
    """A text somebody owns."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    owner_id: Attr[UUID] = attribute()
    kind: Attr[Kind] = attribute(public=True)
    state: Attr[State] = attribute(public=True, default=State.QUEUED)
    title: Attr[str] = attribute(public=True, max_length=200)
    body: Attr[str] = attribute(public=True, max_length=10_000)
    metadata: Attr[dict[str, Json]] = attribute(public=True, default=dict)
    inserted_at: Attr[datetime] = timestamp(public=True)

    runs: Many[Run] = has_many(public=True)
    run_count = agg.count(runs)
    cost = agg.sum(runs, lambda run: run.cost)

    @action.create
    def ingest(
        self, scope: Scope, owner_id: UUID, kind: Kind, title: str, body: str, metadata: dict[str, Json]
    ) -> None:
        """Take in a text."""

    @action.update
    def rename(self, scope: Scope, title: str) -> None:
        """Give it another title."""

    storage = Postgres("bench_contents")
    tenancy = Tenancy(org_id)
    policies = Policies(
        policy("read", authorize_if(org_id == actor(User.org_id))),
        policy("create", authorize_if(org_id == actor(User.org_id))),
        policy("update", authorize_if(owner_id == actor(User.id))),
    )


class Run(Resource):
    """One execution over one piece of content."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    content_id: Attr[UUID] = attribute(public=True)
    state: Attr[State] = attribute(public=True, default=State.QUEUED)
    prompt: Attr[str] = attribute(public=True)
    output: Attr[str | None] = attribute(public=True, default=None)
    inserted_at: Attr[datetime] = timestamp(public=True)

    content: One[Content] = belongs_to(via=content_id)
    calls: Many[Call] = has_many(public=True)
    cost = agg.sum(calls, lambda call: call.cost)

    storage = Postgres("bench_runs")
    tenancy = Tenancy(org_id)
    policies = Policies(policy("read", authorize_if(org_id == actor(User.org_id))))


class Call(Resource):
    """One call of a model within a run."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    run_id: Attr[UUID] = attribute(public=True)
    model: Attr[str] = attribute(public=True)
    tokens: Attr[int] = attribute(public=True)
    cost: Attr[Decimal] = attribute(public=True)
    inserted_at: Attr[datetime] = timestamp(public=True)

    run: One[Run] = belongs_to(via=run_id)

    storage = Postgres("bench_calls")
    tenancy = Tenancy(org_id)
    policies = Policies(policy("read", authorize_if(org_id == actor(User.org_id))))


class Letter(Resource):
    """A text that comes in with thousands of others."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    owner_id: Attr[UUID] = attribute()
    kind: Attr[Kind] = attribute(public=True)
    title: Attr[str] = attribute(public=True, max_length=200)
    body: Attr[str] = attribute(public=True, max_length=10_000)
    metadata: Attr[dict[str, Json]] = attribute(public=True, default=dict)
    label: Attr[str | None] = attribute(public=True, default=None, max_length=40)
    revision: Attr[int] = attribute(public=True, default=0, ge=0)
    inserted_at: Attr[datetime] = timestamp(public=True)

    @action.create
    def ingest(
        self, scope: Scope, owner_id: UUID, kind: Kind, title: str, body: str, metadata: dict[str, Json]
    ) -> None:
        """Take in a text."""

    @action.update
    def relabel(self, scope: Scope, label: str) -> None:
        """Label it anew, and count that."""
        self.revision = Letter.revision + 1

    storage = Postgres("bench_letters")
    tenancy = Tenancy(org_id)
    policies = Policies(
        policy("read", authorize_if(org_id == actor(User.org_id))),
        policy("create", authorize_if(org_id == actor(User.org_id))),
        policy("update", authorize_if(owner_id == actor(User.id))),
    )


Studio = Domain("studio", resources=[User, Content, Run, Call, Letter])


class OpenContent(Resource):
    """The rows of `Content` without tenancy, open to everybody: what rules cost is the difference."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    owner_id: Attr[UUID] = attribute()
    kind: Attr[Kind] = attribute(public=True)
    state: Attr[State] = attribute(public=True, default=State.QUEUED)
    title: Attr[str] = attribute(public=True, max_length=200)
    body: Attr[str] = attribute(public=True, max_length=10_000)
    metadata: Attr[dict[str, Json]] = attribute(public=True, default=dict)
    inserted_at: Attr[datetime] = timestamp(public=True)

    storage = Postgres("bench_contents")
    policies = Policies(policy("any", authorize_if(True)))


Open = Domain("open", resources=[OpenContent])
