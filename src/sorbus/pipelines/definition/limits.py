"""Limits: how much of some work may be under way or may start, over all nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import quote

from sorbus.errors.pipelines import BadLimit
from sorbus.pipelines.definition.stages import AnyAction

type Apart = Literal["tenant", "model", "pipeline", "stage"]
"""What a limit tells apart: each tenant has one of its own, and so on."""

APART: tuple[Apart, ...] = ("tenant", "model", "pipeline", "stage")
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in so many seconds: as a bucket of that many tokens, which is refilled evenly.

    Attributes:
        count: how many may start at once when nothing has started for long, and how many in each `seconds`.
    """

    count: int
    seconds: float = 1.0

    @property
    def interval(self) -> timedelta:
        """The time in which one token comes back."""
        return timedelta(seconds=self.seconds / self.count)

    @property
    def window(self) -> timedelta:
        """The time in which all of them come back."""
        return timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class Limit:
    """How many attempts at stages may be under way at once, and how many may start in a time, on all nodes together.

    Who finds it reached waits without keeping a process busy. Tenants take turns: the next place goes to the one that
    has the fewest.

    Args:
        name: unique in the application.
        at_once: how many attempts are under way at once; None for no such limit.
        rate: how many attempts start in a time; None for no such limit.
        on: the actions whose attempts it counts, in every pipeline; by default all actions of stages.
        by: what has a limit of its own: each `"tenant"`, `"model"`, `"pipeline"`, `"stage"`; by default all share one.

    Raises:
        BadLimit: a value that is not allowed.
    """

    name: str
    at_once: int | None = None
    rate: Rate | None = None
    on: tuple[AnyAction, ...] = ()
    by: tuple[Apart, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= _LONGEST_NAME:
            raise BadLimit(
                self.name, f"its name has {len(self.name)} characters", allowed=f"1 to {_LONGEST_NAME}"
            )
        if self.at_once is None and self.rate is None:
            raise BadLimit(self.name, "it limits nothing", allowed="`at_once`, `rate`, or both")
        if self.at_once is not None and self.at_once < 1:
            raise BadLimit(self.name, f"at_once={self.at_once}", allowed="1 or more")
        if self.rate is not None and (self.rate.count < 1 or not self.rate.seconds > 0):
            raise BadLimit(self.name, f"rate={self.rate}", allowed="1 or more, in more than 0 seconds")
        strange = [each for each in self.by if each not in APART]
        if strange:
            raise BadLimit(self.name, f"by={strange[0]!r}", allowed=", ".join(APART))

    def key(self, values: Mapping[Apart, str]) -> str:
        """The name of the one of its limits that holds for some work, such as `gpt;tenant=acme`."""
        parts = (f"{each}={quote(values[each], safe='')}" for each in self.by)
        return ";".join((quote(self.name, safe=""), *parts))


def limit(
    name: str,
    *,
    at_once: int | None = None,
    rate: Rate | None = None,
    on: AnyAction | Sequence[AnyAction] = (),
    by: Apart | Sequence[Apart] = (),
) -> Limit:
    """A limit; its arguments are those of `Limit`, and one action or one word may stand for a list of one.

    Raises:
        BadLimit: a value that is not allowed.
    """
    return Limit(
        name,
        at_once,
        rate,
        tuple(on) if isinstance(on, Sequence) else (on,),
        (by,) if isinstance(by, str) else tuple(by),
    )


@dataclass(slots=True)
class Gate:
    """One limit as it stands: who may pass it next. A pure rule; the rows are read and written elsewhere.

    Attributes:
        held: how many attempts of each tenant are under way.
        full_at: when the bucket of its rate is full again, as far as is known; None for now.
        now: by the clock of the database.
        last: the tenant that was let in last.
    """

    limit: Limit
    held: dict[str, int]
    full_at: datetime | None
    now: datetime
    last: str = ""

    @property
    def free(self) -> int:
        """How many may pass now."""
        room = [self._room(), self._tokens()]
        return max(min(each for each in room if each is not None), 0)

    @property
    def opens_at(self) -> datetime | None:
        """When the next one may pass as far as its rate is concerned; None for now, or when it has none."""
        rate = self.limit.rate
        if rate is None or self.full_at is None:
            return None
        moment = self.full_at + rate.interval - rate.window
        return moment if moment > self.now else None

    def pick[Place](self, waiting: Mapping[str, Sequence[Place]]) -> list[Place]:
        """Let those pass who may: always one of the tenant that has the fewest under way, and of such ones in turn.

        Args:
            waiting: who waits, by tenant, in the order in which they would pass.
        """
        queues = {tenant: list(places) for tenant, places in waiting.items() if places}
        passed: list[Place] = []
        for _ in range(self.free):
            if not queues:
                break
            tenant = min(queues, key=lambda each: (self.held.get(each, 0), each <= self.last, each))
            passed.append(queues[tenant].pop(0))
            self._count(tenant)
            if not queues[tenant]:
                del queues[tenant]
        return passed

    def _count(self, tenant: str) -> None:
        self.held[tenant] = self.held.get(tenant, 0) + 1
        self.last = tenant
        rate = self.limit.rate
        if rate is not None:
            self.full_at = max(self.full_at or self.now, self.now) + rate.interval

    def _room(self) -> int | None:
        return None if self.limit.at_once is None else self.limit.at_once - sum(self.held.values())

    def _tokens(self) -> int | None:
        rate = self.limit.rate
        if rate is None:
            return None
        used = max((self.full_at or self.now) - self.now, timedelta(0))
        # The smallest part of a time is a microsecond, so a token that is missing less than that is there.
        return int((rate.window - used + timedelta(microseconds=1)) / rate.interval)
