"""Who calls: from a request to the scope that its actions run in."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request

from sorbus.errors.http import LocalOnly
from sorbus.resource.application import Sorbus
from sorbus.scope import Scope

type ScopeSource = Callable[[Request], Scope | Awaitable[Scope]]
"""Finds out who calls: the scope of a request, made with `app.scope(actor=…, tenant=…)`.

It may raise a `Forbidden` error to refuse the request.
"""


def anonymous(app: Sorbus) -> ScopeSource:
    """Every request runs without an actor and without a tenant."""
    return lambda _: app.scope()


def local_only(scope: Callable[[], Scope]) -> ScopeSource:
    """Every request from this machine runs in the given scope; others are refused.

    For a server that one person runs for themselves. The `Host` header must name this machine too, so that a
    web page that points its own name at 127.0.0.1 cannot read through the person's browser.

    Args:
        scope: makes the scope; called for each request, once the application is open.

    Raises:
        LocalOnly: from the source, when a request comes from elsewhere.
    """

    def source(request: Request) -> Scope:
        client = request.client
        if client is None or not _is_local(client.host) or not _names_this_machine(request):
            raise LocalOnly
        return scope()

    return source


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _names_this_machine(request: Request) -> bool:
    try:
        name = urlsplit(f"//{request.headers.get('host', '')}").hostname
    except ValueError:
        return False
    return name is not None and _is_local(name)


async def scope_of(source: ScopeSource, request: Request) -> Scope:
    """The scope of a request."""
    found = source(request)
    return await found if inspect.isawaitable(found) else found
