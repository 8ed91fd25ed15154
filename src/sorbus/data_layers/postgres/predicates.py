"""Conditions of unique indexes, as SQL without parameters: the index and ON CONFLICT must say the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any

from sorbus.data_layers.postgres.compiler import Source, SqlCompiler
from sorbus.data_layers.postgres.frames import iso, literal, quote
from sorbus.errors.framework import NotCompilable
from sorbus.expressions.nodes import Const, Ref
from sorbus.schema.fields import IdentitySpec
from sorbus.schema.resource import ApplicationSpec, ResourceSpec


@dataclass(slots=True)
class _PredicateCompiler(SqlCompiler):
    """Compiles a condition over one table: columns bare, values written out."""

    def parameter(self, source: Source, sql: str) -> str:
        if not isinstance(source, Const):
            raise NotCompilable(type(source).__name__)
        value: Any = source.value
        if isinstance(value, tuple):
            items: tuple[Any, ...] = value  # pyright: ignore[reportUnknownVariableType]
            inner = sql.removesuffix("[]")
            return f"ARRAY[{', '.join(_literal(each, inner) for each in items)}]::{sql}"
        return _literal(value, sql)

    def _ref(self, ref: Ref) -> str:
        return quote(self.frames[-1].spec.attributes[ref.name].column)


def _literal(value: Any, sql: str) -> str:
    if value is None:
        return f"NULL::{sql}"
    plain = value.value if isinstance(value, Enum) else value
    text = iso(plain) if isinstance(plain, date) else str(plain)
    return f"{literal(text)}::{sql}"


def predicate_of(application: ApplicationSpec, spec: ResourceSpec, identity: IdentitySpec) -> str | None:
    """The condition of an identity's index; None where it tells all rows apart."""
    if identity.where is None:
        return None
    compiler = _PredicateCompiler(application)
    compiler.push(spec)
    return compiler.node(identity.where, "boolean")
