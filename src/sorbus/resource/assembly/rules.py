"""From sections to specs of tenancy and identities."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from sorbus.errors.declaration import DeclarationError, NoSuchField, WrongSection
from sorbus.errors.hints import listed
from sorbus.expressions.build import Expr
from sorbus.expressions.describe import describe
from sorbus.expressions.lowering import Catalog, Lowerer
from sorbus.expressions.nodes import Call, Const, Node, Ref, walk
from sorbus.expressions.operators import COMPARISONS
from sorbus.resource.assembly.mistakes import noting
from sorbus.resource.sections import Identities, Identity
from sorbus.schema.fields import AttributeSpec, IdentitySpec


def identity_specs(
    cls: type[Any],
    section: Identities | None,
    attributes: Mapping[str, AttributeSpec],
    errors: list[DeclarationError],
    *,
    catalog: Catalog,
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
            message = each.message or "has already been taken"
            found[name] = IdentitySpec(
                name=name,
                keys=keys,
                names=shown,
                message=message,
                early=each.early,
                where=None if each.where is None else _condition(cls, name, each.where, attributes, catalog),
                nulls_distinct=each.nulls_distinct,
            )
    return found


_OPERATORS = COMPARISONS | {"and", "or", "not", "is_null", "is_true"}
_VALUES = (str, int, Decimal, date, UUID, Enum)
"""What stands in a condition of an index; a float has no exact text, and documents have no one order."""


def _condition(
    cls: type[Any], name: str, where: Expr[bool], attributes: Mapping[str, AttributeSpec], catalog: Catalog
) -> Node:
    """The condition of an identity.

    Raises:
        WrongSection: no unique index can have it: it looks at more than the row, or changes by itself.
    """
    node = where.lower(Lowerer(catalog, (cls,)))
    for each in walk(node):
        if not _indexable(each, attributes):
            raise WrongSection(
                f"{cls.__name__}.identities",
                f"the condition of the identity `{name}`, {describe(node)}, is none that an index can keep.",
                hint="Compare attributes of the row with each other or with texts, numbers, dates and members of "
                f"enumerations; join conditions with `&`, `|` and `~`. Attributes: {listed(attributes)}.",
            )
    return node


def _indexable(node: Node, attributes: Mapping[str, AttributeSpec]) -> bool:
    match node:
        case Ref(name, path, outer):
            return name in attributes and not path and not outer
        case Const(value):
            return all(each is None or isinstance(each, _VALUES) for each in _items(value))
        case Call(operator):
            return operator in _OPERATORS
        case _:
            return False


def _items(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)  # pyright: ignore[reportUnknownVariableType]
