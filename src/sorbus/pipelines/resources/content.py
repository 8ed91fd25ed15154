"""Content: what pipelines work on."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sorbus.pipelines.sources import SourceType
from sorbus.resource import action, agg
from sorbus.resource.fields import Attr, attribute, timestamp, uuid_primary_key
from sorbus.resource.graphql import GraphQL
from sorbus.resource.mcp import Mcp
from sorbus.resource.model import Resource
from sorbus.resource.policies import Policies, actor_present, authorize_if, policy
from sorbus.resource.relationships import Many, has_many
from sorbus.resource.sections import Identities, JsonApi, Postgres
from sorbus.resource.tenancy import Tenancy
from sorbus.scope import Scope
from sorbus.types.json import Json

if TYPE_CHECKING:
    from sorbus.pipelines.resources.run import Run


class Content(Resource):
    """One e-mail, document or text."""

    id: Attr[UUID] = uuid_primary_key()
    tenant: Attr[str] = attribute(max_length=200)
    source_type: Attr[SourceType] = attribute(public=True)
    external_id: Attr[str] = attribute(
        public=True, max_length=1000, description="What tells it apart at its source, such as a Message-ID."
    )
    title: Attr[str] = attribute(public=True, max_length=2000, default="")
    text: Attr[str] = attribute(public=True, description="The plain text to analyse.")
    metadata: Attr[dict[str, Json]] = attribute(public=True, default=dict)
    inserted_at: Attr[datetime] = timestamp(public=True)

    runs: Many[Run] = has_many(public=True)
    run_count = agg.count(runs, public=True)

    @action.create(upsert="source", grouped=True)
    def ingest(
        self,
        scope: Scope,
        source_type: SourceType,
        external_id: str,
        text: str,
        title: str = "",
        metadata: dict[str, Json] = {},  # noqa: B006  # never changed: inputs are cast into new values
    ) -> None:
        """Take in one piece of content; the same source and id again only brings it up to date."""

    storage = Postgres("contents")
    tenancy = Tenancy(tenant)
    identities = Identities(source=[tenant, source_type, external_id])
    policies = Policies(policy("any", authorize_if(actor_present())))
    json_api = JsonApi("/contents", "get", "index", ingest)
    graphql = GraphQL("get", "list", "connection", ingest)
    mcp = Mcp("get", "list", ingest)
