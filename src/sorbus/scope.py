"""The scope of a call: who acts, for which tenant, with which services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar, cast

from sorbus.errors.framework import NoRuntime, NoSuchService

S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Everything an action needs to know about its caller; passed first, never global.

    Attributes:
        actor: the record or object that acts, or None for an anonymous caller. Policies read its attributes.
        tenant: the tenant's key, or None. Resources with a tenancy refuse a call without it.
        authorize: False only for Sorbus' own inner work; policies are then not asked.
        services: what `get` hands out, by type.
        runtime: the application that runs the actions (set by `Sorbus.scope`).
        job: the job on whose behalf this runs, or None.
        context: what else is known about the call, by name: where it comes from, what it is part of.
    """

    actor: Any = None
    tenant: Any = None
    authorize: bool = True
    services: Mapping[type, Any] = field(default_factory=dict[type, Any])
    runtime: Any = None
    job: Any = None
    context: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def get(self, service: type[S]) -> S:
        """The service registered for a type.

        Raises:
            NoSuchService: nothing is registered for it; the message lists what is.
        """
        found = self.services.get(service)
        if found is None:
            raise NoSuchService(service, self.services)
        return cast("S", found)

    def need_runtime(self) -> Any:
        """The application behind this scope.

        Raises:
            NoRuntime: the scope was made by hand instead of by `app.scope(...)`.
        """
        if self.runtime is None:
            raise NoRuntime
        return self.runtime

    def as_system(self) -> Self:
        """The same scope without authorisation, for inner work that a policy has already allowed."""
        return replace(self, authorize=False)

    def with_service(self, service: type[S], value: S) -> Self:
        """The same scope with one more service."""
        return replace(self, services={**self.services, service: value})
