"""Which tenants a call may look at: the scope's, all, or none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sorbus.errors.authorization import TenantRequired
from sorbus.schema.actions import ActionSpec
from sorbus.schema.resource import PRIMARY_READ, ResourceSpec
from sorbus.schema.tenancy import TenancyMode
from sorbus.schema.tenant_names import TenantNames
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


def keeps_apart(spec: ResourceSpec) -> bool:
    """Whether the rows of a resource are read for one tenant only."""
    return spec.tenancy is not None and spec.actions[PRIMARY_READ].tenancy is TenancyMode.ENFORCE


def looks_everywhere(scope: Scope) -> bool:
    """Whether a scope looks at all tenants: one that `reaching` made, or the system's own without a tenant."""
    tenant = scope.tenant
    return not scope.authorize if tenant is None else tenant.__class__ is EveryTenant


def reach(action: ActionSpec, scope: Scope) -> Any:
    """The tenant of a statement: the scope's, or `EveryTenant` where the action looks at all of them."""
    tenant = scope.tenant
    if action.tenancy is TenancyMode.ALL:
        return tenant if tenant.__class__ is EveryTenant else EveryTenant(tenant)
    if tenant is None and (action.tenancy is TenancyMode.OPTIONAL or not scope.authorize):
        return EVERYWHERE
    return tenant


def reaching(spec: ResourceSpec, actions: Iterable[str], scope: Scope) -> Scope:
    """The scope of everything that a read reaches: its own rows, and what is loaded and counted with them.

    Args:
        actions: the read actions that the rows come from. All tenants are looked at only where each of them does.
    """
    if scope.tenant is None and not scope.authorize:
        return replace(scope, tenant=EVERYWHERE)
    if spec.tenancy is None or scope.tenant.__class__ is EveryTenant:
        return scope
    found = [reach(spec.actions[each], scope) for each in actions]
    if all(each.__class__ is EveryTenant for each in found):
        return replace(scope, tenant=found[0])
    return scope


def topic_tenant(spec: ResourceSpec, scope: Scope, names: TenantNames) -> str | None:
    """The tenant to whom a resource's topics belong, as text; None where they are everybody's."""
    if spec.schema_tenancy is not None:
        return names.name_of(scope.tenant, resource=spec.name, action="topic")
    if spec.tenancy is None:
        return None
    value = spec.tenancy.cast(scope.tenant)
    return None if value is None else str(value)
