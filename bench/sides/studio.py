"""The declaration that the core suite runs: tenancy and policies on, as in any application."""

from __future__ import annotations

from datetime import datetime
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
    """How far a run is."""

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
    kind: Attr[Kind] = attribute(public=True)
    title: Attr[str] = attribute(public=True, max_length=200)
    body: Attr[str] = attribute(public=True, max_length=10_000)
    metadata: Attr[dict[str, Json]] = attribute(public=True, default=dict)
    inserted_at: Attr[datetime] = timestamp(public=True)

    runs: Many[Run] = has_many(public=True)

    @action.create
    def ingest(self, scope: Scope, kind: Kind, title: str, body: str, metadata: dict[str, Json]) -> None:
        """Take in a text."""

    storage = Postgres("bench_contents")
    tenancy = Tenancy(org_id)
    policies = Policies(
        policy("read", authorize_if(org_id == actor(User.org_id))),
        policy("create", authorize_if(org_id == actor(User.org_id))),
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

    storage = Postgres("bench_runs")
    tenancy = Tenancy(org_id)
    policies = Policies(policy("read", authorize_if(org_id == actor(User.org_id))))


Studio = Domain("studio", resources=[User, Content, Run])
