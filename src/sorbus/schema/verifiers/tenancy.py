"""References between tenants' tables and those of the application lead one way."""

from __future__ import annotations

from collections.abc import Iterator

from sorbus.errors.declaration import DeclarationError, WrongSection
from sorbus.schema.resource import ApplicationSpec


def verify_tenancy(application: ApplicationSpec) -> Iterator[DeclarationError]:
    """The foreign keys that cannot be: one table of the application cannot refer to many, one for each tenant."""
    for spec in application.resources.values():
        if spec.manages_tenants is not None and not application.schema_tenants:
            yield WrongSection(
                f"{spec.name}.tenants",
                "its rows are tenants with schemas, but no resource says `tenancy = SchemaTenancy()`.",
                hint="Tenants of `Tenancy(attribute)` need no section.",
            )
        if spec.schema_tenancy is not None:
            continue
        for each in spec.relationships.values():
            if each.foreign_key and application.destination(each).schema_tenancy is not None:
                yield WrongSection(
                    f"{spec.name}.{each.name}",
                    f"it refers to {each.destination}, of which each tenant has a table of its own, from rows that "
                    "all tenants share.",
                    hint="Say `foreign_key=False`, or give the resource `tenancy = SchemaTenancy()` too.",
                )
