"""Filters and sorts from outside: only over public fields, each operator only where it has a meaning.

Conditions are built with the expression language, so that the engine, its policies and its tenancy see them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sorbus.apis.json_api.surface import Exposed
from sorbus.apis.json_api.texts import TextCast
from sorbus.errors.inputs import InvalidFilter
from sorbus.expressions.build import Expr, Sort
from sorbus.schema.fields import CalculationSpec
from sorbus.types.base import FieldType

Condition = Callable[[Expr[Any], Any], Expr[bool]]

MOST_FILTERS = 24
MOST_SORTS = 8
MOST_ALTERNATIVES = 200
"""The most values of an `in`."""

OPERATORS: Mapping[str, Condition] = MappingProxyType(
    {
        "eq": lambda field, value: field == value,
        "not_eq": lambda field, value: field != value,
        "in": lambda field, value: field.is_in(value),
        "is_nil": lambda field, value: field.is_null() if value else ~field.is_null(),
        "less_than": lambda field, value: field < value,
        "less_than_or_equal": lambda field, value: field <= value,
        "greater_than": lambda field, value: field > value,
        "greater_than_or_equal": lambda field, value: field >= value,
        "contains": lambda field, value: field.contains(value),
        "starts_with": lambda field, value: field.starts_with(value),
    }
)
"""What a filter may ask, by name."""

_EQUALITY = ("eq", "not_eq", "in", "is_nil")
_ORDER = ("less_than", "less_than_or_equal", "greater_than", "greater_than_or_equal")
_TEXT = ("contains", "starts_with")
_PLAIN = {
    "uuid",
    "text",
    "citext",
    "bigint",
    "double precision",
    "boolean",
    "numeric",
    "date",
    "interval",
} | {
    "timestamp with time zone",
    "time without time zone",
}
_TRUTH = FieldType(annotation=bool)


@dataclass(frozen=True, kw_only=True)
class FilterField:
    """A field that may be filtered by.

    Attributes:
        expression: the declared field.
        operators: the operators that its type has.
    """

    name: str
    type: FieldType
    expression: Expr[Any]
    operators: tuple[str, ...]
    cast: TextCast
    sortable: bool


def operators_for(kind: FieldType) -> tuple[str, ...]:
    """The operators that have a meaning for a type."""
    if kind.sql not in _PLAIN:
        return ("is_nil",)
    if kind.choices or kind.sql == "boolean":
        return _EQUALITY
    return (*_EQUALITY, *_ORDER, *(_TEXT if kind.sql in {"text", "citext"} else ()))


class Filters:
    """The filters and sorts of one exposed resource; built once."""

    def __init__(self, exposed: Exposed) -> None:
        spec = exposed.spec
        self.resource = spec.name
        key = spec.primary_key
        self.fields: dict[str, FilterField] = {}
        self._add(spec.python, "id", key.name, key.type, key)
        for name, each in exposed.attributes.items():
            self._add(spec.python, name, name, each.type, each)
        for name, derived in exposed.derived.items():
            # A calculation in Python has no value before the row is here.
            if not isinstance(derived, CalculationSpec) or derived.node is not None:
                self._add(spec.python, name, name, derived.type, derived)
        self.sortable = tuple(each.name for each in self.fields.values() if each.sortable)
        self.stored = frozenset({"id", *exposed.attributes})
        self._truth = TextCast(_TRUTH)

    def _add(self, python: type[Any], name: str, field: str, kind: FieldType, spec: Any) -> None:
        self.fields[name] = FilterField(
            name=name,
            type=kind,
            expression=getattr(python, field),
            operators=operators_for(kind) if getattr(spec, "filterable", True) else (),
            cast=TextCast(kind),
            sortable=kind.sql in _PLAIN and getattr(spec, "sortable", True),
        )

    def condition(self, name: str, operator: str, text: str) -> Expr[bool]:
        """The condition of one `filter[name][operator]=text`.

        Raises:
            InvalidFilter: the field is not public, does not have the operator, or the text is no value of it.
        """
        field = self.fields.get(name)
        if field is None or not field.operators:
            allowed = [each.name for each in self.fields.values() if each.operators]
            raise self._refused(name[:100], name, allowed=allowed)
        if operator not in field.operators:
            problem = f"`{name}` cannot be filtered with `{operator[:100]}`"
            raise self._refused(name, operator[:100], allowed=field.operators, problem=problem)
        try:
            value = self._value(field, operator, text)
        except ValueError:
            expected = "true, false" if operator == "is_nil" else field.cast.expected
            problem = f"`{text[:100]}` is no value of `{name}`"
            raise self._refused(name, name, allowed=[expected], problem=problem) from None
        return OPERATORS[operator](field.expression, value)

    def _value(self, field: FilterField, operator: str, text: str) -> Any:
        if operator == "is_nil":
            return self._truth(text)
        if operator != "in":
            return field.cast(text)
        texts = text.split(",")
        if len(texts) > MOST_ALTERNATIVES:
            raise ValueError(text)
        return [field.cast(each) for each in texts]

    def _refused(self, name: str, wanted: str, *, allowed: Any, problem: str = "") -> InvalidFilter:
        error = InvalidFilter(self.resource, wanted, allowed=allowed, problem=problem)
        error.path = ("query", f"filter[{name}]")
        return error

    def sorts(self, text: str) -> tuple[tuple[Sort, ...], bool]:
        """The terms of `sort=-a,b`, and whether all are over stored fields, as keyset pages need.

        Raises:
            InvalidFilter: a term is not over a public field that can be sorted by.
        """
        names = [each.strip() for each in text.split(",")] if text else []
        terms: list[Sort] = []
        stored = True
        for each in names:
            name = each.removeprefix("-")
            field = self.fields.get(name)
            if field is None or not field.sortable or len(names) > MOST_SORTS:
                problem = f"at most {MOST_SORTS} sort terms" if len(names) > MOST_SORTS else ""
                error = InvalidFilter(self.resource, name[:100], allowed=self.sortable, problem=problem)
                error.path = ("query", "sort")
                raise error
            stored = stored and name in self.stored
            terms.append(field.expression.desc() if each.startswith("-") else field.expression.asc())
        return tuple(terms), stored
