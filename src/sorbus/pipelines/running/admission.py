"""Admission: whether a further run may be started, by the backlog of the application.

The unfinished runs are counted now and then, and what this node starts in between is added. A count stands for a
quarter of a second at most, and for few enough starts that all nodes together go beyond the backlog by about one in a
hundred for each of them at most, however they take turns.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from weakref import WeakValueDictionary

from sorbus.data_layers.postgres.pool import Pool
from sorbus.engine.transaction import Transaction
from sorbus.errors.flow import BacklogFull
from sorbus.pipelines.definition.backlog import Backlog
from sorbus.pipelines.running.patience import fetched

STANDS_FOR = 0.25
"""Seconds after which the runs are counted again, if anybody asks."""

_SHARE = 8
"""The part of the room that one node gives away on one count."""

_LOOK_EVERY = 0.1


class Admission:
    """What this node knows of the backlog.

    Args:
        pool: connections to the database of the runs.
        backlog: that of the application.
    """

    def __init__(self, pool: Pool, backlog: Backlog) -> None:
        self._pool = pool
        self._backlog = backlog
        self._counted_at = float("-inf")
        self._found: Counter[str] = Counter()
        self._since: Counter[str] = Counter()
        self._open: list[tuple[Transaction, Counter[str]]] = []
        self._looking = asyncio.Lock()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def refuse_early(self, tenant: str) -> None:
        """Refuse a run without a look, where it is known that it would be refused.

        Raises:
            BacklogFull: the backlog is full.
        """
        if self._stands:
            self._check(Counter((tenant,)))

    async def admit(self, opened: Transaction, tenants: Sequence[str]) -> None:
        """Let some runs be started in a transaction, or none of them.

        Args:
            tenants: the tenant of each run.

        Raises:
            BacklogFull: the backlog is full.
        """
        wanted = Counter(tenants)
        if not self._stands:
            await self._look()
        self._check(wanted)
        if self._used_up(wanted):
            await self._look(anew=True)
            self._check(wanted)
        self._since.update(wanted)
        self._open.append((opened, wanted))

    async def waited[T](self, tenant: str, start: Callable[[], Awaitable[T]]) -> T:
        """Start a run as soon as there is room for it. Those of one tenant in this process wait in a row."""
        turn = self._turns.setdefault(tenant, asyncio.Lock())
        async with turn:
            while True:
                try:
                    return await start()
                except BacklogFull:
                    await asyncio.sleep(_LOOK_EVERY)

    @property
    def _stands(self) -> bool:
        return time.monotonic() - self._counted_at < STANDS_FOR

    def _room(self, tenant: str | None, *, at_count: bool = False) -> int:
        """How many runs there is room for, in all or of a tenant: now, or when they were counted."""
        limit = self._backlog.runs if tenant is None else self._backlog.per_tenant
        assert limit is not None, "there is no such bound"
        used = self._found if at_count else self._found + self._since
        return limit - (used.total() if tenant is None else used[tenant])

    def _check(self, wanted: Counter[str]) -> None:
        if self._room(None) < wanted.total():
            raise BacklogFull(limit=self._backlog.runs)
        if self._backlog.per_tenant is not None:
            for tenant, count in wanted.items():
                if self._room(tenant) < count:
                    raise BacklogFull(limit=self._backlog.per_tenant, tenant=tenant)

    def _used_up(self, wanted: Counter[str]) -> bool:
        """Whether this node would start more on one count than it may."""
        since = self._since + wanted
        if since.total() > _allowance(self._backlog.runs, self._room(None, at_count=True)):
            return bool(self._since)
        most = self._backlog.per_tenant
        return most is not None and any(
            self._since[each] and since[each] > _allowance(most, self._room(each, at_count=True))
            for each in wanted
        )

    async def _look(self, *, anew: bool = False) -> None:
        """Count, unless somebody has just done so."""
        asked_at = time.monotonic()
        async with self._looking:
            if self._counted_at > asked_at or (self._stands and not anew):
                return
            # Those whose transactions are open are not seen; those that are let in meanwhile may not be.
            self._open = [each for each in self._open if each[0].open]
            unseen = [each for _, each in self._open]
            before = Counter(self._since)
            began = time.monotonic()
            rows = await fetched(self._pool, "unfinished", self._backlog.runs + 1)
            self._found = Counter({row["tenant"]: row["runs"] for row in rows})
            for each in unseen:
                self._found.update(each)
            self._since -= before
            self._counted_at = began


def _allowance(limit: int, room: int) -> int:
    return max(1, limit // 100, room // _SHARE)
