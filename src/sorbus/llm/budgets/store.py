"""The statements of the budgets, each a transaction of its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sorbus.data_layers.postgres.patience import patient
from sorbus.data_layers.postgres.pool import Pool
from sorbus.errors.llm import BudgetExceeded
from sorbus.jobs.processes import ProcessId, is_gone
from sorbus.llm.budgets.needs import Need
from sorbus.llm.budgets.sql import sql


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One budget as a call found it, in one unit that it limits."""

    budget: UUID
    run: UUID | None
    model: str
    period: str
    unit: str
    limit: Decimal
    spent: Decimal
    reserved: Decimal
    need: Decimal

    @property
    def fits(self) -> bool:
        """Whether the call finds room. What needs nothing of a kind is not stopped by a limit of that kind."""
        return not self.need or self.spent + self.reserved + self.need <= self.limit

    @property
    def may_fit(self) -> bool:
        """Whether it would if the calls under way cost nothing."""
        return not self.need or self.spent + self.need <= self.limit

    def exceeded(self, model: str) -> BudgetExceeded:
        """The error that says so."""
        return BudgetExceeded(
            model,
            run=self.run,
            budget=self.budget,
            period=self.period,
            only=self.model,
            unit=self.unit,
            limit=self.limit,
            spent=self.spent,
            reserved=self.reserved,
            needed=self.need,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a wish to reserve.

    Attributes:
        budgeted: whether any budget holds for the call.
        taken: whether it is reserved.
        rooms: the budgets that have no room.
    """

    budgeted: bool
    taken: bool
    rooms: Sequence[Room] = ()


class BudgetStore:
    """Reserves and frees.

    Args:
        pool: connections to the database that holds the budgets.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    async def applies(self, tenant: str, run: UUID | None) -> bool:
        """Whether any budget holds for the calls of a tenant and a run."""
        return bool((await self._fetch("applies", tenant, run))[0]["budgeted"])

    async def reserve(self, need: Need, tenant: str, node: str) -> Answer:
        """Reserve in every budget that holds for a call, or in none."""
        rows = await self._fetch(
            "reserve", need.call, tenant, need.run, need.model, need.usd, need.tokens, node
        )
        if not rows:
            return Answer(budgeted=False, taken=False)
        if rows[0]["fits"]:
            return Answer(budgeted=True, taken=True)
        rooms = [room for row in rows for room in _rooms(row, need) if not room.fits]
        return Answer(budgeted=True, taken=False, rooms=rooms)

    async def free(self, node: str | None, open_calls: Collection[UUID], before: UUID) -> int:
        """Give back what is reserved for calls that nobody makes any more; returns for how many.

        Args:
            node: this process, or None when it has reserved nothing.
            open_calls: those under way here.
            before: a call later than all of these; what is reserved after it is left alone.
        """
        late = await self._fetch("holders", node)
        gone = [row["node"] for row in late if is_gone(_process(row))]
        dead = [row["node"] for row in late if row["dead"]]
        rows = await self._fetch("free_reservations", node, list(open_calls), before, dead, gone)
        return int(rows[0]["freed"])

    async def recount(self) -> None:
        """Count once more what was spent in budgets that were set a while ago."""
        for row in await self._fetch("to_recount"):
            async with self.pool.transaction() as connection:
                await connection.fetch(sql("hold_budget"), row["id"])
                await connection.execute(sql("count_budget"), row["id"], None)

    async def _fetch(self, name: str, *args: Any) -> Sequence[Any]:
        async def work() -> Sequence[Any]:
            async with self.pool.connection() as connection:
                return await connection.fetch(sql(name), *args)

        # Somebody's transaction may lock two budgets in another order.
        return await patient(work)


def _process(row: Any) -> ProcessId:
    return ProcessId(row["host"], row["pid"], row["process_start"])


def _rooms(row: Any, need: Need) -> list[Room]:
    """A budget's row as its limits."""
    needs = {"usd": need.usd, "tokens": Decimal(need.tokens)}
    return [
        Room(
            budget=row["id"],
            run=row["run_id"],
            model=row["model"],
            period=row["period"],
            unit=unit,
            limit=Decimal(row[f"limit_{unit}"]),
            spent=Decimal(row[f"spent_{unit}"]),
            reserved=Decimal(row[f"reserved_{unit}"]),
            need=needed,
        )
        for unit, needed in needs.items()
        if row[f"limit_{unit}"] is not None
    ]
