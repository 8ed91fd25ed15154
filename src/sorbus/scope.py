"""The scope of a call: who acts, for which tenant, with which services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar, cast

from sorbus.errors.framework import NoRuntime, NoSuchService

S = TypeVar("S")

_KEYS: dict[type, str | None] = {}


@dataclass(frozen=True, slots=True)
class EveryTenant:
    """Stands where a tenant stands while rows of all tenants are looked at.

    Attributes:
        own: the tenant that the scope had, or None.
    """

    own: Any = None


def tenant_key(tenant: Any) -> Any:
    """The key that a tenant goes by: of a record its primary key, of an object with `tenant_key` that attribute.

    Everything else is a key itself.
    """
    kind = tenant.__class__
    if kind is EveryTenant:
        return tenant_key(tenant.own)
    name = _KEYS[kind] if kind in _KEYS else _KEYS.setdefault(kind, _key_name(kind))
    return tenant if name is None else getattr(tenant, name)


def _key_name(kind: type) -> str | None:
    """The attribute that holds the key of a class's instances. Told by its shape: resources are declared above."""
    for name, member in getattr(kind, "__declared__", {}).items():
        if getattr(getattr(member, "options", None), "primary_key", False):
            return str(name)
    return "tenant_key" if hasattr(kind, "tenant_key") else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Everything an action needs to know about its caller; passed first, never global.

    Attributes:
        actor: the record or object that acts, or None for an anonymous caller. Policies read its attributes.
        tenant: the tenant's key, or a record or object that has one (see `tenant_key`), or None. Resources with a
            tenancy refuse a call without it.
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
        return self.with_services({service: value})

    def with_services(self, services: Mapping[type, Any]) -> Self:
        """The same scope with further services."""
        # Not by `replace`, which is slow: every stage of every run gets services of its own.
        return self.__class__(
            actor=self.actor,
            tenant=self.tenant,
            authorize=self.authorize,
            services={**self.services, **services},
            runtime=self.runtime,
            job=self.job,
            context=self.context,
        )
