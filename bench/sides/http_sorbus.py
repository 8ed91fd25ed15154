"""The suite `http` on Sorbus: JSON:API with tenancy, policies and field visibility on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from http_serving import USER, HttpSide, who
from serving import serve
from starlette.requests import Request
from studio import Kind, State

from sorbus import (
    Attr,
    Domain,
    Json,
    JsonApi,
    Many,
    One,
    Policies,
    Postgres,
    Resource,
    Scope,
    Sorbus,
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
from sorbus.apis.json_api import json_api
from sorbus.http import http_app


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

    @action.create
    def ingest(self, scope: Scope, kind: Kind, title: str, body: str, metadata: dict[str, Json]) -> None:
        """Take in a text."""
        self.owner_id = scope.actor.id

    storage = Postgres("bench_contents")
    tenancy = Tenancy(org_id)
    policies = Policies(
        policy("read", authorize_if(org_id == actor(User.org_id))),
        policy("create", authorize_if(org_id == actor(User.org_id))),
    )
    json_api = JsonApi("/contents", "get", "index", ingest, includes=[runs])


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


Served = Domain("served", resources=[User, Content, Run])


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls."""

    id: UUID
    org_id: UUID


class SorbusSide(HttpSide):
    """Sorbus."""

    async def application(self, url: str) -> Any:
        """The application over the tables that the core suite's declaration has made."""
        self.app = Sorbus(domains=[Served], database_url=url, pool_size=8, auto_migrate=False)
        await self.app.open()

        async def scope_from(request: Request) -> Scope:
            user, org = map(UUID, who(request.headers[USER]))
            return self.app.scope(actor=Caller(user, org), tenant=org)

        return http_app(self.app, interfaces=[json_api], scope_from=scope_from)

    async def leave(self) -> None:
        """Close it."""
        await self.app.close()


if __name__ == "__main__":
    serve(SorbusSide())
