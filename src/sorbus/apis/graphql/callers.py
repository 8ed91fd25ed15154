"""Callers: what tells them apart, while a stream is open and where streams are counted."""

from __future__ import annotations

from collections.abc import Hashable
from ipaddress import IPv6Address, ip_address
from typing import Any

from starlette.requests import Request
from starlette.types import Scope as AsgiScope

from sorbus.errors.base import SorbusError
from sorbus.http.callers import ScopeSource, scope_of
from sorbus.scope import Scope, tenant_key

_PREFIX = 64
"""Bits of an IPv6 address that are one caller's; the others are theirs to choose."""


def who(scope: Scope) -> tuple[Any, Any]:
    """What tells callers apart."""
    return getattr(scope.actor, "id", scope.actor), tenant_key(scope.tenant)


async def is_still(source: ScopeSource, request: Request, caller: Scope) -> bool:
    """Whether a request is still that of a caller, by what is known now."""
    try:
        now = await scope_of(source, request)
    except SorbusError:
        return False
    return who(now) == who(caller)


def caller_of(scope: Scope, address: str) -> Hashable:
    """What a caller's openings are counted under: actor and tenant, or where nobody is named the address."""
    actor, tenant = who(scope)
    if actor is None:
        return address_of(address), _plain(tenant)
    return scope.actor.__class__, _plain(actor), _plain(tenant)


def client_of(scope: AsgiScope) -> str:
    """The address that a request comes from; empty where the server does not know it."""
    client: tuple[str, int] | None = scope.get("client")
    return client[0] if client else ""


def address_of(host: str) -> Hashable:
    """A client's address as its openings are counted: of IPv6 the network, since each household has one."""
    try:
        found = ip_address(host)
    except ValueError:
        return host
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return int(found) >> (128 - _PREFIX)
    return str(getattr(found, "ipv4_mapped", None) or found)


def _plain(value: Any) -> Hashable:
    """A value, or what it shows, where it cannot be a key."""
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value  # type: ignore[no-any-return]
