"""StageRun and StageItem: the checkpoints of runs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sorbus.expressions.build import fragment
from sorbus.pipelines.resources.states import StageState
from sorbus.resource.calculations import calculate
from sorbus.resource.fields import Attr, attribute, uuid_primary_key
from sorbus.resource.graphql import GraphQL
from sorbus.resource.model import Resource
from sorbus.resource.policies import Policies, actor_present, authorize_if, policy
from sorbus.resource.relationships import One, belongs_to
from sorbus.resource.sections import Identities, JsonApi, Postgres, identity
from sorbus.resource.tenancy import Tenancy
from sorbus.types.json import Json

if TYPE_CHECKING:
    from sorbus.pipelines.resources.run import Run

START = 4000
"""How many characters of an output are its start."""


class StageRun(Resource):
    """One stage of a run; its output is the checkpoint that a resumed run starts from."""

    id: Attr[UUID] = uuid_primary_key()
    tenant: Attr[str] = attribute(max_length=200)
    run_id: Attr[UUID] = attribute(public=True)
    name: Attr[str] = attribute(public=True)
    position: Attr[int] = attribute(public=True)
    state: Attr[StageState] = attribute(public=True)
    attempt: Attr[int] = attribute(public=True, description="How many attempts have failed.")
    output: Attr[Json | None] = attribute(public=True)
    error: Attr[Json | None] = attribute(public=True)
    fingerprint: Attr[str | None] = attribute(
        default=None, writable=False, description="A digest of all that its output depends on."
    )
    reused_from: Attr[UUID | None] = attribute(
        public=True,
        default=None,
        writable=False,
        description="The stage of another run whose output it has taken.",
    )
    wake_at: Attr[datetime | None] = attribute(
        public=True, description="When it may start, or when it has waited long enough."
    )
    given_at: Attr[datetime | None] = attribute(
        public=True, description="When somebody gave it the value that it waits for."
    )
    started_at: Attr[datetime | None] = attribute(public=True)
    finished_at: Attr[datetime | None] = attribute(public=True)

    run: One[Run] = belongs_to(via=run_id, on_delete="cascade")
    duration = calculate(finished_at - started_at)
    output_size = calculate(fragment("octet_length({0}::text)", output, type=int, nullable=True))
    output_start = calculate(fragment("left({0}::text, {1}::int)", output, START, type=str, nullable=True))

    storage = Postgres("stage_runs")
    tenancy = Tenancy(tenant)
    # Of all tenants: a run belongs to one, and the statements of running pipelines name these two columns.
    # The second one is there for its index, in which only those that have a fingerprint stand.
    identities = Identities(
        name=identity(run_id, name, all_tenants=True),
        fingerprint=identity(fingerprint, id, where=~fingerprint.is_null()),
    )
    policies = Policies(policy("read", authorize_if(actor_present())))
    json_api = JsonApi("/stage-runs", "get", "index")
    graphql = GraphQL("get", "list", "connection")


class StageItem(Resource):
    """One item of a stage that runs for each item of a list, or one round of one that is repeated: a checkpoint."""

    id: Attr[UUID] = uuid_primary_key()
    tenant: Attr[str] = attribute(max_length=200)
    run_id: Attr[UUID] = attribute(public=True)
    stage: Attr[str] = attribute(public=True)
    index: Attr[int] = attribute(public=True, description="The position of the item, or the round, from 0.")
    state: Attr[StageState] = attribute(public=True)
    attempt: Attr[int] = attribute(public=True, description="How many attempts have failed.")
    output: Attr[Json | None] = attribute(public=True)
    error: Attr[Json | None] = attribute(public=True)
    fingerprint: Attr[str | None] = attribute(
        default=None, writable=False, description="A digest of all that its output depends on."
    )
    reused_from: Attr[UUID | None] = attribute(
        public=True,
        default=None,
        writable=False,
        description="The item of another run whose output it has taken.",
    )
    wake_at: Attr[datetime | None] = attribute(public=True, description="When it may start.")
    started_at: Attr[datetime | None] = attribute(public=True)
    finished_at: Attr[datetime | None] = attribute(public=True)

    run: One[Run] = belongs_to(via=run_id, on_delete="cascade")
    duration = calculate(finished_at - started_at)
    output_size = calculate(fragment("octet_length({0}::text)", output, type=int, nullable=True))
    output_start = calculate(fragment("left({0}::text, {1}::int)", output, START, type=str, nullable=True))

    storage = Postgres("stage_items")
    tenancy = Tenancy(tenant)
    identities = Identities(
        place=identity(run_id, stage, index, all_tenants=True),
        fingerprint=identity(fingerprint, id, where=~fingerprint.is_null()),
    )
    policies = Policies(policy("read", authorize_if(actor_present())))
    json_api = JsonApi("/stage-items", "get", "index")
    graphql = GraphQL("get", "list", "connection")
