"""From sections to specs of tenancy and identities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sorbus.errors.declaration import DeclarationError, NoSuchField, WrongSection
from sorbus.resource.assembly.mistakes import noting
from sorbus.resource.sections import Identities, Tenancy
from sorbus.schema.fields import AttributeSpec, IdentitySpec
from sorbus.schema.policies import TenancySpec


def identity_specs(
    cls: type[Any],
    section: Identities | None,
    attributes: Mapping[str, AttributeSpec],
    errors: list[DeclarationError],
) -> dict[str, IdentitySpec]:
    """The identities of a class, their keys checked."""
    found: dict[str, IdentitySpec] = {}
    for name, keys in (section.identities if section else {}).items():
        with noting(errors, cls, "identities"):
            names = tuple(each.name for each in keys)
            for key in names:
                if key not in attributes:
                    raise NoSuchField(cls.__name__, key, allowed=attributes, where=f"the identity `{name}`")
            found[name] = IdentitySpec(name=name, keys=names)
    return found


def tenancy_spec(
    cls: type[Any], section: Tenancy | None, attributes: Mapping[str, AttributeSpec]
) -> TenancySpec | None:
    """The tenancy of a class; its attribute must always have a value."""
    if section is None:
        return None
    name = section.attribute.name
    if name not in attributes:
        raise NoSuchField(cls.__name__, name, allowed=attributes, where="its tenancy")
    if attributes[name].type.nullable:
        raise WrongSection(
            f"{cls.__name__}.tenancy",
            f"the attribute `{name}` may be null, so a row could belong to no tenant.",
            hint="Drop `| None` from its type.",
        )
    return TenancySpec(attribute=name)
