"""Who looks: the caller of a request, and what of it decides what a page shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from sorbus.errors.base import SorbusError
from sorbus.http.callers import ScopeSource, scope_of
from sorbus.llm.budgets.resources import Budget
from sorbus.llm.calls import LlmCall
from sorbus.pipelines.resources.content import Content
from sorbus.pipelines.resources.run import Result, Run
from sorbus.pipelines.resources.stages import StageItem, StageRun
from sorbus.resource.application import Sorbus
from sorbus.scope import Scope, tenant_key

# A definition shows itself by its tenant alone, which every key holds.
_SHOWN: tuple[Any, ...] = (Run, StageRun, StageItem, Result, Content, LlmCall, Budget)
ACTS: Mapping[str, Any] = {
    "cancel": Run.cancel,
    "pause": Run.pause,
    "resume": Run.resume,
    "retry": Run.retry,
    "fork": Run.fork,
    "replay": Run.replay,
    "raise_budget": Run.raise_budget,
    "give": Run.give,
}
"""What may be done to a run, by name."""


@dataclass(frozen=True, slots=True)
class _Nobody:
    """Tells one caller apart whose actor cannot be compared."""

    number: int


def sight(app: Sorbus, scope: Scope) -> Hashable:
    """What decides what a scope is shown: two with equal sights may be shown the same bytes.

    Where no policy looks at rows it is the tenant and what may be done at all; else it is the tenant and the actor.
    """
    tenant = str(tenant_key(scope.tenant))
    whole = _verdicts(app, scope)
    if whole is not None:
        return (tenant, scope.authorize, whole)
    context = tuple(sorted((name, repr(value)) for name, value in scope.context.items()))
    return (tenant, scope.authorize, _comparable(scope.actor), context)


def _comparable(actor: Any) -> Hashable:
    try:
        hash(actor)
    except TypeError:
        return _Nobody(id(actor))
    return (actor,)


def _verdicts(app: Sorbus, scope: Scope) -> tuple[bool, ...] | None:
    """What the policies say of everything on the pages; None where that depends on more than the scope."""
    if not scope.authorize:
        return ()
    found: list[bool] = []
    for each in (*_SHOWN, *ACTS.values()):
        told = app.explain(each, scope)
        if told.allowed is None or told.fields:
            return None
        if isinstance(each, type) and app.engine.program(app.engine.spec_of(each), "read").about_call:
            return None
        found.append(told.allowed)
    return tuple(found)


def allowed(app: Sorbus, act: str, scope: Scope, run: Run) -> bool:
    """Whether the actor may do something to a run, as far as that can be told without asking the database."""
    if act in {"fork", "replay", "give"}:
        return app.explain(ACTS[act], scope).allowed is not False
    return app.explain(ACTS[act], scope, run).allowed is not False


def still(source: ScopeSource, request: Request, scope: Scope) -> Callable[[], Awaitable[bool]]:
    """Whether a request would still act in the scope that it began with."""

    async def asked() -> bool:
        try:
            found = await scope_of(source, request)
        except SorbusError:
            return False
        return (
            found.actor == scope.actor
            and tenant_key(found.tenant) == tenant_key(scope.tenant)
            and dict(found.context) == dict(scope.context)
        )

    return asked
