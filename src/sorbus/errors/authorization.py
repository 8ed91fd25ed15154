"""Errors of authorisation and tenancy."""

from __future__ import annotations

from typing import Any

from sorbus.errors.base import Forbidden, Invalid


class ActionForbidden(Forbidden):
    """No policy allows this actor this action here.

    Attributes:
        breakdown: the explanation, policy by policy; for logs and developers, never shown by an interface.
    """

    code = "action-forbidden"

    def __init__(self, resource: str, action: str, *, reason: str = "", breakdown: Any = None) -> None:
        self.resource = resource
        self.action = action
        self.breakdown = breakdown
        super().__init__(
            f"The actor may not {resource}.{action}: {reason or 'refused.'}",
            path=(resource, action),
            hint="See `error.breakdown` for each policy.",
        )


class TenantRequired(Invalid):
    """A resource with a tenancy was used without a tenant."""

    code = "tenant-required"

    def __init__(self, resource: str, action: str) -> None:
        super().__init__(
            f"{resource}.{action} needs a tenant, and the scope has none.",
            path=(resource, action),
            hint="Make the scope with `app.scope(actor=…, tenant=…)`.",
        )
