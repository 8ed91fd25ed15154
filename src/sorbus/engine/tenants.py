"""Which tenants a call may look at: the scope's, all, or none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sorbus.errors.authorization import TenantRequired
from sorbus.schema.actions import ActionSpec
from sorbus.schema.resource import ResourceSpec
from sorbus.schema.tenancy import TenancyMode
from sorbus.scope import EveryTenant, Scope

EVERYWHERE = EveryTenant()


def need_tenant(spec: ResourceSpec, action: str, scope: Scope) -> None:
    """Step 1: there is a tenant, or the action can do without.

    Raises:
        TenantRequired: neither is so.
    """
    if scope.tenant is not None:
        return
    if spec.schema_tenancy is not None:
        raise TenantRequired(spec.name, action)
    if spec.tenancy is not None and scope.authorize and spec.actions[action].tenancy is TenancyMode.ENFORCE:
        raise TenantRequired(spec.name, action)


def reach(action: ActionSpec, scope: Scope) -> Any:
    """The tenant of a statement: the scope's, or `EveryTenant` where the action looks at all of them."""
    tenant = scope.tenant
    if action.tenancy is TenancyMode.ALL:
        return tenant if tenant.__class__ is EveryTenant else EveryTenant(tenant)
    if tenant is None and (action.tenancy is TenancyMode.OPTIONAL or not scope.authorize):
        return EVERYWHERE
    return tenant


def reaching(spec: ResourceSpec, action: str, scope: Scope) -> Scope:
    """The scope of everything that a read reaches: its own rows, and what is loaded and counted with them."""
    if spec.tenancy is None:
        return scope
    tenant = reach(spec.actions[action], scope)
    return scope if tenant is scope.tenant else replace(scope, tenant=tenant)
