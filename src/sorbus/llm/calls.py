"""LlmCall: every call to a model as a row, and the sink that writes them in groups."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import UUID

from sorbus.data_layers.postgres.faults import translate_limited
from sorbus.data_layers.postgres.group_commit import GroupCommit
from sorbus.data_layers.postgres.json_codec import encode_json, storable
from sorbus.data_layers.postgres.pool import Pool
from sorbus.llm.messages import CallKind
from sorbus.llm.records import CallRecord, CallStatus
from sorbus.resource.fields import Attr, attribute, uuid_primary_key
from sorbus.resource.model import Resource
from sorbus.resource.policies import Policies, actor_present, authorize_if, policy
from sorbus.resource.sections import Postgres
from sorbus.resource.tenancy import Tenancy


class LlmCall(Resource):
    """One call to a language or embedding model."""

    id: Attr[UUID] = uuid_primary_key()
    tenant: Attr[str] = attribute(max_length=200)
    run_id: Attr[UUID | None] = attribute(public=True, description="The run on whose behalf it was made.")
    stage: Attr[str | None] = attribute(public=True, description="The stage on whose behalf it was made.")
    kind: Attr[CallKind] = attribute(public=True)
    provider: Attr[str] = attribute(public=True)
    model: Attr[str] = attribute(public=True)
    status: Attr[CallStatus] = attribute(public=True)
    tokens_in: Attr[int] = attribute(public=True)
    tokens_out: Attr[int] = attribute(public=True)
    latency_ms: Attr[int] = attribute(public=True)
    cost_usd: Attr[Decimal] = attribute(public=True, description="By the price of the moment, in US dollars.")
    priced: Attr[bool] = attribute(public=True, description="False when no price was known for the model.")
    attempts: Attr[int] = attribute(public=True)
    error_code: Attr[str | None] = attribute(public=True)
    request_hash: Attr[str] = attribute()
    response: Attr[str | None] = attribute(sensitive=True)
    inserted_at: Attr[datetime] = attribute(public=True, writable=False)

    storage = Postgres("llm_calls")
    tenancy = Tenancy(tenant)
    policies = Policies(policy("read", authorize_if(actor_present())))


@cache
def _sql(name: str) -> str:
    return files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


class DatabaseSink:
    """Writes call records as `LlmCall` rows; records that come at the same moment share one statement.

    A record is on disk when `record` returns, so an answer that was paid for is never asked for again.

    Args:
        pool: connections to the database that holds the rows.
        default_tenant: the tenant of calls that belong to no run.
    """

    def __init__(self, pool: Pool, *, default_tenant: str = "local") -> None:
        self.pool = pool
        self.default_tenant = default_tenant
        self._tenants: dict[UUID, tuple[str, int]] = {}
        self._fresh: set[UUID] = set()
        self._writes: GroupCommit[tuple[CallRecord, str], None] = GroupCommit(self._write)

    def enter(self, run: UUID, tenant: str, *, fresh: bool = False) -> None:
        """Say which tenant a run's calls belong to, while this process works on it.

        Args:
            fresh: nobody has worked on the run before, so there is no earlier answer to look for.
        """
        if fresh:
            self._fresh.add(run)
        else:
            self._fresh.discard(run)
        _, holders = self._tenants.get(run, (tenant, 0))
        self._tenants[run] = (tenant, holders + 1)

    def leave(self, run: UUID) -> None:
        """Forget a run, once for each time it was entered."""
        self._fresh.discard(run)
        tenant, holders = self._tenants.pop(run, ("", 0))
        if holders > 1:
            self._tenants[run] = (tenant, holders - 1)

    async def record(self, record: CallRecord) -> None:
        """Write a record; it is committed when this returns."""
        tenant = self.default_tenant
        if record.run_id is not None:
            tenant, _ = self._tenants.get(record.run_id, (tenant, 0))
        await self._writes.submit((record, tenant))

    async def lookup(self, request_hash: str, run_id: UUID, stage: str | None) -> CallRecord | None:
        """The newest answered record of that request in that run and stage."""
        if run_id in self._fresh:
            return None
        rows = await self._fetch("find_call", run_id, stage, request_hash)
        if not rows:
            return None
        row = rows[0]
        return CallRecord(
            id=row["id"],
            kind=CallKind(row["kind"]),
            provider=row["provider"],
            model=row["model"],
            request_hash=request_hash,
            status=CallStatus(row["status"]),
            stage=stage,
            run_id=run_id,
            tokens_in=row["tokens_in"],
            tokens_out=row["tokens_out"],
            latency_ms=row["latency_ms"],
            cost_usd=row["cost_usd"],
            priced=row["priced"],
            error_code=row["error_code"],
            response=row["response"],
            attempts=row["attempts"],
            inserted_at=row["inserted_at"],
        )

    async def _write(self, items: list[tuple[CallRecord, str]]) -> list[None]:
        rows = [
            {
                "id": record.id,
                "tenant": tenant,
                "run_id": record.run_id,
                "stage": record.stage,
                "kind": record.kind.value,
                "provider": record.provider,
                "model": record.model,
                "status": record.status.value,
                "tokens_in": record.tokens_in,
                "tokens_out": record.tokens_out,
                "latency_ms": record.latency_ms,
                "cost_usd": record.cost_usd,
                "priced": record.priced,
                "attempts": record.attempts,
                "error_code": record.error_code,
                "request_hash": record.request_hash,
                "response": storable(record.response),
                "inserted_at": record.inserted_at,
            }
            for record, tenant in items
        ]
        await self._fetch("insert_calls", encode_json(rows).decode())
        return [None] * len(items)

    async def _fetch(self, name: str, *args: Any) -> Sequence[Any]:
        try:
            async with self.pool.connection() as connection:
                return await connection.fetch(_sql(name), *args)
        except Exception as error:
            known = translate_limited(error)
            if known is None:
                raise
            raise known from error
