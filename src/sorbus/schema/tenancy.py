"""Specs of tenancy: to which tenant a row belongs, and which tenants an action may look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from sorbus.errors.tenancy import InvalidTenant
from sorbus.scope import EveryTenant, tenant_key
from sorbus.types.base import FieldType

TenancyName = Literal["enforce", "optional", "all"]
"""What `tenancy=` of an action may be."""


class TenancyMode(StrEnum):
    """Which tenants an action may look at."""

    ENFORCE = "enforce"
    """The scope's tenant; a scope without one is refused."""
    OPTIONAL = "optional"
    """The scope's tenant; without one, all tenants and what belongs to none."""
    ALL = "all"
    """All tenants, whatever the scope says."""


class TenantCast:
    """From a scope's tenant to the value of a resource's tenant attribute. One for each resource.

    Args:
        resource: its name, for errors.
        kind: the type of the attribute.
        parse: from the tenant's key to a value of the attribute; None where they are the same.
    """

    __slots__ = ("kind", "parse", "python", "resource")

    def __init__(self, resource: str, kind: FieldType, parse: Callable[[Any], Any] | None = None) -> None:
        self.resource = resource
        self.kind = kind
        self.parse = parse
        self.python: type = kind.python

    def __repr__(self) -> str:
        return f"<tenant of {self.resource}>"

    def __call__(self, tenant: Any) -> Any:
        """The attribute's value; None when there is no tenant.

        Raises:
            InvalidTenant: the tenant can be no value of the attribute.
        """
        if tenant is None or (tenant.__class__ is self.python and self.parse is None):
            return tenant
        key = tenant_key(tenant.own if isinstance(tenant, EveryTenant) else tenant)
        if key is None:
            return None
        try:
            value = key if self.parse is None else self.parse(key)
            # A value of the class is taken as it is: limits are for what is written, and checked there.
            return value if isinstance(value, self.python) else self.kind.adapter.validate_python(value)
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            raise InvalidTenant(self.resource, key, expected=self.kind.describe()) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class TenancySpec:
    """Rows belong to the tenant whose key stands in `attribute`.

    Attributes:
        cast: from the scope's tenant to the attribute's value.
        optional: whether actions that say nothing may do without a tenant.
    """

    attribute: str
    cast: TenantCast
    optional: bool = False


def share_tenants(one: TenancySpec | None, other: TenancySpec | None) -> bool:
    """Whether equal values of the two attributes mean the same tenant, and there always is one."""
    if one is None or other is None:
        return False
    kinds = (one.cast.kind, other.cast.kind)
    same = kinds[0].sql == kinds[1].sql and one.cast.parse is other.cast.parse
    return same and not any(each.nullable for each in kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaTenancySpec:
    """Each tenant's rows live in a PostgreSQL schema that bears the tenant's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedTenantsSpec:
    """Each row of a resource is a tenant with a schema of its own.

    Attributes:
        name: the attribute that names the schema.
        drops: whether the schema goes with the row.
    """

    name: str
    drops: bool
