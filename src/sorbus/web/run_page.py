"""The regions of a run's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sorbus.pipelines.resources.states import RunState
from sorbus.web.forms import Field
from sorbus.web.regions import Region
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


def run_regions(renderer: Renderer, view: RunView, refusal: Refusal | None = None) -> Sequence[Region]:
    """The regions, in the order of the page."""

    def made(name: str, macro: str, *more: object, parts: tuple[Region, ...] = ()) -> Region:
        return Region(id=name, html=renderer.macro(_PARTS, macro, view, *more), parts=parts)

    return (
        made("run-head", "head"),
        made("run-notice", "notices"),
        made("run-graph", "graph"),
        made("run-timeline", "timeline", bar),
        made("run-stages", "stages", parts=_stages(renderer, view, refusal)),
        made("run-calls", "calls", CALLS),
        made("status", "status"),
    )


def _stages(renderer: Renderer, view: RunView, refusal: Refusal | None) -> tuple[Region, ...]:
    found: list[Region] = []
    for each in view.stages:
        shown, message = each, ""
        if refusal is not None and refusal.stage == each.row.name:
            shown, message = replace(each, fields=refusal.fields), refusal.message
        html = renderer.macro(_PARTS, "stage", view, shown, message)
        found.append(Region(id=each.id, html=html))
    return tuple(found)


def looks_again(view: RunView) -> float | None:
    """Seconds after which a run is looked at though nothing was told of it: its bars grow, its models are asked."""
    if view.over:
        return None
    return _MOVING if view.run.state is RunState.RUNNING else _RESTING
