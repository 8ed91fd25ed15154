"""Field types: from a Python annotation to casting, storage and JSON Schema.

Casting and constraints are Pydantic's (`TypeAdapter`); what PostgreSQL stores follows from the Python type.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SQL_TYPES: Mapping[type, str] = MappingProxyType(
    {
        UUID: "uuid",
        str: "text",
        int: "bigint",
        float: "double precision",
        bool: "boolean",
        Decimal: "numeric",
        datetime: "timestamp with time zone",
        date: "date",
        time: "time without time zone",
        timedelta: "interval",
        bytes: "bytea",
    }
)
"""The column type of each scalar; everything else is stored as jsonb."""


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """Limits on a value, in the words of JSON Schema.

    Attributes:
        min_length, max_length: characters of a string, items of a list.
        pattern: a regular expression that a string must contain.
        ge, gt, le, lt: bounds of a number or time.
        max_digits, decimal_places: of a decimal.
    """

    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    ge: Any = None
    gt: Any = None
    le: Any = None
    lt: Any = None
    max_digits: int | None = None
    decimal_places: int | None = None

    def given(self) -> dict[str, Any]:
        """The limits that are set, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class FieldType:
    """What a field holds.

    Attributes:
        annotation: the Python type without `None`.
        nullable: whether `None` is a value.
        constraints: limits on the value.
        sql: the column type in PostgreSQL.
    """

    annotation: Any
    nullable: bool = False
    constraints: Constraints = field(default_factory=Constraints)

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """The validator of a value from outside, with constraints and nullability."""
        # Declaring needs no validator, and Pydantic is most of the time that an import takes.
        from pydantic import Field, TypeAdapter

        limits = self.constraints.given()
        inner: Any = Annotated[self.annotation, Field(**limits)] if limits else self.annotation
        whole: Any = inner | None if self.nullable else inner
        return TypeAdapter(whole)

    @cached_property
    def python(self) -> type:
        """The class of a value: `list` for `list[str]`, `str` for a `Literal` of strings."""
        return python_class(self.annotation)

    @cached_property
    def sql(self) -> str:
        """The column type in PostgreSQL."""
        return sql_type(self.annotation)

    @cached_property
    def enum(self) -> type[Enum] | None:
        """The enumeration, when the type is one."""
        return self.annotation if is_enum(self.annotation) else None

    @cached_property
    def choices(self) -> tuple[Any, ...]:
        """Every stored value, when the type is an enumeration or a literal; else empty."""
        if self.enum is not None:
            return tuple(member.value for member in self.enum)
        if get_origin(self.annotation) is Literal:
            return get_args(self.annotation)
        return ()

    @cached_property
    def structured(self) -> bool:
        """Whether a stored value must be validated again to become the declared Python type."""
        return self.sql == "jsonb" and not is_plain_json(self.annotation)

    @cached_property
    def structured_items(self) -> bool:
        """Whether the items of a stored array must be validated again, as those of a list of enumerations."""
        return any(map(is_enum, get_args(self.annotation)))

    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of a value."""
        return self.adapter.json_schema()

    def describe(self) -> str:
        """The type as it is written in a declaration."""
        name = type_name(self.annotation)
        return f"{name} | None" if self.nullable else name


def split_optional(annotation: Any) -> tuple[Any, bool]:
    """The annotation without `None`, and whether it had it."""
    if get_origin(annotation) in {Union, types.UnionType}:
        args = tuple(arg for arg in get_args(annotation) if arg is not type(None))
        if len(args) < len(get_args(annotation)):
            return (args[0] if len(args) == 1 else Union[args]), True  # noqa: UP007
    return annotation, False


def field_type(annotation: Any, **limits: Any) -> FieldType:
    """The field type of a Python annotation with constraints."""
    inner, nullable = split_optional(annotation)
    return FieldType(annotation=inner, nullable=nullable, constraints=Constraints(**limits))


def is_enum(annotation: Any) -> bool:
    """Whether an annotation is an enumeration class."""
    return isinstance(annotation, type) and issubclass(annotation, Enum)


def python_class(annotation: Any) -> type:
    """The class whose instances an annotation describes; `object` when there is no single one."""
    origin = get_origin(annotation)
    if origin is Literal:
        sample: object = get_args(annotation)[0]
        return type(sample)
    if origin is Annotated:
        return python_class(get_args(annotation)[0])
    if annotation is Any or origin in {Union, types.UnionType}:
        return object
    if isinstance(origin, type):
        return origin
    return annotation if isinstance(annotation, type) else object


def sql_type(annotation: Any) -> str:
    """The PostgreSQL column type for a Python annotation."""
    if is_enum(annotation):
        return sql_type(type(next(iter(annotation)).value))
    origin = get_origin(annotation)
    if origin is Annotated:
        return sql_type(get_args(annotation)[0])
    if origin is list:
        item = sql_type(get_args(annotation)[0])
        # Lists of scalars become arrays; a list of anything nullable or structured stays one JSON document.
        return "jsonb" if item == "jsonb" or item.endswith("[]") else f"{item}[]"
    return SQL_TYPES.get(python_class(annotation), "jsonb")


def is_plain_json(annotation: Any) -> bool:
    """Whether decoding JSON alone gives a value of this type."""
    if annotation in (Any, object, dict, list, str, int, float, bool, type(None)):
        return True
    origin = get_origin(annotation)
    if origin in {dict, list, Union, types.UnionType, Sequence, Mapping}:
        return all(map(is_plain_json, get_args(annotation)))
    return bool(getattr(annotation, "__json__", False)) or is_json_alias(annotation)


def is_json_alias(annotation: Any) -> bool:
    """Whether an annotation is Sorbus' own recursive `Json` type."""
    return getattr(annotation, "__name__", "") == "Json"


def type_name(annotation: Any) -> str:
    """A short name: `UUID` rather than `uuid.UUID`."""
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__name__
    args = get_args(annotation)
    if args:
        origin = get_origin(annotation)
        name = getattr(origin, "__name__", str(origin))
        return (
            f"{name}[{', '.join(type_name(arg) if not isinstance(arg, str) else repr(arg) for arg in args)}]"
        )
    return getattr(annotation, "__name__", str(annotation))
