"""Sections about tenants: to which one a row belongs, and which resource's rows the tenants are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

from sorbus.errors.declaration import DeclarationError, NoSuchField, WrongSection
from sorbus.expressions.lowering import Lowerer
from sorbus.resource.fields import Attr
from sorbus.resource.sections import Section
from sorbus.schema.resource import ResourceSpec


class AnyTenancy(Section):
    """What both kinds of tenancy share: their name in the body."""

    section_name = "tenancy"


class Tenancy(AnyTenancy):
    """Every row belongs to the tenant whose key stands in this attribute; the tenant comes from the scope.

    Args:
        attribute: the attribute that holds the tenant's key.
        parse: from the key of the scope's tenant to the attribute's value, where they differ: `parse=str`.
        optional: whether a scope may have no tenant, and then looks at the rows of all tenants. The attribute
            may be null then: such rows belong to no tenant.
    """

    section_name = ""

    def __init__(
        self, attribute: Attr[Any], *, parse: Callable[[Any], Any] | None = None, optional: bool = False
    ) -> None:
        self.attribute = attribute
        self.parse = parse
        self.optional = optional


class SchemaTenancy(AnyTenancy):
    """Each tenant's rows live in a table of its own, in the PostgreSQL schema that bears the tenant's name.

    `app.tenants` makes, renames and drops the schemas; so does a resource with the section `ManageTenants`.
    """

    section_name = ""


class ManageTenants(Section):
    """Each row of this resource is a tenant with a schema of its own: it comes, is renamed and goes with the row.

    Args:
        name: the text attribute that names the schema. A scope may have the record itself as its tenant.
        on_destroy: whether the schema is dropped with the row, with everything in it, or kept.
    """

    section_name = "tenants"

    def __init__(self, name: Attr[str], *, on_destroy: Literal["drop", "keep"] = "drop") -> None:
        self.name = name
        self.on_destroy = on_destroy

    def check(self, spec: ResourceSpec, lowerer: Lowerer) -> Iterator[DeclarationError]:
        """The name is a text of this resource that always has a value."""
        del lowerer
        label, name = f"{spec.name}.tenants", self.name.name
        attribute = spec.attributes.get(name)
        if attribute is None:
            yield NoSuchField(spec.name, name, allowed=spec.attributes, where="its tenants' names")
            return
        if attribute.type.sql != "text" or attribute.type.nullable:
            yield WrongSection(
                label,
                f"`{name}` is {attribute.type.describe()}, and a tenant's name is a str that is never null.",
            )
        if spec.tenancy is not None or spec.schema_tenancy is not None:
            yield WrongSection(label, "its own rows belong to tenants, so they cannot be the tenants.")
