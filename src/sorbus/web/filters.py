"""The filters of the runs table, as they stand in its address."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from sorbus.errors.hints import listed
from sorbus.errors.http import InvalidParameter
from sorbus.pipelines.resources.run import Run
from sorbus.pipelines.resources.states import RunState
from sorbus.query.query import Query
from sorbus.scope import Scope

SPANS = {
    "15m": ("last 15 minutes", timedelta(minutes=15)),
    "1h": ("last hour", timedelta(hours=1)),
    "24h": ("last 24 hours", timedelta(days=1)),
    "7d": ("last 7 days", timedelta(days=7)),
    "30d": ("last 30 days", timedelta(days=30)),
}
"""The times to choose from, by what stands in the address."""

PAGE = 50
"""Rows of a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which runs are shown.

    Attributes:
        state: of this state; None for any.
        pipeline: of this pipeline; empty for any.
        since: a key of `SPANS`; empty for any time.
        after, before: the cursor of the page; empty for the first one.
    """

    state: RunState | None = None
    pipeline: str = ""
    since: str = ""
    after: str = ""
    before: str = ""

    @classmethod
    def read(cls, given: QueryParams) -> Filters:
        """The filters in an address.

        Raises:
            InvalidParameter: a value that there is not.
        """
        state, since = given.get("state", ""), given.get("since", "")
        if state and state not in set(RunState):
            raise InvalidParameter(
                "state", problem=f"there is no state `{state[:50]}`. States: {listed(RunState)}"
            )
        if since and since not in SPANS:
            raise InvalidParameter(
                "since", problem=f"there is no time `{since[:50]}`. Times: {listed(SPANS)}"
            )
        return cls(
            state=RunState(state) if state else None,
            pipeline=given.get("pipeline", "")[:200],
            since=since,
            after=given.get("after", ""),
            before=given.get("before", ""),
        )

    @property
    def chosen(self) -> bool:
        """Whether anything is filtered by."""
        return bool(self.state or self.pipeline or self.since)

    def address(self, **changes: Any) -> str:
        """What stands behind `?` for these filters, with changes; a change leads back to the first page."""
        found = replace(self, **{"after": "", "before": "", **changes})
        values = {
            "state": found.state.value if found.state else "",
            "pipeline": found.pipeline,
            "since": found.since,
            "after": found.after,
            "before": found.before,
        }
        return urlencode({name: value for name, value in values.items() if value})

    @property
    def own(self) -> str:
        """What stands behind `?` for this very page."""
        return self.address(after=self.after, before=self.before)

    def query(self, scope: Scope, *, any_state: bool = False) -> Query[Run]:
        """The runs that they let through.

        Args:
            any_state: leave the state out, to count the runs of each.
        """
        found = Run.query(scope)
        if self.pipeline:
            found = found.where(Run.pipeline == self.pipeline)
        if self.since:
            found = found.where(Run.inserted_at >= datetime.now(UTC) - SPANS[self.since][1])
        if self.state and not any_state:
            found = found.where(Run.state == self.state)
        return found
