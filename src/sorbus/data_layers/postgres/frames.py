"""Identifiers and constants, and the tables in a statement under their aliases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from sorbus.expressions.nodes import Node, Ordering
from sorbus.schema.resource import ApplicationSpec, ResourceSpec


def quote(name: str) -> str:
    """An identifier in double quotes, so that no name can be read as SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a string constant."""
    if "\\" in text:  # so that it means the same whatever standard_conforming_strings says
        return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    return "'" + text.replace("'", "''") + "'"


def iso(value: date) -> str:
    """A date or time as text. The first and the last date are infinite, as the driver sends them."""
    if value == date.max:
        return "infinity"
    return "-infinity" if value == date.min else value.isoformat()


@dataclass(slots=True)
class Frame:
    """A table in the statement under one alias."""

    spec: ResourceSpec
    alias: str


TENANT = "\0tenant\0"
"""Stands in a statement where the schema of the scope's tenant will stand. No text for PostgreSQL can hold it."""


def table_of(spec: ResourceSpec) -> str:
    """The table of a resource; one of which each tenant has its own is named with the tenant's schema."""
    name = quote(spec.table or spec.name)
    return name if spec.schema_tenancy is None else f"{TENANT}.{name}"


class NodeCompiler(Protocol):
    """What writing a join needs of the compiler of nodes."""

    application: ApplicationSpec
    frames: list[Frame]

    def alias(self) -> str:
        """A fresh alias."""
        ...

    def node(self, node: Node, hint: str | None = None) -> str:
        """The SQL of a node."""
        ...

    def order(self, terms: tuple[Ordering, ...]) -> str:
        """The terms of an ORDER BY."""
        ...
