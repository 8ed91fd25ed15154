"""Who calls: an actor as a session or a token would give it, and the header by which a test says who it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from starlette.requests import Request

from sorbus import Scope, Sorbus

HEADER = "x-person"


@dataclass(frozen=True)
class Caller:
    """Somebody of an organisation, which is the tenant.

    Attributes:
        org_id: what the application under test has for a tenant.
    """

    id: UUID
    org_id: Any
    admin: bool = False

    @classmethod
    def new(cls, org_id: Any = None, *, admin: bool = False) -> Caller:
        """Somebody whom nobody knows yet; without an organisation, of a new one."""
        return cls(uuid4(), org_id or uuid4(), admin)

    @property
    def headers(self) -> dict[str, str]:
        """What tells the server who it is."""
        return {HEADER: f"{self.id} {self.org_id} {int(self.admin)}"}


def caller_from_header(
    app: Sorbus, org: Callable[[str], Any] = UUID
) -> Callable[[Request], Awaitable[Scope]]:
    """The scope of the caller in the header; nobody without one.

    Args:
        org: makes the tenant of its text.
    """

    async def scope_from(request: Request) -> Scope:
        given = request.headers.get(HEADER)
        if given is None:
            return app.scope()
        person, tenant, admin = given.split()
        who = Caller(UUID(person), org(tenant), admin == "1")
        return app.scope(actor=who, tenant=who.org_id)

    return scope_from
