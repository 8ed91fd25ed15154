"""Who may work under the limits of the application: places in runs ask, wait, hold and give back, on all nodes."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from sorbus.data_layers.group_commit import GroupCommit
from sorbus.data_layers.postgres.json_codec import encode_json
from sorbus.data_layers.postgres.patience import patient
from sorbus.data_layers.postgres.pool import Pool
from sorbus.errors.base import SorbusError
from sorbus.errors.pipelines import BadLimit
from sorbus.pipelines.definition.limits import Gate, Limit
from sorbus.pipelines.running.patience import fetched, signalled
from sorbus.pipelines.running.sql import sql

logger = logging.getLogger(__name__)

WHOLE = -1
"""The position of a stage as a whole, where its items have theirs from 0."""

_MOST_READ = 64
_SWEEP_EVERY = 5.0
_STALE_AFTER = 10.0

Spot = tuple[UUID, str, int]
"""A place: a run, a stage of it, and an item of that or `WHOLE`."""

Key = tuple[Limit, str]
"""A limit, and the name of the one of its limits that holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A place that wants to start.

    Attributes:
        keys: what it must hold, in the order of the application's limits: whoever waits for one holds only
            earlier ones, so nobody waits in a circle.
    """

    spot: Spot
    tenant: str
    priority: int
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Freed:
    """A place that has ended, or with no stage a whole run."""

    run_id: UUID
    stage: str | None = None
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """A limit under which somebody may have room now."""

    key: str


@dataclass(slots=True)
class _Waiter:
    spot: Spot
    tenant: str
    priority: int
    id: int | None = None


@dataclass(slots=True)
class _Decision:
    """What follows for some limits.

    Attributes:
        new: rows to insert.
        held: the ids of waiting rows that are held from now on.
        gates: the limits under which somebody was let in, as they stand now, by key.
        passed: the places that hold all they have asked for.
        others: the runs that were let in besides.
        again: keys under which more may be let in at once.
        opens: when the next may be let in, of keys for which somebody waits.
    """

    new: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    held: list[int] = field(default_factory=list[int])
    gates: dict[str, Gate] = field(default_factory=dict[str, Gate])
    passed: set[Spot] = field(default_factory=set[Spot])
    others: set[UUID] = field(default_factory=set[UUID])
    again: set[str] = field(default_factory=set[str])
    opens: dict[str, float] = field(default_factory=dict[str, float])


class Permits:
    """Hands out what the limits of an application allow.

    A permit belongs to a place in a run and not to a process: whoever takes over the run of a dead process holds it.
    Who is not let in waits in a row; who gives back lets the next one in, and wakes its run.

    Args:
        pool: connections to the database of the runs.
        limits: those of the application.
        woken: told of the runs that were let in after they had waited, with their tenants.
        wake: told of queues with work.

    Raises:
        BadLimit: two limits bear one name.
    """

    def __init__(
        self,
        pool: Pool,
        limits: Sequence[Limit],
        *,
        woken: Callable[[UUID, str], object],
        wake: Callable[[set[str]], object],
    ) -> None:
        self.pool = pool
        self.limits = by_name(limits)
        self._rank = {name: place for place, name in enumerate(self.limits)}
        self._woken = woken
        self._wake = wake
        self._group: GroupCommit[Asked | Freed | Looked, bool] = GroupCommit(self._pass)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    async def ask(self, asked: Asked) -> bool:
        """Whether a place holds all that it needs; if not it waits, and its run is woken."""
        return await self._group.submit(asked)

    async def free(self, freed: Freed) -> None:
        """Give back what a place, or a run, holds or waits for."""
        await self._group.submit(freed)

    def free_soon(self, freed: Freed) -> None:
        """Give back in the background. What gets lost with this process is found by `sweep`."""
        self._spawn(self.free(freed))

    async def run(self) -> None:
        """Sweep again and again, until cancelled."""
        while True:
            try:
                await self.sweep()
            except SorbusError as error:
                logger.warning("the limits were not looked at: %s", error)
            await asyncio.sleep(_SWEEP_EVERY)

    async def sweep(self, *, older_than: float = _STALE_AFTER) -> None:
        """Take back what the places of dead processes hold, and let those in who wait although there is room."""
        stale = await fetched(self.pool, "stale_permits", older_than)
        waited = await fetched(self.pool, "waited_limits")
        keys = {row["key"] for row in (*stale, *waited)}
        await asyncio.gather(*(self._group.submit(Looked(key)) for key in keys))

    async def close(self) -> None:
        """Stop the timers, and finish what is being given back."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    # one group: one transaction

    async def _pass(self, items: list[Asked | Freed | Looked]) -> list[bool]:
        decision = await patient(lambda: self._decided(items))
        if decision.others:
            self._spawn(self.tell(sorted(decision.others)))
        for key in decision.again:
            self._spawn(self._group.submit(Looked(key)))
        for key, seconds in decision.opens.items():
            self._look_in(key, seconds)
        return [isinstance(each, Asked) and each.spot in decision.passed for each in items]

    async def _decided(self, items: list[Asked | Freed | Looked]) -> _Decision:
        asks = [each for each in items if isinstance(each, Asked)]
        frees = _text([_freed_row(each) for each in items if isinstance(each, Freed)])
        keys = {key for each in asks for _, key in each.keys}
        keys |= {each.key for each in items if isinstance(each, Looked)}
        async with self.pool.transaction() as connection:
            if frees != "[]":
                keys |= {row["key"] for row in await connection.fetch(sql("keys_of"), frees)}
            if not keys:
                return _Decision()
            locked = await connection.fetch(sql("lock_limits"), sorted(keys))
            if frees != "[]":
                await connection.execute(sql("free_permits"), frees)
            mine = _text([_spot_row(each.spot) for each in asks])
            rows = await connection.fetch(sql("read_permits"), sorted(keys), _MOST_READ, mine)
            decision = _Deciding(asks, rows, self._gates(locked, rows)).decide()
            if decision.new or decision.held:
                gates = [
                    {"key": key, "full_at": gate.full_at, "last_tenant": gate.last}
                    for key, gate in decision.gates.items()
                ]
                await connection.execute(
                    sql("write_permits"), _text(decision.new), decision.held, _text(gates)
                )
        return decision

    def _gates(self, locked: Sequence[Any], rows: Sequence[Any]) -> dict[str, Gate]:
        """The limits that are locked, in the order of the application; not those that it no longer has."""
        held: dict[str, dict[str, int]] = defaultdict(dict)
        for row in rows:
            if row["kind"] == "held":
                held[row["key"]][row["tenant"]] = row["index"]
        known = [(row, self.limits[name]) for row in locked if (name := name_of(row["key"])) in self.limits]
        known.sort(key=lambda each: self._rank[each[1].name])
        return {
            row["key"]: Gate(limit, held.get(row["key"], {}), row["full_at"], row["now"], row["last_tenant"])
            for row, limit in known
        }

    # what follows after the commit

    async def tell(self, runs: Sequence[UUID]) -> None:
        """Let runs know that they may go on. What cannot be told now is found out later."""
        try:
            told, woken = await signalled(self.pool, runs)
        except SorbusError as error:
            logger.warning("%d runs were not told that they may go on: %s", len(runs), error)
            return
        queues = {row["queue"] for row in woken}
        if queues:
            self._wake(queues)
        for row in told:
            self._woken(row["id"], row["tenant"])

    def _look_in(self, key: str, seconds: float) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        loop = asyncio.get_running_loop()
        self._timers[key] = loop.call_later(seconds, self._look_now, key)

    def _look_now(self, key: str) -> None:
        self._timers.pop(key, None)
        self._spawn(self._group.submit(Looked(key)))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Deciding:
    """Who is let in under some locked limits."""

    def __init__(self, asks: Sequence[Asked], rows: Sequence[Any], gates: dict[str, Gate]) -> None:
        self.asks = asks
        self.gates = gates
        self.decision = _Decision()
        self._mine = {each.spot: each for each in asks}
        self._has: dict[tuple[Spot, str], bool] = {}
        self._waiting: dict[str, list[_Waiter]] = defaultdict(list)
        self._capped: set[str] = set()
        seen: dict[tuple[str, str], int] = defaultdict(int)
        for row in rows:
            spot = (row["run_id"], row["stage"], row["index"])
            match row["kind"]:
                case "mine":
                    self._has[spot, row["key"]] = row["held"]
                case "waiting":
                    self._waiting[row["key"]].append(_Waiter(spot, row["tenant"], row["priority"], row["id"]))
                    seen[row["key"], row["tenant"]] += 1
                    if seen[row["key"], row["tenant"]] == _MOST_READ:
                        self._capped.add(row["key"])
                case _:
                    pass

    def decide(self) -> _Decision:
        """Limit by limit, in their order: who holds the earlier ones asks for the next."""
        for key, gate in self.gates.items():
            self._one(key, gate)
        held = self._has
        self.decision.passed = {
            each.spot
            for each in self.asks
            if all(held.get((each.spot, key), False) for _, key in each.keys if key in self.gates)
        }
        return self.decision

    def _one(self, key: str, gate: Gate) -> None:
        waiting = [*self._waiting[key], *self._arriving(key)]
        waiting.sort(key=lambda each: (each.priority, each.id is None, each.id or 0))
        queues: dict[str, list[_Waiter]] = defaultdict(list)
        for each in waiting:
            queues[each.tenant].append(each)
        passed = gate.pick(queues)
        let_in = {each.spot for each in passed}
        for each in passed:
            self._let_in(key, each)
        for each in waiting:
            if each.spot not in let_in and each.id is None:
                self.decision.new.append(_row(key, each, held=False))
        if passed:
            self.decision.gates[key] = gate
        if len(passed) < len(waiting):
            if gate.opens_at is not None:
                self.decision.opens[key] = (gate.opens_at - gate.now).total_seconds()
        elif key in self._capped and gate.free:
            self.decision.again.add(key)

    def _arriving(self, key: str) -> Iterable[_Waiter]:
        """The places that ask for this limit now: they hold the earlier ones, and do not wait for it yet."""
        for each in self.asks:
            keys = [name for _, name in each.keys]
            if key not in keys or (each.spot, key) in self._has:
                continue
            before = [name for name in keys[: keys.index(key)] if name in self.gates]
            if all(self._has.get((each.spot, name), False) for name in before):
                yield _Waiter(each.spot, each.tenant, each.priority)

    def _let_in(self, key: str, waiter: _Waiter) -> None:
        if waiter.id is None:
            self.decision.new.append(_row(key, waiter, held=True))
        else:
            self.decision.held.append(waiter.id)
        if waiter.spot in self._mine:
            self._has[waiter.spot, key] = True
        else:
            self.decision.others.add(waiter.spot[0])


def by_name(limits: Sequence[Limit]) -> dict[str, Limit]:
    """Limits by name, in their order.

    Raises:
        BadLimit: two bear one name.
    """
    found: dict[str, Limit] = {}
    for each in limits:
        if found.setdefault(each.name, each) is not each:
            raise BadLimit(each.name, "another limit bears this name", allowed="a name of its own")
    return found


def name_of(key: str) -> str:
    """The name of the limit that a key belongs to."""
    return unquote(key.partition(";")[0])


def _row(key: str, waiter: _Waiter, *, held: bool) -> dict[str, Any]:
    return {
        "key": key,
        "tenant": waiter.tenant,
        "held": held,
        "priority": waiter.priority,
        **_spot_row(waiter.spot),
    }


def _spot_row(spot: Spot) -> dict[str, Any]:
    return {"run_id": spot[0], "stage": spot[1], "index": spot[2]}


def _freed_row(freed: Freed) -> dict[str, Any]:
    return {
        "run_id": freed.run_id,
        "stage": freed.stage,
        "index": WHOLE if freed.index is None else freed.index,
    }


def _text(value: Any) -> str:
    return encode_json(value).decode()


async def _logged(work: Any) -> None:
    with suppress(asyncio.CancelledError):
        try:
            await work
        except SorbusError as error:
            logger.warning("the limits were not looked at: %s", error)
