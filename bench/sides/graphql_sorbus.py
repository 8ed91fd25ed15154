"""The GraphQL suite on Sorbus: articles with their comments, with tenancy and policies on, over HTTP."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from serving import Command, serve

from sorbus import (
    Attr,
    Domain,
    GraphQL,
    Many,
    Policies,
    Postgres,
    Resource,
    Sorbus,
    Tenancy,
    actor_present,
    attribute,
    authorize_if,
    has_many,
    policy,
    timestamp,
    uuid_primary_key,
)
from sorbus.apis.graphql import graphql_api
from sorbus.http import http_app, serving


class Kind(StrEnum):
    """What an article is."""

    NEWS = "news"
    ESSAY = "essay"


class Remark(Resource):
    """What somebody says about an article."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute()
    article_id: Attr[UUID] = attribute(public=True)
    author: Attr[str] = attribute(public=True)
    text: Attr[str] = attribute(public=True)

    storage = Postgres("bench_remarks")
    tenancy = Tenancy(org_id)
    policies = Policies(policy("read", authorize_if(actor_present())))
    graphql = GraphQL()


class Article(Resource):
    """Something to read."""

    id: Attr[UUID] = uuid_primary_key()
    org_id: Attr[UUID] = attribute(index=True)
    title: Attr[str] = attribute(public=True)
    summary: Attr[str] = attribute(public=True)
    kind: Attr[Kind] = attribute(public=True)
    words: Attr[int] = attribute(public=True)
    starred: Attr[bool] = attribute(public=True)
    hidden: Attr[bool] = attribute(default=False)
    created_at: Attr[datetime] = timestamp(public=True)
    remarks: Many[Remark] = has_many(public=True)

    storage = Postgres("bench_articles")
    tenancy = Tenancy(org_id)
    policies = Policies(policy("read", authorize_if(hidden == False)))  # noqa: E712
    graphql = GraphQL("list")


Reading = Domain("reading", resources=[Article, Remark])


class SorbusSide:
    """Sorbus, served by granian on the event loop of the standard library."""

    async def open(self, url: str) -> None:
        """Open the application, which makes the tables, and serve it."""
        self.stack = AsyncExitStack()
        app = await self.stack.enter_async_context(
            Sorbus(domains=[Reading], database_url=url, pool_size=8, auto_migrate=True)
        )

        def scope_from(request: Any) -> Any:
            org = UUID(request.headers["x-org"])
            return app.scope(actor=org, tenant=org)

        asgi = http_app(app, interfaces=[graphql_api], scope_from=scope_from)
        self.url = await self.stack.enter_async_context(serving(asgi))

    async def close(self) -> None:
        """Close it."""
        await self.stack.aclose()

    def commands(self) -> dict[str, Command]:
        """`where` it is served, and the `cpu` seconds that it has used."""
        return {"where": self.where, "cpu": self.cpu}

    async def where(self) -> dict[str, Any]:
        """The URL."""
        return {"url": f"{self.url}/graphql"}

    async def cpu(self) -> dict[str, Any]:
        """CPU seconds of this process."""
        return {"seconds": time.process_time()}


if __name__ == "__main__":
    serve(SorbusSide())
