"""No two resources share a table, and no two fields a column."""

from __future__ import annotations

from collections.abc import Iterator

from sorbus.errors.declaration import DeclarationError, DuplicateName, NameTooLong
from sorbus.schema.resource import ApplicationSpec

_LONGEST = 63


def verify_names(application: ApplicationSpec) -> Iterator[DeclarationError]:
    """The names that clash in the database, or are too long for it (PostgreSQL keeps 63 bytes)."""
    tables: dict[tuple[str, str], str] = {}
    for spec in application.resources.values():
        key = (spec.layer, spec.table or "")
        if spec.table and key in tables:
            yield DuplicateName("resources", spec.table, first=tables[key], second=spec.name)
        tables[key] = spec.name
        columns: dict[str, str] = {}
        for attribute in spec.attributes.values():
            label = f"{spec.name}.{attribute.name}"
            if attribute.column in columns:
                yield DuplicateName(
                    "columns", attribute.column, first=columns[attribute.column], second=label
                )
            columns[attribute.column] = label
            if len(attribute.column.encode()) > _LONGEST:
                yield NameTooLong(label, longest=_LONGEST)
