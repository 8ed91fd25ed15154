"""The web pages of an application with pipelines; give `web_pages` to `http_app`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.routing import BaseRoute, Route

from sorbus.errors.http import PagesWithoutPipelines
from sorbus.http.application import HttpSettings
from sorbus.pipelines.resources.run import Run
from sorbus.resource.application import Sorbus
from sorbus.web.acts import Acts
from sorbus.web.pages import Pages
from sorbus.web.rendering import Renderer
from sorbus.web.repeating import Repeating
from sorbus.web.starting import Starting


def has_pages(app: Sorbus) -> bool:
    """Whether an application has pipelines, which is what the pages show."""
    return Run.__name__ in app.spec.resources


def web_pages(app: Sorbus, settings: HttpSettings) -> Sequence[BaseRoute]:
    """The pages: `/runs`, `/runs/{id}`, `/pipelines`, and what belongs to them; `/` leads to the first.

    They show and do what the caller's scope may see and do, by the same actions as every other interface.

    Raises:
        PagesWithoutPipelines: the application has none.
    """
    if not has_pages(app):
        raise PagesWithoutPipelines(app.name)
    renderer = Renderer(app.name)
    pages = Pages(app, settings, renderer)
    acts, starting, repeating = Acts(pages), Starting(pages), Repeating(pages)
    reads: list[tuple[str, Any]] = [
        ("/", pages.home),
        ("/runs", pages.runs),
        ("/runs/live", pages.runs_live),
        ("/runs/new", starting.new),
        ("/runs/{id}", pages.run),
        ("/runs/{id}/live", pages.run_live),
        ("/runs/{id}/stage", pages.stage),
        ("/runs/{id}/output", pages.output),
        ("/runs/{id}/content", pages.content),
        ("/runs/{id}/input", pages.input),
        ("/runs/{id}/calls/{call_id}", pages.call),
        ("/runs/{id}/fork", starting.fork),
        ("/runs/{id}/replay", repeating.replay),
        ("/runs/{id}/budget", repeating.budget),
        ("/pipelines", starting.pipelines),
    ]
    writes: list[tuple[str, Any]] = [
        ("/runs", acts.act_on_many),
        ("/runs/new", starting.start),
        ("/runs/{id}/give", acts.give),
        ("/runs/{id}/fork", starting.fork_it),
        ("/runs/{id}/replay", repeating.replay_it),
        ("/runs/{id}/budget", repeating.raise_budget),
        ("/runs/{id}/{act}", acts.act),
    ]
    guarded = pages.boundary
    return [
        *(Route(path, guarded(handler), methods=["GET"]) for path, handler in reads),
        *(Route(path, guarded(handler), methods=["POST"]) for path, handler in writes),
        Route("/assets/{digest}/{name}", renderer.asset, methods=["GET"]),
    ]
