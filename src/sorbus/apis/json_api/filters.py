"""Filters and sorts from outside: only over public fields, each operator only where it has a meaning.

What may be asked is what `Query.filter_input` allows; here it comes as texts of a query string.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from sorbus.apis.json_api.surface import Exposed
from sorbus.apis.json_api.texts import TextCast
from sorbus.errors.inputs import InvalidFilter
from sorbus.expressions.build import Expr, Sort, Untrusted
from sorbus.query.input_fields import InputField, storable
from sorbus.query.inputs import MOST_SORTS, comparison
from sorbus.schema.fields import CalculationSpec
from sorbus.types.base import FieldType

MOST_FILTERS = 24
_TRUTH = TextCast(FieldType(annotation=bool))


@dataclass(frozen=True, kw_only=True)
class TextField(InputField):
    """A field whose values come as texts."""

    @cached_property
    def _cast(self) -> TextCast:
        return TextCast(self.type)

    def cast(self, value: Any) -> Any:
        """The value of a text.

        Raises:
            ValueError: it is none of the field's type.
        """
        return storable(self._cast(value), self.type)


class Filters:
    """The filters and sorts of one exposed resource; built once."""

    def __init__(self, exposed: Exposed) -> None:
        spec = exposed.spec
        self.resource = spec.name
        self.fields: dict[str, TextField] = {}
        self._sortable: dict[str, TextField] = {}
        self._add(spec.python, "id", spec.primary_key)
        for name, each in (*exposed.attributes.items(), *exposed.derived.items()):
            # A calculation in Python has no value before the row is here.
            if not isinstance(each, CalculationSpec) or each.node is not None:
                self._add(spec.python, name, each)
        self.sortable = tuple(self._sortable)

    def _add(self, python: type[Any], name: str, spec: Any) -> None:
        field = TextField(name=name, type=spec.type, expression=getattr(python, spec.name))
        if getattr(spec, "filterable", True):
            self.fields[name] = field
        if getattr(spec, "sortable", True) and field.sortable:
            self._sortable[name] = field

    def condition(self, name: str, operator: str, text: str) -> Expr[bool]:
        """The condition of one `filter[name][operator]=text`.

        Raises:
            InvalidFilter: the field is not public, does not have the operator, or the text is no value of it.
        """
        refused = partial(_refused, self.resource)
        path = ("query", f"filter[{name[:100]}]")
        field = self.fields.get(name)
        if field is None:
            raise refused(name[:100], path, allowed=self.fields)
        value: Any = text.split(",") if operator == "in" else text
        if operator == "is_nil":
            value = _truth(text)
        return Untrusted(comparison(field, operator[:100], value, path, refused))

    def sorts(self, text: str) -> tuple[Sort, ...]:
        """The terms of `sort=-a,b`.

        Raises:
            InvalidFilter: a term is not over a public field that can be sorted by.
        """
        names = [each.strip() for each in text.split(",")] if text else []
        terms: list[Sort] = []
        for each in names:
            name = each.removeprefix("-")
            field = self._sortable.get(name)
            if field is None or len(names) > MOST_SORTS:
                problem = f"at most {MOST_SORTS} sort terms" if len(names) > MOST_SORTS else ""
                raise _refused(
                    self.resource, name[:100], ("query", "sort"), allowed=self.sortable, problem=problem
                )
            terms.append(Sort(Untrusted(field.expression), descending=each.startswith("-")))
        return tuple(terms)


def _truth(text: str) -> Any:
    try:
        return _TRUTH(text)
    except ValueError:
        return text


def _refused(
    resource: str,
    name: str,
    path: tuple[str | int, ...],
    *,
    allowed: Iterable[str],
    problem: str = "",
) -> InvalidFilter:
    error = InvalidFilter(resource, name, allowed=allowed, problem=problem)
    error.path = path
    return error
