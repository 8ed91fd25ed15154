"""The backlog: how much unfinished work an application takes."""

from __future__ import annotations

from dataclasses import dataclass

from sorbus.errors.flow import BadBacklog


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many unfinished runs an application takes, on all nodes together. Beyond them none is started for now.

    Counted are the runs with work that is due within a minute, those inside other runs as well. Not counted are those
    that wait for somebody or for a longer time, and paused ones. A run inside another one is never refused, nor is a
    retry: what has begun can end.

    Args:
        runs: of all tenants, 1 or more.
        per_tenant: of each tenant, 1 to `runs`; None for no such bound.

    Raises:
        BadBacklog: a value that is not allowed.
    """

    runs: int
    per_tenant: int | None = None

    def __post_init__(self) -> None:
        if self.runs < 1:
            raise BadBacklog("runs", self.runs, allowed="1 or more")
        if self.per_tenant is not None and not 1 <= self.per_tenant <= self.runs:
            raise BadBacklog("per_tenant", self.per_tenant, allowed=f"1 to {self.runs} (its `runs`), or None")
