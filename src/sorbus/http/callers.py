"""Who calls: from a request to the scope that its actions run in."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from starlette.requests import Request

from sorbus.errors.http import BadHostName, LocalOnly
from sorbus.http.hosts import ANY_HOST, Hosts, is_local
from sorbus.resource.application import Sorbus
from sorbus.scope import Scope

type ScopeSource = Callable[[Request], Scope | Awaitable[Scope]]
"""Finds out who calls: the scope of a request, made with `app.scope(actor=…, tenant=…)`.

It may raise a `Forbidden` error to refuse the request.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyScheme:
    """How requests say who calls, for those who describe the server.

    Attributes:
        header: the name of the header with the key.
        bearer: whether the key stands there behind `Bearer`, or alone.
        optional: whether requests without a key are answered, too.
    """

    header: str
    bearer: bool
    optional: bool


def anonymous(app: Sorbus) -> ScopeSource:
    """Every request runs without an actor and without a tenant."""
    return lambda _: app.scope()


def local_only(scope: Callable[[], Scope], *, hosts: Iterable[str] = ()) -> ScopeSource:
    """Every request from this machine runs in the given scope; others are refused.

    For a server that one person runs for themselves. The `Host` header must name this machine too, so that a
    web page that points its own name at 127.0.0.1 cannot read through the person's browser.

    Args:
        scope: makes the scope; called for each request, once the application is open.
        hosts: further names that requests may be for, such as the public one of a proxy on this machine. Whoever it
            lets through acts as that person, so it must find out who calls.

    Raises:
        BadHostName: one of the names is none; `"*"` would let in every page that rebinds its own.
        LocalOnly: from the source, when a request comes from elsewhere.
    """
    known = Hosts(hosts)
    if known.any:
        raise BadHostName(ANY_HOST)

    def source(request: Request) -> Scope:
        client = request.client
        if client is None or not is_local(client.host) or not known.know(request.headers.get("host", "")):
            raise LocalOnly
        return scope()

    return source


def key_scheme_of(source: ScopeSource) -> KeyScheme | None:
    """How a source wants keys given, in its attribute `scheme`; None when it asks for none."""
    found = getattr(source, "scheme", None)
    return found if isinstance(found, KeyScheme) else None


async def scope_of(source: ScopeSource, request: Request) -> Scope:
    """The scope of a request."""
    found = source(request)
    return await found if inspect.isawaitable(found) else found
