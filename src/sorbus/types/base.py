"""Field types: from a Python annotation to casting, storage and JSON Schema.

Casting and constraints are Pydantic's (`TypeAdapter`) and the rules' own; what PostgreSQL stores follows from
the Python type.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from sorbus.types import storing
from sorbus.types.binary import FROM_BASE64
from sorbus.types.codecs import Codec, adapter_for, codec_of, mentions_bytes
from sorbus.types.json_schemas import inlined
from sorbus.types.limits import Constraints, Limits
from sorbus.types.names import (
    admits_null,
    bare,
    is_enum,
    is_json_alias,
    parts,
    python_class,
    resolve,
    type_name,
    without_null,
)
from sorbus.types.plain_json import quickened
from sorbus.types.purposes import Purpose, describing
from sorbus.types.rules import TypeRule, rule_of
from sorbus.types.sql import SQL_TYPES, column_type, extensions_of, is_plain_json, sql_type

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = [
    "SQL_TYPES",
    "Constraints",
    "FieldType",
    "field_type",
    "is_enum",
    "is_json_alias",
    "is_plain_json",
    "python_class",
    "split_optional",
    "sql_type",
    "type_name",
]

split_optional = without_null
"""The annotation without `None`, and whether it had it."""


@dataclass(frozen=True, kw_only=True)
class FieldType:
    """What a field holds.

    Attributes:
        annotation: the Python type without `None`, aliases and limits of its own.
        nullable: whether `None` is a value.
        constraints: limits on the value.
        sql: the type of expressions and parameters in PostgreSQL.
    """

    annotation: Any
    nullable: bool = False
    constraints: Limits = field(default_factory=Limits)

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """The validator of a value from outside, with constraints and nullability."""
        # Declaring needs no validator, and Pydantic is most of the time that an import takes.
        return adapter_for(self._limited())

    def _limited(self) -> Any:
        """The annotation with its limits, as Pydantic reads it."""
        from pydantic import BeforeValidator

        inner: Any = self.annotation
        limits = self.constraints.without("empty_as_null")
        if self.rule is not None and limits:
            inner = _ruled(inner, self.rule, limits)
        elif limits:
            inner = Annotated[inner, *limits]
        if self.python is bytes and self.rule is None:
            inner = Annotated[inner, FROM_BASE64]
        if self.nullable and not admits_null(self.annotation):
            inner = inner | None
        if self.constraints.empty_as_null:
            empty = _empty_to_null if self.nullable else _no_empty
            inner = Annotated[inner, BeforeValidator(empty)]
        return inner

    @cached_property
    def validator(self) -> Callable[[Any], Any]:
        """From a value from outside to one that a column of the type can hold.

        Raises, when called:
            ValueError: it is none; Pydantic's own error tells where in it.
        """
        validate: Callable[[Any], Any] = self.adapter.validate_python
        if self.sql == "jsonb" and mentions_bytes(self.annotation):
            validate = _reading_json(self.adapter)
        elif not self.constraints:
            validate = quickened(self.annotation, validate)
        check = self._storable
        if check is None:
            return validate

        def checked(value: Any) -> Any:
            found = validate(value)
            return found if found is None else check(found)

        return checked

    @cached_property
    def column_validator(self) -> Callable[[list[Any]], list[Any]]:
        """What `validator` does, for many values at once.

        Raises, when called:
            ValueError: one of them is none; `validator` tells of each what is wrong with it.
        """
        from pydantic_core import SchemaValidator, core_schema

        validate = self.validator
        schema: Any = self.adapter.core_schema
        if (
            self.sql == "jsonb" or schema.__class__ is not dict
        ):  # a quick way of its own, or a model in the making
            return lambda values: [validate(each) for each in values]
        # One call for the whole column; the schema of an item, with its configuration, is the adapter's own.
        whole = SchemaValidator(core_schema.list_schema(schema, strict=True)).validate_python
        check = self._storable
        if check is None:
            return whole
        return lambda values: [each if each is None else check(each) for each in whole(values)]

    @cached_property
    def _storable(self) -> Callable[[Any], Any] | None:
        if self.enum is not None or self.embeds:
            return None
        hold = storing.document if self.sql == "jsonb" else storing.check_for(self.sql)
        dump = self.codec.dump
        if hold is None or dump is None:
            return hold

        def check(value: Any) -> Any:
            hold(dump(value))
            return value

        return check

    @cached_property
    def rule(self) -> TypeRule[Any] | None:
        """The rule of the type, when it has one of its own."""
        return rule_of(self.annotation)

    @cached_property
    def codec(self) -> Codec:
        """The conversions between values and their stored form."""
        return codec_of(self.annotation)

    def stored(self, value: Any) -> Any:
        """The stored form of a value."""
        dump = self.codec.dump
        return value if dump is None or value is None else dump(value)

    @cached_property
    def stored_limits(self) -> Limits:
        """The limits with their bounds in stored form, as a row or column is held to them."""
        bounds = {name: getattr(self.constraints, name) for name in ("ge", "gt", "le", "lt")}
        return replace(self.constraints, **{name: self.stored(bound) for name, bound in bounds.items()})

    @cached_property
    def embeds(self) -> bool:
        """Whether embedded resources may lie in it, whose own actions cast and check them."""
        return any(
            isinstance(each, type) and hasattr(each, "__embedded__") for each in parts(self.annotation)
        )

    def shown(self, value: Any) -> Any:
        """What interfaces show of a value."""
        show = self.codec.show
        return value if show is None or value is None else show(value)

    @cached_property
    def python(self) -> type:
        """The class of a value: `list` for `list[str]`, `str` for a `Literal` of strings."""
        return python_class(self.annotation)

    @cached_property
    def sql(self) -> str:
        """The type of expressions and parameters in PostgreSQL."""
        return sql_type(self.annotation)

    @cached_property
    def column(self) -> str:
        """The type of the column, with the limits that it holds itself, as in `numeric(10,2)`."""
        return column_type(self.annotation, self.constraints)

    @cached_property
    def extensions(self) -> frozenset[str]:
        """The extensions of PostgreSQL that the column needs."""
        return extensions_of(self.annotation)

    @cached_property
    def enum(self) -> type[Enum] | None:
        """The enumeration, when the type is one."""
        found = bare(self.annotation)
        return found if is_enum(found) else None

    @cached_property
    def choices(self) -> tuple[Any, ...]:
        """Every stored value, when the type is an enumeration or a literal; else empty."""
        if self.enum is not None:
            return tuple(member.value for member in self.enum)
        found = bare(self.annotation)
        return get_args(found) if get_origin(found) is Literal else ()

    @cached_property
    def structured(self) -> bool:
        """Whether a stored value must be loaded to become the declared Python type."""
        return self.codec.load is not None

    def json_schema(self, purpose: Purpose = Purpose.SHOWN) -> dict[str, Any]:
        """The JSON Schema of a value that is shown, or taken as an input."""
        with describing(purpose, item=self.python is list):
            return self.adapter.json_schema()

    def describe(self) -> str:
        """The type as it is written in a declaration."""
        name = type_name(self.annotation)
        return f"{name} | None" if self.nullable and not admits_null(self.annotation) else name


def field_type(annotation: Any, **limits: Any) -> FieldType:
    """The field type of a Python annotation with further limits."""
    found = resolve(annotation)
    whole = found.limits.with_(Limits(**limits)) if limits else found.limits
    return FieldType(annotation=found.annotation, nullable=found.nullable, constraints=whole)


def _ruled(annotation: Any, rule: TypeRule[Any], limits: Limits) -> Any:
    """A type with a rule, within limits."""
    from pydantic import AfterValidator

    if rule.limited is not None:
        return Annotated[rule.limited, *limits, AfterValidator(rule.cast)]
    check = AfterValidator(lambda value: rule.constrain(value, limits))
    return Annotated[annotation, check, _Shown(inlined(rule.json_schema(limits)))]


class _Shown:
    """The JSON Schema of a type within limits, in `Annotated`."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return self.schema or handler(schema)


def _empty_to_null(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _no_empty(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise ValueError("it must not be empty")
    return value


def _reading_json(adapter: TypeAdapter[Any]) -> Callable[[Any], Any]:
    """Binary data inside a document comes as base64, which only the reading of JSON takes."""
    import msgspec

    def validate(value: Any) -> Any:
        if isinstance(value, (dict, list)):
            try:
                encoded = msgspec.json.encode(value)
            except (TypeError, ValueError, OverflowError, RecursionError):
                return adapter.validate_python(value)
            return adapter.validate_json(encoded)
        return adapter.validate_python(value)

    return validate
