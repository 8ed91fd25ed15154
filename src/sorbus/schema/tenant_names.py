"""What a tenant with tables of its own is called: from a scope's tenant to a name that a schema may bear."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from sorbus.errors.authorization import TenantRequired
from sorbus.errors.tenancy import InvalidTenant, TenantNameNotAllowed
from sorbus.schema.resource import ApplicationSpec
from sorbus.scope import EveryTenant, tenant_key

LONGEST = 48
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_RESERVED = frozenset({"public", "information_schema", "extensions"})
_RESERVED_STARTS = ("pg_", "sorbus")


def checked_name(name: str) -> str:
    """A name that a tenant may have.

    Raises:
        TenantNameNotAllowed: it may not.
    """
    if not name:
        raise TenantNameNotAllowed(name, problem="it is empty")
    if len(name) > LONGEST:
        raise TenantNameNotAllowed(name, problem=f"it has {len(name)} characters")
    if _NAME.fullmatch(name) is None:
        raise TenantNameNotAllowed(name, problem="it has characters that are not allowed")
    if name in _RESERVED or name.startswith(_RESERVED_STARTS):
        raise TenantNameNotAllowed(name, problem="PostgreSQL or Sorbus use the name themselves")
    return name


class TenantNames:
    """From the tenants of scopes to the names of their schemas."""

    def __init__(self, application: ApplicationSpec) -> None:
        self.application = application
        self._named = {
            spec.python: spec.manages_tenants.name
            for spec in application.resources.values()
            if spec.manages_tenants is not None
        }

    def name_of(self, tenant: Any, *, resource: str, action: str) -> str:
        """The name of a scope's tenant.

        Args:
            tenant: a name, a record of the resource that manages tenants, or a key whose text is a name.
            resource, action: what needs it, for errors.

        Raises:
            TenantRequired: there is none.
            InvalidTenant: it is something that has no name.
            TenantNameNotAllowed: no tenant can be called so.
        """
        if tenant.__class__ is EveryTenant:
            tenant = tenant.own
        if tenant is None:
            raise TenantRequired(resource, action)
        attribute = self._named.get(tenant.__class__)
        found = tenant_key(tenant) if attribute is None else getattr(tenant, attribute)
        if not isinstance(found, (str, int, UUID)) or isinstance(found, bool):
            raise InvalidTenant(resource, found, expected="the name of a schema")
        return checked_name(str(found))
