"""Identifiers, and the tables in a statement under their aliases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sorbus.expressions.nodes import Node, Ordering
from sorbus.schema.resource import ApplicationSpec, ResourceSpec


def quote(name: str) -> str:
    """An identifier in double quotes, so that no name can be read as SQL."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(slots=True)
class Frame:
    """A table in the statement under one alias."""

    spec: ResourceSpec
    alias: str


def table_of(spec: ResourceSpec) -> str:
    """The table of a resource."""
    return quote(spec.table or spec.name)


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
