"""Definition: the pipelines that an application knows, in code and composed by its users."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sorbus.expressions.build import now, tenant
from sorbus.pipelines.resources.starting import Starter
from sorbus.query.query import Query
from sorbus.resource import action
from sorbus.resource.actions import Arg
from sorbus.resource.fields import Attr, attribute, timestamp, uuid_primary_key
from sorbus.resource.model import Resource
from sorbus.resource.policies import Policies, actor_present, authorize_if, forbid_unless, policy
from sorbus.resource.sections import Identities, JsonApi, Postgres
from sorbus.scope import Scope
from sorbus.types.json import Json


class Definition(Resource):
    """A pipeline as this application knows it: its stages and edges, one row for each version."""

    id: Attr[UUID] = uuid_primary_key()
    name: Attr[str] = attribute(public=True, max_length=200)
    version: Attr[int] = attribute(public=True, ge=1)
    description: Attr[str] = attribute(public=True, default="")
    stages: Attr[list[dict[str, Json]]] = attribute(public=True)
    edges: Attr[list[list[str]]] = attribute(public=True, default=list)
    owner: Attr[str] = attribute(
        default="", max_length=200, description="The tenant that has defined it; none for one in code."
    )
    retired_at: Attr[datetime | None] = attribute(
        public=True, default=None, description="Since when no run of it may start."
    )
    inserted_at: Attr[datetime] = timestamp(public=True)

    @action.create
    async def define(
        self, scope: Scope, name: str, stages: list[dict[str, Json]], description: str = ""
    ) -> None:
        """Compose a pipeline of the stages that the application offers; the same name again makes a new version."""
        made = await scope.get(Starter).defined(scope, name, stages)
        self.owner, self.version, self.edges = made.owner, made.version, made.edges
        self.stages = made.stages

    @define.before_write
    async def _number(self, scope: Scope) -> None:
        self.version = await scope.get(Starter).next_version(self.owner, self.name)

    @action.update
    def retire(self, scope: Scope) -> None:
        """Let no further run of it start; those under way go on."""
        self.retired_at = now()

    @action.read
    @classmethod
    def named(cls, scope: Scope, name: Arg[str]) -> Query[Definition]:
        """The versions of one pipeline, newest first."""
        return cls.query().where(cls.name == name).order_by(cls.version.desc())

    @action.create(upsert="version")
    def publish(
        self,
        scope: Scope,
        name: str,
        version: int,
        stages: list[dict[str, Json]],
        edges: list[list[str]],
        description: str = "",
    ) -> None:
        """Record a version of a pipeline."""

    storage = Postgres("definitions")
    identities = Identities(version=[owner, name, version])
    policies = Policies(
        policy("read", forbid_unless(actor_present()), authorize_if((owner == "") | (owner == tenant()))),
        policy(define, authorize_if(actor_present())),
        policy(retire, forbid_unless(actor_present()), authorize_if(owner == tenant())),
    )
    json_api = JsonApi("/definitions", "get", "index", define, retire, named)
