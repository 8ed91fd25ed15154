"""The ASGI application of a Sorbus application: its interfaces, its probes, its life."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route

from sorbus.errors.framework import ApplicationClosed
from sorbus.http.callers import ScopeSource, anonymous
from sorbus.http.closing import Closing
from sorbus.http.hosts import Hosts
from sorbus.http.probes import Probes
from sorbus.http.problems import on_http_exception, on_unforeseen
from sorbus.resource.application import Sorbus

BODY_LIMIT = 16 * 1024 * 1024
"""The most bytes that a request's body may have, unless said otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """What every interface is told.

    Attributes:
        scope_from: finds out who calls.
        body_limit: the most bytes that a request's body may have.
        hosts: the names by which the server is known.
        closing: tells streams that the server is about to stop.
    """

    scope_from: ScopeSource
    body_limit: int = BODY_LIMIT
    hosts: Hosts = field(default_factory=Hosts)
    closing: Closing = field(default_factory=Closing)


class Interface(Protocol):
    """Something served over HTTP that is derived from the application, such as JSON:API."""

    def __call__(self, app: Sorbus, settings: HttpSettings, /) -> Sequence[BaseRoute]:
        """Its routes.

        Raises:
            DefinitionErrors: the declarations cannot be served so.
        """
        ...


def http_app(
    app: Sorbus,
    *,
    interfaces: Sequence[Interface],
    scope_from: ScopeSource | None = None,
    body_limit: int = BODY_LIMIT,
    hosts: Iterable[str] = (),
) -> Starlette:
    """The ASGI application: the interfaces, `/health` and `/ready`.

    Its lifespan opens the Sorbus application, and closes it at the end, unless it is open already.

    Args:
        interfaces: what is served, such as `[json_api]`.
        scope_from: finds out who calls; by default every request is anonymous.
        body_limit: the most bytes that a request's body may have.
        hosts: names by which the server is known, without ports, besides those of this machine; `"*"` for any, behind
            a proxy that checks them. MCP refuses requests for other hosts; where every request is authenticated no
            name matters.

    Raises:
        BadHostName: one of the names is none.
        DefinitionErrors: an interface cannot serve the declarations; every mistake is listed.
    """
    settings = HttpSettings(
        scope_from=scope_from or anonymous(app), body_limit=body_limit, hosts=Hosts(hosts)
    )
    probes = Probes(app)
    routes: list[BaseRoute] = [route for interface in interfaces for route in interface(app, settings)]
    routes.append(Route("/health", probes.health, methods=["GET"]))
    routes.append(Route("/ready", probes.ready, methods=["GET"]))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            if not _is_open(app):
                await stack.enter_async_context(app)
            settings.closing.reopen()
            stack.callback(settings.closing.begin)
            yield

    made = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={HTTPException: on_http_exception, Exception: on_unforeseen},
    )
    made.state.closing = settings.closing
    return made


def _is_open(app: Sorbus) -> bool:
    try:
        _ = app.engine
    except ApplicationClosed:
        return False
    return True
