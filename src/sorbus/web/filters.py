"""The filters of the runs table, as they stand in its address."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

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

INNER = {"": "not shown", "all": "shown too", "only": "shown alone"}
"""What becomes of the runs inside other ones, by what stands in the address."""

PAGE = 50
"""Rows of a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which runs are shown.

    Attributes:
        state: of this state; None for any.
        pipeline: of this pipeline; empty for any.
        since: a key of `SPANS`; empty for any time.
        inner: a key of `INNER`: whether runs inside other ones are shown.
        of: only the runs inside this one, whatever `inner` says; None for all.
        stage: of those, only the ones of this stage; empty for any.
        after, before: the cursor of the page; empty for the first one.
    """

    state: RunState | None = None
    pipeline: str = ""
    since: str = ""
    inner: str = ""
    of: UUID | None = None
    stage: str = ""
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
        inner = given.get("inner", "")
        if inner not in INNER:
            allowed = listed(each for each in INNER if each)
            raise InvalidParameter("inner", problem=f"there is no `{inner[:50]}`. Allowed: {allowed}")
        of = _key(given.get("of", ""))
        return cls(
            state=RunState(state) if state else None,
            pipeline=given.get("pipeline", "")[:200],
            since=since,
            inner=inner if of is None else "",
            of=of,
            stage=given.get("stage", "")[:200] if of is not None else "",
            after=given.get("after", ""),
            before=given.get("before", ""),
        )

    @property
    def chosen(self) -> bool:
        """Whether anything is filtered by."""
        return bool(self.state or self.pipeline or self.since or self.inner or self.of)

    def address(self, **changes: Any) -> str:
        """What stands behind `?` for these filters, with changes; a change leads back to the first page."""
        found = replace(self, **{"after": "", "before": "", **changes})
        values = {
            "state": found.state.value if found.state else "",
            "pipeline": found.pipeline,
            "since": found.since,
            "inner": found.inner,
            "of": str(found.of or ""),
            "stage": found.stage,
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
        if self.of is not None:
            found = found.where(Run.parent_id == self.of)
            if self.stage:
                found = found.where(Run.parent_stage == self.stage)
        elif self.inner != "all":
            outer = Run.parent_id.is_null()
            found = found.where(~outer if self.inner else outer)
        if self.pipeline:
            found = found.where(Run.pipeline == self.pipeline)
        if self.since:
            found = found.where(Run.inserted_at >= datetime.now(UTC) - SPANS[self.since][1])
        if self.state and not any_state:
            found = found.where(Run.state == self.state)
        return found


def _key(given: str) -> UUID | None:
    if not given:
        return None
    try:
        return UUID(given)
    except ValueError:
        raise InvalidParameter("of", problem=f"`{given[:50]}` is no id of a run") from None
