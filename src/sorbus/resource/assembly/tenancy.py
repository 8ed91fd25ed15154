"""From sections to specs of tenancy, and which tenants each action may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sorbus.errors.declaration import NoSuchField, WrongSection
from sorbus.errors.hints import did_you_mean, listed
from sorbus.resource.tenancy import AnyTenancy, ManageTenants, SchemaTenancy, Tenancy
from sorbus.schema.actions import ActionSpec
from sorbus.schema.fields import AttributeSpec
from sorbus.schema.tenancy import ManagedTenantsSpec, SchemaTenancySpec, TenancyMode, TenancySpec, TenantCast


def tenancy_spec(
    cls: type[Any], section: AnyTenancy | None, attributes: Mapping[str, AttributeSpec]
) -> TenancySpec | None:
    """The tenancy by attribute of a class. Only where a tenant is optional may its attribute be null.

    Raises:
        NoSuchField, WrongSection: the attribute is none of the class, or may be null.
    """
    if not isinstance(section, Tenancy):
        return None
    name = section.attribute.name
    if name not in attributes:
        raise NoSuchField(cls.__name__, name, allowed=attributes, where="its tenancy")
    kind = attributes[name].type
    if kind.nullable and not section.optional:
        raise WrongSection(
            f"{cls.__name__}.tenancy",
            f"the attribute `{name}` may be null, so a row could belong to no tenant.",
            hint="Drop `| None` from its type, or say `Tenancy(…, optional=True)`.",
        )
    if kind.sql == "jsonb" or kind.sql.endswith("[]"):
        raise WrongSection(
            f"{cls.__name__}.tenancy",
            f"the attribute `{name}` is {kind.describe()}, and a tenant's key is a scalar.",
        )
    cast = TenantCast(cls.__name__, kind, section.parse)
    return TenancySpec(attribute=name, cast=cast, optional=section.optional)


def schema_tenancy_spec(section: AnyTenancy | None) -> SchemaTenancySpec | None:
    """The tenancy by schema of a class."""
    return SchemaTenancySpec() if isinstance(section, SchemaTenancy) else None


def managed_tenants_spec(section: ManageTenants | None) -> ManagedTenantsSpec | None:
    """That the rows of a class are tenants."""
    if section is None:
        return None
    return ManagedTenantsSpec(name=section.name.name, drops=section.on_destroy == "drop")


def with_tenancy(
    cls: type[Any], action: ActionSpec, given: str | None, section: AnyTenancy | None
) -> ActionSpec:
    """An action with the tenants that it may look at: what it says itself, else what the section says.

    Raises:
        WrongSection: what it says is none of the three, or makes no sense here.
    """
    if given is None:
        optional = isinstance(section, Tenancy) and section.optional
        return replace(action, tenancy=TenancyMode.OPTIONAL) if optional else action
    modes = [each.value for each in TenancyMode]
    if given not in modes:
        raise WrongSection(
            action.label,
            f"its `tenancy` is {given!r}. Allowed: {listed(modes)}.",
            hint=did_you_mean(str(given), modes),
        )
    mode = TenancyMode(given)
    if mode is not TenancyMode.ENFORCE and not isinstance(section, Tenancy):
        why = (
            "the rows of each tenant have a table of their own, and a statement reaches one of them"
            if isinstance(section, SchemaTenancy)
            else f"`{cls.__name__}` has no tenancy"
        )
        raise WrongSection(action.label, f"it says `tenancy={given!r}`, but {why}.")
    return replace(action, tenancy=mode)
