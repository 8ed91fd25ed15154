"""The pages that are read: the table, a run, its parts, and the streams that keep them up to date."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sorbus.http.application import HttpSettings
from sorbus.http.callers import scope_of
from sorbus.pipelines.resources.content import Content
from sorbus.pipelines.resources.run import Run
from sorbus.pipelines.resources.stages import StageItem
from sorbus.resource.application import Sorbus
from sorbus.scope import Scope
from sorbus.web.access import sight, still
from sorbus.web.around import origins, parents
from sorbus.web.asking import asked_of
from sorbus.web.boundary import Boundary
from sorbus.web.filters import INNER, PAGE, SPANS, Filters
from sorbus.web.formatting import plain
from sorbus.web.live import Rendered, Watched, Watches
from sorbus.web.rendering import Renderer, shown
from sorbus.web.requests import key_in
from sorbus.web.run_page import Refusal, looks_again, run_regions
from sorbus.web.run_view import RunReader, item_query
from sorbus.web.runs_table import pipeline_names, read_table, table_regions
from sorbus.web.security import HEADERS
from sorbus.web.stream import LiveStream

_DID = re.compile(r"(cancel|pause|resume|retry|budget|budget-and-retry)\.(\d{1,4})\.(\d{1,4})")
DONE = {
    "cancel": "cancelled",
    "pause": "paused",
    "resume": "resumed",
    "retry": "taken up again",
    "give": "given",
    "budget": "given another budget",
    "budget-and-retry": "given another budget and taken up again",
}
"""What has happened, by what was asked for."""


def did(act: str, count: int, refused: int) -> str:
    """What has become of several runs that something was to be done to."""
    runs = "1 run was" if count == 1 else f"{count} runs were"
    rest = f"; {refused} could not be, in the state that they are in" if refused else ""
    return f"{runs} {DONE[act]}{rest}."


class Pages:
    """What is read. Each page is read through actions and queries in the scope of who asks."""

    def __init__(self, app: Sorbus, settings: HttpSettings, renderer: Renderer) -> None:
        self.app = app
        self.settings = settings
        self.renderer = renderer
        self.reader = RunReader(app)
        self.boundary = Boundary(renderer)
        self.watches = Watches(app, settings.closing)

    async def scope(self, request: Request) -> Scope:
        """Who asks."""
        return await scope_of(self.settings.scope_from, request)

    async def home(self, request: Request) -> Response:
        """The first page is the table."""
        del request
        return RedirectResponse("/runs", status_code=307, headers=HEADERS)

    # the table

    async def runs(self, request: Request) -> Response:
        """The table of runs."""
        scope = await self.scope(request)
        filters = Filters.read(request.query_params)
        table = await read_table(scope, filters)
        told = _DID.fullmatch(request.query_params.get("did", ""))
        return self.renderer.page(
            "runs.html",
            here="runs",
            filters=filters,
            spans=SPANS,
            inner=INNER,
            pipelines=await pipeline_names(scope),
            regions=shown(table_regions(self.renderer, table)),
            message=did(told[1], int(told[2]), int(told[3])) if told else "",
            kind="good",
        )

    async def runs_live(self, request: Request) -> LiveStream:
        """The table as it changes."""
        scope = await self.scope(request)
        filters = Filters.read(request.query_params)

        async def render() -> Rendered:
            table = await read_table(scope, filters)
            return Rendered(table_regions(self.renderer, table))

        # What cannot be read is refused here, before there is a stream.
        await read_table(scope, filters)
        key = ("runs", sight(self.app, scope), filters)
        return self._stream(request, scope, Watched(key=key, topic="runs", scope=scope, render=render))

    # a run

    async def run(self, request: Request) -> Response:
        """The page of a run."""
        scope = await self.scope(request)
        return await self.run_page(request, scope)

    async def run_page(
        self, request: Request, scope: Scope, *, refusal: Refusal | None = None, status: int = 200
    ) -> Response:
        """The page of a run, perhaps with a value that was refused."""
        run_id = key_in(request, "id", "Run")
        view = await self.reader.view(scope, run_id)
        content = await Content.get(scope, view.run.content_id)
        told = _DID.fullmatch(request.query_params.get("did", ""))
        return self.renderer.page(
            "run.html",
            status=status,
            here="",
            view=view,
            parents=await parents(scope, view.run),
            content=content,
            regions=shown(run_regions(self.renderer, refusal.shown(view) if refusal else view)),
            message=f"The run was {DONE[told[1]]}." if told else "",
            kind="good",
        )

    async def run_live(self, request: Request) -> LiveStream:
        """A run as it gets on."""
        scope = await self.scope(request)
        run_id = key_in(request, "id", "Run")
        # What cannot be read is refused here, before there is a stream.
        await self.reader.view(scope, run_id)

        async def render() -> Rendered:
            view = await self.reader.view(scope, run_id)
            return Rendered(run_regions(self.renderer, view), looks_again(view))

        key = ("run", sight(self.app, scope), run_id)
        return self._stream(
            request, scope, Watched(key=key, topic=f"run:{run_id}", scope=scope, render=render)
        )

    def _stream(self, request: Request, scope: Scope, watched: Watched) -> LiveStream:
        return LiveStream(self.watches.watch(watched), still=still(self.settings.scope_from, request, scope))

    # the parts of a run

    async def stage(self, request: Request) -> Response:
        """One stage, with all of its items."""
        scope = await self.scope(request)
        view = await self.reader.view(scope, key_in(request, "id", "Run"))
        name = request.query_params.get("name", "")
        row = await self.reader.stage(scope, view.run.id, name)
        given = request.query_params
        items = (
            await item_query(scope, view.run.id)
            .where(StageItem.stage == name)
            .load(StageItem.output_size, StageItem.output_start)
            .order_by(StageItem.index)
            .page(limit=PAGE, after=given.get("after") or None, before=given.get("before") or None)
        )
        return self.renderer.page(
            "stage.html",
            here="",
            view=view,
            stage=view.by_name[name],
            row=row,
            items=items,
            origins=await origins(scope, items),
        )

    async def output(self, request: Request) -> Response:
        """The whole output of a stage, or of one item of it, as JSON in lines."""
        scope = await self.scope(request)
        run_id = key_in(request, "id", "Run")
        row = await self.reader.stage(scope, run_id, request.query_params.get("stage", ""))
        item = request.query_params.get("item", "")
        found = row.output if not item else await self.reader.item_output(scope, run_id, row.name, item)
        return _text(plain(found))

    async def content(self, request: Request) -> Response:
        """The whole text of a run's content."""
        scope = await self.scope(request)
        view = await self.reader.view(scope, key_in(request, "id", "Run"))
        return _text((await Content.get(scope, view.run.content_id)).text)

    async def input(self, request: Request) -> Response:
        """All that a run was started with besides its content, as JSON in lines."""
        scope = await self.scope(request)
        run = await Run.get(scope, key_in(request, "id", "Run"))
        return _text(plain(run.input))

    async def call(self, request: Request) -> Response:
        """One call to a model."""
        scope = await self.scope(request)
        view = await self.reader.view(scope, key_in(request, "id", "Run"))
        call = await self.reader.call(scope, view.run.id, key_in(request, "call_id", "LlmCall"))
        return self.renderer.page("call.html", here="", view=view, call=call, asked=asked_of(call))


def _text(text: str) -> Response:
    """Text of somebody else's making: shown as text, whatever it says."""
    headers = {**HEADERS, "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox"}
    return Response(text, headers=headers, media_type="text/plain; charset=utf-8")
