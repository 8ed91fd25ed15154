"""From sections to specs of tenancy and identities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sorbus.errors.declaration import DeclarationError, NoSuchField
from sorbus.resource.assembly.mistakes import noting
from sorbus.resource.sections import Identities, Identity
from sorbus.schema.fields import AttributeSpec, IdentitySpec


def identity_specs(
    cls: type[Any],
    section: Identities | None,
    attributes: Mapping[str, AttributeSpec],
    errors: list[DeclarationError],
    *,
    tenant: str | None = None,
) -> dict[str, IdentitySpec]:
    """The identities of a class, their keys checked.

    Args:
        tenant: the tenant's attribute, which comes first in the keys unless the identity says `all_tenants`.
    """
    found: dict[str, IdentitySpec] = {}
    for name, given in (section.identities if section else {}).items():
        with noting(errors, cls, "identities"):
            each = given if isinstance(given, Identity) else Identity(tuple(given))
            names = tuple(key.name for key in each.keys)
            for key in names:
                if key not in attributes:
                    raise NoSuchField(cls.__name__, key, allowed=attributes, where=f"the identity `{name}`")
            own = tenant is not None and tenant not in names and not each.all_tenants
            keys = (tenant, *names) if own and tenant is not None else names
            shown = tuple(key for key in names if key != tenant) or names
            found[name] = IdentitySpec(name=name, keys=keys, names=shown)
    return found
