"""Budget and Reservation: what may be spent on models, and what is held for calls under way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sorbus.errors.pipelines import PipelinesNotStarted
from sorbus.expressions.build import if_, now
from sorbus.query.query import Query
from sorbus.resource import action, validate
from sorbus.resource.actions import Arg
from sorbus.resource.calculations import calculate
from sorbus.resource.changes import Validations
from sorbus.resource.fields import Attr, attribute, timestamp, uuid_primary_key
from sorbus.resource.model import Resource
from sorbus.resource.policies import Policies, actor_present, authorize_if, forbid_unless, policy
from sorbus.resource.sections import Identities, JsonApi, Postgres, identity
from sorbus.resource.tenancy import Tenancy
from sorbus.schema.actions import UNCHANGED
from sorbus.scope import Scope


class BudgetPeriod(StrEnum):
    """After which time a budget is there anew: a calendar day or month in UTC, or never."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


class Accounts:
    """What the actions of `Budget` need from the running application; `BudgetKeeper` is the one there is."""

    async def count(self, budget_id: Any) -> None:
        """Count anew what a budget has spent in its period, within the open transaction."""
        raise PipelinesNotStarted

    async def allot(self, run_id: Any, tenant: str, usd: Any, tokens: Any, *, count: bool = False) -> None:
        """Give a run a budget, or other limits, within the open transaction.

        Args:
            usd, tokens: the limits; None for no limit.
            count: whether the run may have spent something already.
        """
        raise PipelinesNotStarted


def period_end(period: BudgetPeriod, moment: datetime) -> datetime | None:
    """When the period that a moment lies in ends, in UTC; None for never."""
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    match period:
        case BudgetPeriod.DAY:
            return day + timedelta(days=1)
        case BudgetPeriod.MONTH:
            return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        case BudgetPeriod.TOTAL:
            return None


class Budget(Resource):
    """What a tenant, or one of its runs, may spend on models: US dollars, tokens, or both."""

    id: Attr[UUID] = uuid_primary_key()
    tenant: Attr[str] = attribute(max_length=200)
    run_id: Attr[UUID | None] = attribute(
        public=True, default=None, description="The run that it is for; none for all that the tenant does."
    )
    model: Attr[str] = attribute(
        public=True,
        default="",
        max_length=400,
        description="The model that it is for, as `provider:model`; empty for all models.",
    )
    period: Attr[BudgetPeriod] = attribute(public=True, default=BudgetPeriod.MONTH)
    limit_usd: Attr[Decimal | None] = attribute(public=True, default=None, ge=0)
    limit_tokens: Attr[int | None] = attribute(
        public=True, default=None, ge=0, description="In and out together."
    )
    counted_usd: Attr[Decimal] = attribute(default=Decimal(0), writable=False)
    counted_tokens: Attr[int] = attribute(default=0, writable=False)
    reserved_usd: Attr[Decimal] = attribute(
        public=True, default=Decimal(0), writable=False, description="What calls under way may cost at most."
    )
    reserved_tokens: Attr[int] = attribute(public=True, default=0, writable=False)
    resets_at: Attr[datetime | None] = attribute(
        public=True, default=None, writable=False, description="When the period of what is counted ends."
    )
    recount_at: Attr[datetime | None] = attribute(default=None, writable=False, index=True)
    inserted_at: Attr[datetime] = timestamp(public=True)

    # The counters are moved on by the first call of a period; until then what they say is of the last one.
    spent_usd = calculate(if_(resets_at <= now(), Decimal(0), counted_usd), public=True)
    spent_tokens = calculate(if_(resets_at <= now(), 0, counted_tokens), public=True)
    left_usd = calculate(limit_usd - spent_usd - reserved_usd, public=True)
    left_tokens = calculate(limit_tokens - spent_tokens - reserved_tokens, public=True)

    @action.create(upsert="place", upsert_fields=[limit_usd, limit_tokens])
    def set(
        self,
        scope: Scope,
        limit_usd: Decimal | None = None,
        limit_tokens: int | None = None,
        period: BudgetPeriod = BudgetPeriod.MONTH,
        model: str = "",
    ) -> None:
        """Set the tenant's budget of a period, or of one model in it; what was spent in the period so far counts."""
        self.resets_at = period_end(period, datetime.now(UTC))

    @set.after_write
    async def _count(self, scope: Scope) -> None:
        await scope.get(Accounts).count(self.id)

    @action.update
    def change(
        self, scope: Scope, limit_usd: Decimal | None = UNCHANGED, limit_tokens: int | None = UNCHANGED
    ) -> None:
        """Give it other limits, which hold from the next call on. One that is not given stays, null lifts it."""

    @action.destroy
    def remove(self, scope: Scope) -> None:
        """Do away with it."""

    @action.read
    @classmethod
    def of_run(cls, scope: Scope, run_id: Arg[UUID]) -> Query[Budget]:
        """The budget of a run, if it has one."""
        return cls.query().where(cls.run_id == run_id)

    storage = Postgres("llm_budgets")
    tenancy = Tenancy(tenant)
    identities = Identities(place=identity(run_id, model, period, nulls_distinct=False))
    validations = Validations(
        validate.that(
            ~(limit_usd.is_null() & limit_tokens.is_null()),
            "A budget limits dollars, tokens or both.",
            field=limit_usd,
        )
    )
    policies = Policies(
        policy(["read", set], authorize_if(actor_present())),
        # That of a run is the run's own affair: `Run.raise_budget`.
        policy([change, remove], forbid_unless(run_id.is_null()), authorize_if(actor_present())),
    )
    json_api = JsonApi("/budgets", "get", "index", set, change, remove, of_run)


class Reservation(Resource):
    """What is held for one call under way in every budget that holds for it, until the call is recorded."""

    id: Attr[UUID] = uuid_primary_key()
    tenant: Attr[str] = attribute(max_length=200)
    run_id: Attr[UUID | None] = attribute(public=True)
    node: Attr[str] = attribute(public=True, description="The process that makes the call.")
    budgets: Attr[list[UUID]] = attribute(public=True)
    usd: Attr[Decimal] = attribute(public=True)
    tokens: Attr[int] = attribute(public=True)
    inserted_at: Attr[datetime] = attribute(public=True, writable=False)

    storage = Postgres("llm_reservations")
    tenancy = Tenancy(tenant)
    policies = Policies(policy("read", authorize_if(actor_present())))
