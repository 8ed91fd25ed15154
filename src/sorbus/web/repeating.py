"""Pages on which a run is done once more, or may spend more."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sorbus.errors.base import Forbidden, Invalid, SorbusError
from sorbus.http.faults import fault_of
from sorbus.pipelines.resources.run import Run
from sorbus.scope import Scope
from sorbus.web.acts import seen
from sorbus.web.around import purse
from sorbus.web.entries import BUDGET, FINE, Wrong, dollars, fresh_key, key_of, tokens, word, wrong_with
from sorbus.web.pages import Pages
from sorbus.web.requests import key_in, sent
from sorbus.web.run_view import RunView

_REPLAY = ("model", *BUDGET)


class Repeating:
    """What is repeated, and paid for. Each form calls an action in the scope of who sends it."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages

    async def _view(self, request: Request, scope: Scope) -> RunView:
        return await self.pages.reader.view(scope, key_in(request, "id", "Run"))

    # once more by a new version

    async def replay(self, request: Request) -> Response:
        """The form of a replay."""
        scope = await self.pages.scope(request)
        return self._replay_page(await self._view(request, scope), {})

    def _replay_page(
        self, view: RunView, typed: Mapping[str, Any], wrong: Wrong = FINE, status: int = 200
    ) -> Response:
        return self.pages.renderer.page(
            "replay.html",
            status=status,
            here="",
            view=view,
            typed={name: str(typed.get(name) or "") for name in _REPLAY},
            wrong=wrong,
            key=fresh_key(),
        )

    async def replay_it(self, request: Request) -> Response:
        """Do a run once more as its pipeline is now."""
        scope, form = await sent(request, self.pages.settings)
        run_id = key_in(request, "id", "Run")
        try:
            made = await Run.replay(
                scope,
                replay_of=run_id,
                model=word(form, "model"),
                budget_usd=dollars(form),
                budget_tokens=tokens(form),
                idempotency_key=key_of(form),
            )
        except Invalid as error:
            view = await self._view(request, scope)
            return self._replay_page(view, form, wrong_with(error, _REPLAY), _status(request, error))
        return seen(f"/runs/{made.id}")

    # what it may spend

    async def budget(self, request: Request) -> Response:
        """The form of a run's budget; of a run inside another one, that of the run that pays for it."""
        scope = await self.pages.scope(request)
        run = await Run.get(scope, key_in(request, "id", "Run"))
        if run.payer_id is not None:
            return seen(f"/runs/{run.payer_id}/budget")
        typed = {"budget_usd": run.budget_usd, "budget_tokens": run.budget_tokens}
        return await self._budget_page(scope, await self._view(request, scope), typed)

    async def _budget_page(
        self,
        scope: Scope,
        view: RunView,
        typed: Mapping[str, Any],
        wrong: Wrong = FINE,
        status: int = 200,
    ) -> Response:
        return self.pages.renderer.page(
            "budget.html",
            status=status,
            here="",
            view=view,
            purse=await purse(scope, view.run),
            typed={name: _plain(typed.get(name)) for name in BUDGET},
            was={name: _plain(typed.get(f"was.{name}", typed.get(name))) for name in BUDGET},
            wrong=wrong,
        )

    async def raise_budget(self, request: Request) -> Response:
        """Give a run other limits, and perhaps take it up again with them."""
        scope, form = await sent(request, self.pages.settings)
        run = await Run.get(scope, key_in(request, "id", "Run"))
        again = form.get("then") == "retry"
        given = {"budget_usd": dollars(form), "budget_tokens": tokens(form)}
        # What was left as it stood is not given: somebody else may have changed it in the meantime.
        changed = {
            name: value for name, value in given.items() if word(form, name) != word(form, f"was.{name}")
        }
        try:
            async with self.pages.app.transaction():
                raised: Run = await run.raise_budget(scope, **changed) if changed else run
                if again:
                    await raised.retry(scope)
        except (Invalid, Forbidden) as error:
            view = await self._view(request, scope)
            problem = wrong_with(error, BUDGET)
            return await self._budget_page(scope, view, form, problem, _status(request, error))
        return seen(f"/runs/{run.id}?did={'budget-and-retry' if again else 'budget'}.1.0")


def _status(request: Request, error: SorbusError) -> int:
    return fault_of(error, where=request.url.path).status


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return "" if value is None else str(value)
