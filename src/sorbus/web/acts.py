"""What is done on the pages: forms that are sent, each of which calls an action."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sorbus.errors.base import Invalid, SorbusError
from sorbus.errors.http import UnknownAct
from sorbus.errors.inputs import NotFound, WrongState
from sorbus.http.application import HttpSettings
from sorbus.http.faults import fault_of
from sorbus.pipelines.resources.run import Run
from sorbus.scope import Scope
from sorbus.web.filters import PAGE, Filters
from sorbus.web.forms import refused, value_of
from sorbus.web.pages import DONE, Pages, did
from sorbus.web.requests import is_partial, key_in, sent
from sorbus.web.run_page import Refusal, refused_parts
from sorbus.web.security import HEADERS

PLAIN = ("cancel", "pause", "resume", "retry")
"""What is done to a run without anything being given."""

_OF_MANY = ("cancel", "pause", "retry")


def seen(path: str) -> Response:
    """Go and look at another page."""
    return RedirectResponse(path, status_code=303, headers=HEADERS)


class Acts:
    """What is done. Each form calls an action in the scope of who sends it."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.settings: HttpSettings = pages.settings

    async def act(self, request: Request) -> Response:
        """Cancel, pause, resume or retry a run."""
        scope, _ = await sent(request, self.settings)
        name = request.path_params["act"]
        if name not in PLAIN:
            raise UnknownAct(name, allowed=PLAIN)
        run = await Run.get(scope, key_in(request, "id", "Run"))
        await _done(name, scope, run)
        if is_partial(request):
            return self.pages.boundary.notice(f"The run was {DONE[name]}.")
        return seen(f"/runs/{run.id}?did={name}.1.0")

    async def act_on_many(self, request: Request) -> Response:
        """Cancel, pause or retry the runs that are selected; those in another state are left as they are."""
        scope, form = await sent(request, self.settings)
        name = str(form.get("act", ""))
        if name not in _OF_MANY:
            raise UnknownAct(name, allowed=_OF_MANY)
        wanted = [UUID(str(each)) for each in form.getlist("run")[: 4 * PAGE] if _is_key(str(each))]
        runs = await Run.query(scope).where(Run.id.is_in(wanted)).all() if wanted else []
        count = 0
        for run in runs:
            try:
                await _done(name, scope, run)
                count += 1
            except WrongState:
                continue
        if is_partial(request):
            return self.pages.boundary.notice(did(name, count, len(runs) - count))
        back = Filters.read(QueryParams(parse_qsl(str(form.get("back", ""))))).own
        return seen(f"/runs?{back}{'&' if back else ''}did={name}.{count}.{len(runs) - count}")

    async def give(self, request: Request) -> Response:
        """Give a stage the value that it waits for."""
        scope, form = await sent(request, self.settings)
        run_id = key_in(request, "id", "Run")
        stage = str(form.get("stage", ""))
        view = await self.pages.reader.view(scope, run_id)
        found = view.by_name.get(stage)
        if found is None:
            raise NotFound("StageRun", where=f"named `{stage[:100]}`")
        try:
            await Run.give(scope, run_id=run_id, stage=stage, value=value_of(found.fields, form))
        except Invalid as error:
            if not found.awaits:
                raise
            return await self._refused(request, scope, error, stage, form)
        if is_partial(request):
            return self.pages.boundary.notice(f"{stage} has got its value.")
        return seen(f"/runs/{run_id}#{found.id}")

    async def _refused(
        self, request: Request, scope: Scope, error: SorbusError, stage: str, form: FormData
    ) -> Response:
        """The form once more, with what is wrong at the field that it is wrong with."""
        view = await self.pages.reader.view(scope, key_in(request, "id", "Run"))
        refusal = Refusal(
            stage=stage, fields=refused(view.by_name[stage].fields, form, error), message=str(error)
        )
        status = fault_of(error, where=f"POST {request.url.path}").status
        if not is_partial(request):
            return await self.pages.run_page(request, scope, refusal=refusal, status=status)
        part = refused_parts(self.pages.renderer, view, refusal)
        return self.pages.boundary.notice("The value was refused.", kind="bad", status=status, further=part)


async def _done(name: str, scope: Scope, run: Run) -> None:
    act: Any = getattr(run, name)
    await act(scope)


def _is_key(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
