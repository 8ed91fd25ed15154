"""Pages on which something begins: a new run, a fork; and the pipelines that there are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from sorbus.errors.base import Invalid
from sorbus.errors.inputs import InvalidInput, NotFound
from sorbus.http.faults import fault_of
from sorbus.pipelines.resources.content import Content
from sorbus.pipelines.resources.definition import Definition
from sorbus.pipelines.resources.run import Run
from sorbus.pipelines.resources.stages import StageRun
from sorbus.pipelines.resources.states import StageState
from sorbus.pipelines.sources import SourceType
from sorbus.scope import Scope
from sorbus.web.acts import seen
from sorbus.web.charts import chart_of, plan_of
from sorbus.web.entries import BUDGET, FINE, Wrong, dollars, fresh_key, key_of, tokens, word, wrong_with
from sorbus.web.formatting import plain
from sorbus.web.pages import Pages
from sorbus.web.requests import key_in, sent
from sorbus.web.run_view import RunView

_FIELDS = ("pipeline", "title", "text", "model", *BUDGET)
"""What may be typed about a new run."""

_LARGEST_EDIT = 100_000
"""The most characters of an output that stands in a form to be edited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An output that a fork keeps, and that may be put in other words.

    Attributes:
        text: it as JSON in lines; None when it is too large for a form.
        typed: what stands in the form.
    """

    name: str
    text: str | None
    typed: str = ""
    error: str = ""


class Starting:
    """What is begun. Each form calls an action in the scope of who sends it."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.app = pages.app

    # a new run

    async def new(self, request: Request) -> Response:
        """The form of a new run."""
        scope = await self.pages.scope(request)
        return await self._new_page(scope, {"pipeline": request.query_params.get("pipeline", "")})

    async def _new_page(
        self, scope: Scope, typed: Mapping[str, str], wrong: Wrong = FINE, status: int = 200
    ) -> Response:
        return self.pages.renderer.page(
            "new.html",
            status=status,
            here="new",
            choices=await self._startable(scope),
            typed={name: typed.get(name, "") for name in ("reuse", *_FIELDS)},
            wrong=wrong,
            key=fresh_key(),
        )

    async def _startable(self, scope: Scope) -> list[tuple[str, str]]:
        """The pipelines that may be started: what a form sends for each, and what it is called."""
        rows = await _newest(scope)
        return [(each.name if not each.owner else str(each.id), _called(each)) for each in rows]

    async def start(self, request: Request) -> Response:
        """Take in a text, and start a pipeline on it."""
        scope, form = await sent(request, self.pages.settings)
        typed = {name: str(value) for name, value in form.items()}
        try:
            run = await self._started(scope, typed)
        except Invalid as error:
            status = fault_of(error, where="POST /runs/new").status
            return await self._new_page(scope, typed, wrong_with(error, _FIELDS), status)
        return seen(f"/runs/{run.id}")

    async def _started(self, scope: Scope, typed: Mapping[str, str]) -> Run:
        chosen, text = typed.get("pipeline", ""), typed.get("text", "")
        key = key_of(typed)
        if not text.strip():
            raise InvalidInput("Content.ingest", "text", problem="there is no text to work on")
        async with self.app.transaction():
            content = await Content.ingest(
                scope,
                source_type=SourceType.TEXT,
                external_id=key or f"web-{uuid4()}",
                title=typed.get("title", "").strip(),
                text=text,
            )
            what: dict[str, Any] = {
                "content_id": content.id,
                "model": word(typed, "model"),
                "budget_usd": dollars(typed),
                "budget_tokens": tokens(typed),
                "reuse": typed.get("reuse") == "yes" or None,
                "idempotency_key": key,
            }
            definition = _key(chosen)
            if definition is not None:
                return await Run.start_from(scope, definition_id=definition, **what)
            return await Run.start(scope, pipeline=chosen, **what)

    # a fork

    async def fork(self, request: Request) -> Response:
        """The form of a fork."""
        scope = await self.pages.scope(request)
        view = await self.pages.reader.view(scope, key_in(request, "id", "Run"))
        return await self._fork_page(scope, view, request.query_params.get("stage", ""))

    async def _fork_page(
        self,
        scope: Scope,
        view: RunView,
        stage: str,
        form: FormData | None = None,
        wrong: Wrong = FINE,
        status: int = 200,
    ) -> Response:
        if not view.known:
            raise NotFound("Definition", where=f"of {view.run.pipeline} v{view.run.version}")
        if stage not in view.plan.stages:
            stage = _first_failed(view)
        kept = await self._kept(scope, view, stage)
        if form is not None:
            kept = [_retyped(each, form, wrong) for each in kept]
        return self.pages.renderer.page(
            "fork.html",
            status=status,
            here="",
            view=view,
            stage=stage,
            kept=kept,
            typed={"model": view.run.model or "", "budget_usd": "", "budget_tokens": ""}
            if form is None
            else {name: str(form.get(name, "")) for name in ("model", *BUDGET)},
            key=fresh_key(),
            wrong=wrong if all(not each.error for each in kept) else FINE,
        )

    async def _kept(self, scope: Scope, view: RunView, stage: str) -> list[Kept]:
        """What a fork at a stage keeps: the outputs of the stages that do not wait for it."""
        anew = view.plan.behind(stage)
        names = [name for name in view.plan.stages if name not in anew]
        rows = (
            await StageRun.query(scope)
            .where(
                StageRun.run_id == view.run.id, StageRun.name.is_in(names), StageRun.state == StageState.DONE
            )
            .order_by(StageRun.position)
            .all()
        )
        found: list[Kept] = []
        for row in rows:
            text = plain(row.output)
            small = len(text) <= _LARGEST_EDIT
            found.append(Kept(name=row.name, text=text if small else None, typed=text if small else ""))
        return found

    async def fork_it(self, request: Request) -> Response:
        """Run a pipeline once more from one of its stages on."""
        scope, form = await sent(request, self.pages.settings)
        view = await self.pages.reader.view(scope, key_in(request, "id", "Run"))
        stage = str(form.get("stage", ""))
        try:
            made = await Run.fork(
                scope,
                forked_from=view.run.id,
                fork_stage=stage,
                fork_outputs=_edits(await self._kept(scope, view, stage), form),
                model=word(form, "model"),
                budget_usd=dollars(form),
                budget_tokens=tokens(form),
                idempotency_key=key_of(form),
            )
        except Invalid as error:
            status = fault_of(error, where=request.url.path).status
            wrong = wrong_with(error, [*view.plan.stages, "model", "fork_stage", *BUDGET])
            return await self._fork_page(scope, view, stage, form, wrong, status)
        return seen(f"/runs/{made.id}")

    # pipelines

    async def pipelines(self, request: Request) -> Response:
        """The pipelines that there are, each drawn."""
        scope = await self.pages.scope(request)
        shown = [(each, chart_of(plan_of(each.stages, each.edges))) for each in await _newest(scope)]
        return self.pages.renderer.page("pipelines.html", here="pipelines", shown=shown)


async def _newest(scope: Scope) -> list[Definition]:
    """The newest version of each pipeline that may be started."""
    newest = Definition.query(scope).distinct(
        Definition.owner,
        Definition.name,
        order_by=[Definition.owner, Definition.name, Definition.version.desc()],
    )
    return [each for each in await newest.order_by(Definition.name).all() if each.retired_at is None]


def _called(definition: Definition) -> str:
    return f"{definition.name} v{definition.version}" if definition.version > 1 else definition.name


def _key(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _first_failed(view: RunView) -> str:
    """The stage at which a fork most likely begins."""
    failed = (each.row.name for each in view.stages if each.row.state is StageState.FAILED)
    return next((name for name in failed if name in view.plan.stages), next(iter(view.plan.stages)))


def _edits(kept: Sequence[Kept], form: FormData) -> dict[str, Any]:
    """The outputs that were put in other words.

    Raises:
        InvalidInput: one is no JSON.
    """
    found: dict[str, Any] = {}
    for each in kept:
        typed = form.get(f"output.{each.name}")
        if each.text is None or not isinstance(typed, str) or typed.strip() == each.text.strip():
            continue
        try:
            found[each.name] = json.loads(typed)
        except ValueError as error:
            raise InvalidInput(
                "Run.fork", "fork_outputs", problem=f"it is no JSON ({error})", at=(each.name,)
            ) from None
    return found


def _retyped(kept: Kept, form: FormData, wrong: Wrong) -> Kept:
    typed = form.get(f"output.{kept.name}")
    return Kept(
        name=kept.name,
        text=kept.text,
        typed=typed if isinstance(typed, str) else kept.typed,
        error=wrong.message if wrong.at == kept.name else "",
    )
