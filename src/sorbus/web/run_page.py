"""The regions of a run's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sorbus.pipelines.resources.states import RunState
from sorbus.web.forms import Field
from sorbus.web.regions import Region, partial
from sorbus.web.rendering import Renderer
from sorbus.web.run_view import CALLS, RunView, bar

_PARTS = "run_parts.html"
_MOVING = 1.0
_RESTING = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A value for a stage that was refused: the form with what was typed, and what is wrong with it."""

    stage: str
    fields: tuple[Field, ...]
    message: str

    def shown(self, view: RunView) -> RunView:
        """The run with that form."""
        stages = [
            replace(each, fields=self.fields, refused=self.message) if each.row.name == self.stage else each
            for each in view.stages
        ]
        return replace(view, stages=stages)


def run_regions(renderer: Renderer, view: RunView) -> Sequence[Region]:
    """The regions, in the order of the page."""

    def made(name: str, macro: str, *more: object, parts: tuple[Region, ...] = ()) -> Region:
        return Region(id=name, html=renderer.macro(_PARTS, macro, view, *more), parts=parts)

    return (
        made("run-head", "head"),
        made("run-notice", "notices"),
        made("run-graph", "graph"),
        made("run-timeline", "timeline", bar),
        made("run-stages", "stages", parts=tuple(made(each.id, "stage", each) for each in view.stages)),
        made("run-calls", "calls", CALLS),
        made("status", "status"),
    )


def refused_parts(renderer: Renderer, view: RunView, refusal: Refusal) -> str:
    """The parts of the page that hold the form with a value that was refused."""
    regions = run_regions(renderer, refusal.shown(view))
    wanted = {"run-notice", view.links[refusal.stage]}
    return "".join(
        partial(each, swap="outerHTML")
        for region in regions
        for each in (region, *region.parts)
        if each.id in wanted
    )


def looks_again(view: RunView) -> float | None:
    """Seconds after which a run is looked at though nothing was told of it: its bars grow, its models are asked."""
    if view.over:
        return None
    return _MOVING if view.run.state is RunState.RUNNING or view.inside.is_open or view.waits else _RESTING
