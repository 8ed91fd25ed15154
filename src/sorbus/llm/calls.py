"""LlmCall: every call to a model as a row, and the sink that writes them in groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import UUID

from sorbus.data_layers.group_commit import GroupCommit
from sorbus.data_layers.postgres.faults import translate_limited
from sorbus.data_layers.postgres.json_codec import encode_json, storable
from sorbus.data_layers.postgres.pool import Pool
from sorbus.llm.budgets.keeper import BudgetKeeper
from sorbus.llm.budgets.needs import Need
from sorbus.llm.budgets.signs import SignsOfLife
from sorbus.llm.budgets.store import BudgetStore
from sorbus.llm.messages import CallKind
from sorbus.llm.records import CallRecord, CallStatus
from sorbus.resource.fields import Attr, attribute, uuid_primary_key
from sorbus.resource.model import Resource
from sorbus.resource.policies import Policies, actor_present, authorize_if, policy
from sorbus.resource.sections import Identities, Postgres, identity
from sorbus.resource.tenancy import Tenancy
from sorbus.types.json import Json


class LlmCall(Resource):
    """One call to a language or embedding model."""

    id: Attr[UUID] = uuid_primary_key()
    tenant: Attr[str] = attribute(max_length=200)
    run_id: Attr[UUID | None] = attribute(public=True, description="The run on whose behalf it was made.")
    payer_id: Attr[UUID | None] = attribute(
        public=True,
        default=None,
        description="The run from whose budget it is paid, where that is another one: the outermost around its run.",
    )
    stage: Attr[str | None] = attribute(
        public=True,
        description="The stage on whose behalf it was made, or the prompted action outside of any.",
    )
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
    request: Attr[Json | None] = attribute(
        sensitive=True,
        default=None,
        writable=False,
        description="What was asked: messages, parameters and schema, cut to `ModelConfig.keep_requests` bytes.",
    )
    response: Attr[str | None] = attribute(sensitive=True)
    inserted_at: Attr[datetime] = attribute(public=True, writable=False)

    storage = Postgres("llm_calls")
    tenancy = Tenancy(tenant)
    # For its index, in which only those that another run pays for stand.
    identities = Identities(payer=identity(payer_id, id, where=~payer_id.is_null()))
    policies = Policies(policy("read", authorize_if(actor_present())))


@cache
def _sql(name: str) -> str:
    return files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


@dataclass(slots=True)
class _InHand:
    """A run that this process works on.

    Attributes:
        recorded: the calls, by request and stage, of one that nobody has worked on before; no others can be found.
            None where there may be others.
    """

    tenant: str
    payer: UUID | None
    recorded: set[tuple[str, str | None]] | None
    holders: int = 0


@dataclass(frozen=True, slots=True)
class _Write:
    record: CallRecord
    tenant: str
    payer: UUID | None


class DatabaseSink:
    """Writes call records as `LlmCall` rows; records that come at the same moment share one statement.

    A record is on disk when `record` returns, so an answer that was paid for is never asked for again. The budgets are
    kept here: what is reserved for a call is given back by the statement that writes it.

    Args:
        pool: connections to the database that holds the rows.
        default_tenant: the tenant of calls that belong to no run and name none.
        signs: under which name this process reserves; by default one of its own.
    """

    def __init__(
        self, pool: Pool, *, default_tenant: str = "local", signs: SignsOfLife | None = None
    ) -> None:
        self.pool = pool
        self.default_tenant = default_tenant
        self.budgets = BudgetKeeper(BudgetStore(pool), signs or SignsOfLife(pool.url))
        self._runs: dict[UUID, _InHand] = {}
        self._writes: GroupCommit[_Write, None] = GroupCommit(self._write)

    def enter(
        self,
        run: UUID,
        tenant: str,
        *,
        payer: UUID | None = None,
        fresh: bool = False,
        budgeted: bool = True,
    ) -> None:
        """Say which tenant a run's calls belong to, while this process works on it.

        Args:
            payer: the run from whose budget they are paid; None for its own.
            fresh: nobody has worked on the run before, so there is no earlier answer to look for.
            budgeted: whether a budget was seen for it at this moment.
        """
        self.budgets.learn(run, budgeted=budgeted)
        known = self._runs.setdefault(run, _InHand(tenant, payer, set() if fresh else None))
        known.holders += 1
        if not fresh:
            known.recorded = None

    def leave(self, run: UUID) -> None:
        """Forget a run, once for each time it was entered."""
        known = self._runs.get(run)
        if known is not None and known.holders > 1:
            known.holders -= 1
        else:
            self._runs.pop(run, None)
            self.budgets.forget(run)

    async def reserve(self, need: Need) -> bool:
        """Reserve what a call may cost at most in every budget that holds for it; False when there is none.

        Raises:
            BudgetExceeded: a budget has not enough left.
        """
        paid = replace(need, run=self._payer(need.run))
        tenant = self._tenant(need.run, need.tenant)
        return await self.budgets.reserve(paid, tenant, key=self._key(need.run, tenant))

    async def release(self, call: UUID) -> None:
        """Give back what was reserved for a call that was not recorded."""
        await self.budgets.release(call)

    async def record(self, record: CallRecord) -> None:
        """Write a record; it is committed when this returns."""
        run = record.run_id
        known = None if run is None else self._runs.get(run)
        if known is not None and known.recorded is not None:
            known.recorded.add((record.request_hash, record.stage))
        await self._writes.submit(_Write(record, self._tenant(run, record.tenant), self._payer(run)))

    async def close(self) -> None:
        """Sign off; the pool stays open."""
        await self.budgets.close()

    def _tenant(self, run: UUID | None, told: str | None) -> str:
        known = None if run is None else self._runs.get(run)
        return (told or self.default_tenant) if known is None else known.tenant

    def _payer(self, run: UUID | None) -> UUID | None:
        """The run whose budget holds for a call."""
        known = None if run is None else self._runs.get(run)
        return run if known is None or known.payer is None else known.payer

    def _key(self, run: UUID | None, tenant: str) -> UUID | str | None:
        """Under what it is known whether a budget holds; nothing is kept of a run that is not worked on here."""
        if run is None:
            return tenant
        return run if run in self._runs else None

    async def lookup(self, request_hash: str, run_id: UUID, stage: str | None) -> CallRecord | None:
        """The newest answered record of that request in that run and stage."""
        known = self._runs.get(run_id)
        if known is not None and known.recorded is not None and (request_hash, stage) not in known.recorded:
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

    async def _write(self, items: list[_Write]) -> list[None]:
        rows = [
            {
                "id": record.id,
                "tenant": tenant,
                "run_id": record.run_id,
                "payer_id": None if payer == record.run_id else payer,
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
                "request": storable(record.request),
                "response": storable(record.response),
                "inserted_at": record.inserted_at,
            }
            for record, tenant, payer in ((each.record, each.tenant, each.payer) for each in items)
        ]
        budgeted = await self._budgeted(encode_json(rows).decode(), items)
        for each in items:
            if (key := self._key(each.record.run_id, each.tenant)) is not None:
                self.budgets.learn(key, budgeted=each.record.id in budgeted)
        return [None] * len(items)

    async def _budgeted(self, rows: str, items: list[_Write]) -> frozenset[UUID]:
        """Write calls; which of them some budget holds for."""
        records = [each.record for each in items]
        payers = {each.payer for each in items if each.payer is not None}
        keys = {each.record.id: self._key(each.record.run_id, each.tenant) for each in items}
        if all(self.budgets.is_unbudgeted(call, key) for call, key in keys.items()):
            tenants = {each.tenant for each in items}
            if not (await self._fetch("insert_calls", rows, list(tenants), list(payers)))[0]["budgeted"]:
                return frozenset()
        budgeted = frozenset(row["id"] for row in await self._fetch("settle_calls", rows))
        self.budgets.settled(record.id for record in records)
        return budgeted

    async def _fetch(self, name: str, *args: Any) -> Sequence[Any]:
        try:
            async with self.pool.connection() as connection:
                return await connection.fetch(_sql(name), *args)
        except Exception as error:
            known = translate_limited(error)
            if known is None:
                raise
            raise known from error
