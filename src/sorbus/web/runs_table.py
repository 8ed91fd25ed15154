"""The table of runs: its rows, its counts, and its regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sorbus.pipelines.resources.content import Content
from sorbus.pipelines.resources.definition import Definition
from sorbus.pipelines.resources.run import Run
from sorbus.pipelines.resources.states import RunState
from sorbus.query.page import Page
from sorbus.resource import agg
from sorbus.scope import Scope
from sorbus.web.filters import PAGE, Filters
from sorbus.web.regions import Region
from sorbus.web.rendering import Renderer


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What the table shows.

    Attributes:
        counts: how many runs have each state, whatever state is filtered by.
    """

    filters: Filters
    page: Page[Run]
    counts: dict[RunState, int]

    @property
    def total(self) -> int:
        """How many runs there are in any state."""
        return sum(self.counts.values())

    @property
    def newer(self) -> str | None:
        """The address of the page with newer runs."""
        first = self.page.start_cursor if self.page.has_previous else None
        return first and self.filters.address(before=first)

    @property
    def older(self) -> str | None:
        """The address of the page with older runs."""
        last = self.page.end_cursor if self.page.has_next else None
        return last and self.filters.address(after=last)


async def read_table(scope: Scope, filters: Filters) -> Table:
    """Read the page of runs that the filters say, and count.

    Raises:
        InvalidCursor: the cursor is broken, forged, or of another table or tenant.
    """
    titles = Content.query().select(Content.title, Content.source_type, Content.external_id)
    page = (
        await filters.query(scope)
        .order_by(Run.id.desc())
        .load(Run.cost_usd, Run.tokens_in, Run.tokens_out, Run.stages_over, Run.stage_count)
        .load_with(Run.content, titles)
        .load_with(Run.parent, Run.query().select(Run.pipeline))
        .page(limit=PAGE, after=filters.after or None, before=filters.before or None)
    )
    totals: dict[str, Any] = {each.value: agg.count(where=Run.state == each) for each in RunState}
    counted = await filters.query(scope, any_state=True).aggregate(**totals)
    return Table(filters=filters, page=page, counts={each: counted[each.value] for each in RunState})


async def pipeline_names(scope: Scope) -> list[str]:
    """The pipelines that there are to choose from."""
    return (
        await Definition.query(scope)
        .distinct(Definition.name)
        .order_by(Definition.name)
        .list_of(Definition.name)
    )


def table_regions(renderer: Renderer, table: Table) -> Sequence[Region]:
    """The regions of the table: the counts, each row, the way to other pages, and what is read out."""
    rows = tuple(
        Region(id=f"run-{run.id}", html=renderer.macro("runs_parts.html", "row", run)) for run in table.page
    )
    return (
        Region(id="counts", html=renderer.macro("runs_parts.html", "counts", table, list(RunState))),
        Region(id="rows", html=renderer.macro("runs_parts.html", "rows", bool(rows), table), parts=rows),
        Region(id="pages", html=renderer.macro("runs_parts.html", "pages", table)),
        Region(id="status", html=renderer.macro("runs_parts.html", "status", table)),
    )
