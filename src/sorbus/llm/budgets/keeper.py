"""Keeps to the budgets: asks for room before a call, waits for it, and gives back what was not needed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Hashable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sorbus.errors.database import DatabaseFault
from sorbus.errors.pipelines import PipelinesNotStarted
from sorbus.llm.budgets.needs import Need
from sorbus.llm.budgets.resources import Accounts
from sorbus.llm.budgets.signs import SignsOfLife
from sorbus.llm.budgets.sql import sql
from sorbus.llm.budgets.store import Answer, BudgetStore
from sorbus.types.uuid7 import uuid7

if TYPE_CHECKING:
    from sorbus.resource.application import Sorbus

logger = logging.getLogger(__name__)

FRESH = 2.0
"""Seconds for which it is believed that no budget holds. Each begin of a run and each recorded call looks anew."""

PATIENCE = 60.0
"""Seconds that a call waits for what calls under way have reserved and may not need."""

_SWEEP_EVERY = 5.0
# Whatever was being written when a budget was set has long been committed by then, or was given up.
_RECOUNT_AFTER = 30.0
_LOOK_EVERY = (0.05, 1.0)


class BudgetKeeper(Accounts):
    """The budgets of an application, as one process sees them.

    Args:
        store: runs the statements.
        signs: under which name this process reserves.
    """

    def __init__(self, store: BudgetStore, signs: SignsOfLife) -> None:
        self.store = store
        self.signs = signs
        self.app: Sorbus | None = None
        self._open: set[UUID] = set()
        self._unbudgeted: dict[Hashable, float] = {}
        self._moved = asyncio.Event()

    # what is known

    def learn(self, key: Hashable, *, budgeted: bool) -> None:
        """Note whether a budget holds for the calls of a run or tenant, as a statement has just seen it."""
        if budgeted:
            self._unbudgeted.pop(key, None)
        else:
            self._unbudgeted[key] = time.monotonic()

    def forget(self, key: Hashable) -> None:
        """Note that nothing is known of a run or tenant."""
        self._unbudgeted.pop(key, None)

    def is_unbudgeted(self, call: UUID, key: Hashable) -> bool:
        """Whether nothing is reserved for a call, and no budget held for its run or tenant when that was last seen."""
        return call not in self._open and key in self._unbudgeted

    def _is_free(self, key: Hashable) -> bool:
        seen = self._unbudgeted.get(key)
        return seen is not None and time.monotonic() - seen < FRESH

    # before and after a call

    async def reserve(self, need: Need, tenant: str, *, key: Hashable | None = None) -> bool:
        """Reserve what a call may cost; False when no budget holds for it.

        Args:
            key: the run or tenant under which it is known whether a budget holds.

        Raises:
            BudgetExceeded: a budget has not enough left.
        """
        if key is not None and self._is_free(key):
            return False
        if self.signs.known is None and not await self.store.applies(tenant, need.run):
            if key is not None:
                self.learn(key, budgeted=False)
            return False
        node = await self.signs.node()
        # Known as under way before the statement leaves, so that nobody takes it for a stray.
        self._open.add(need.call)
        try:
            taken = await self._reserved(need, tenant, node)
        except BaseException:
            self._open.discard(need.call)
            raise
        if taken:
            self.forget(key)
        else:
            # None holds for this call; one for another model may hold for the next.
            self._open.discard(need.call)
        return taken

    async def release(self, call: UUID) -> None:
        """Give back what was reserved for a call that has no record."""
        if call not in self._open:
            return
        self._open.discard(call)
        with suppress(DatabaseFault):  # the next sweep will do it
            await self.sweep()

    def settled(self, calls: Iterable[UUID]) -> None:
        """Note that calls were recorded, and with that what they had reserved given back."""
        before = len(self._open)
        self._open.difference_update(calls)
        if len(self._open) != before:
            self._moved.set()
            self._moved = asyncio.Event()

    async def sweep(self) -> int:
        """Give back what is reserved for calls that nobody makes any more: those of processes that have died, and those
        of this one that could not be recorded. Returns how many.
        """
        freed = await self.store.free(self.signs.known, tuple(self._open), uuid7())
        if freed:
            logger.warning("gave back what was reserved for %d calls that nobody makes any more", freed)
        return freed

    async def look_after(self) -> None:
        """What a process does now and then, whether it makes calls or not."""
        await self.sweep()
        await self.store.recount()

    async def close(self) -> None:
        """Sign off."""
        await self.signs.stop()

    async def _reserved(self, need: Need, tenant: str, node: str) -> bool:
        """Ask until there is room, or none will be."""
        began = time.monotonic()
        sweep_at, pause = began, _LOOK_EVERY[0]
        while True:
            moved = self._moved
            answer = await self._statement(need, tenant, node)
            if answer.taken or not answer.budgeted:
                return answer.taken
            if hopeless := [room for room in answer.rooms if not room.may_fit]:
                raise hopeless[0].exceeded(need.model)
            if time.monotonic() - began > PATIENCE:
                raise answer.rooms[0].exceeded(need.model)
            if time.monotonic() >= sweep_at:
                sweep_at = time.monotonic() + _SWEEP_EVERY
                if await self.sweep():
                    continue
            with suppress(TimeoutError):
                await asyncio.wait_for(moved.wait(), pause)
            pause = min(2 * pause, _LOOK_EVERY[1])

    async def _statement(self, need: Need, tenant: str, node: str) -> Answer:
        """One attempt. It is run to its end, so that it is known what has become of it, also when nobody waits."""
        running = asyncio.ensure_future(self.store.reserve(need, tenant, node))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            with suppress(DatabaseFault):
                await running
            await self.release(need.call)
            raise

    # what the actions ask for

    async def count(self, budget_id: Any) -> None:
        """Count anew what a budget has spent in its period, within the open transaction."""
        await (await self._connection()).execute(sql("count_budget"), budget_id, _RECOUNT_AFTER)

    async def allot(self, run_id: Any, tenant: str, usd: Any, tokens: Any, *, count: bool = False) -> None:
        """Give a run a budget, or other limits, within the open transaction."""
        connection = await self._connection()
        await connection.execute(sql("allot"), run_id, tenant, usd, tokens)
        if count:
            await connection.execute(sql("count_budget"), run_id, _RECOUNT_AFTER)

    async def _connection(self) -> Any:
        opened = self.app.engine.transaction_of_task() if self.app is not None else None
        if opened is None or self.app is None:
            raise PipelinesNotStarted
        return await opened.session(self.app.engine.layers["postgres"])
