"""Fields from outside: what may be filtered and sorted by, and the terms of a sort.

What may be asked is what `Query.filter_input` allows; here it comes as texts of a query string, and goes over
relationships to resources that are shown only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sorbus.apis.json_api.surface import Exposed, Surface
from sorbus.errors.inputs import InvalidFilter
from sorbus.expressions.build import Expr, Related, Sort
from sorbus.query.input_fields import InputField, computable, storable
from sorbus.query.inputs import DEEPEST, MOST_SORTS, sort_of
from sorbus.schema.fields import RelationshipSpec


@dataclass(frozen=True, kw_only=True)
class TextField(InputField):
    """A field whose values come as texts."""

    def cast(self, value: Any) -> Any:
        """The value of a text.

        Raises:
            ValueError: it is none of the field's type.
        """
        return storable(self.operand.adapter.validate_strings(value), self.operand)


@dataclass(frozen=True, slots=True)
class Way:
    """A relationship that a filter or sort may go over."""

    relationship: RelationshipSpec
    expression: Any
    filters: Filters


class Filters:
    """The filters and sorts of one exposed resource, by names as they are spelled outside; built once."""

    def __init__(self, exposed: Exposed, book: FilterBook) -> None:
        self.exposed = exposed
        self.resource = exposed.spec.name
        self.fields: dict[str, TextField] = {}
        self.plain: dict[str, InputField] = {}
        self._sortable: dict[str, TextField] = {}
        self._book = book
        python = exposed.spec.python
        self._add(python, "id", exposed.spec.primary_key)
        for name, each in (*exposed.attributes.items(), *exposed.derived.items()):
            if computable(each):
                self._add(python, exposed.names.wire(name), each)
        self.sortable = tuple(self._sortable)

    def _add(self, python: type[Any], name: str, spec: Any) -> None:
        field = TextField(name=name, type=spec.type, expression=getattr(python, spec.name))
        if getattr(spec, "filterable", True):
            self.fields[name] = field
            self.plain[name] = InputField(name=name, type=spec.type, expression=field.expression)
        if getattr(spec, "sortable", True) and field.sortable:
            self._sortable[name] = field

    @cached_property
    def ways(self) -> dict[str, Way]:
        """The relationships to resources that are shown."""
        exposed = self.exposed
        return {
            exposed.names.wire(name): Way(
                each,
                getattr(exposed.spec.python, name),
                self._book[self._book.surface.destination(each)],
            )
            for name, each in exposed.relationships.items()
        }

    def sorts(self, text: str, parameter: str = "sort") -> tuple[Sort, ...]:
        """The terms of `sort=-a,author.name,++b`; `++` puts nulls first and `--` last against the usual order.

        Raises:
            InvalidFilter: a term is not over a public field that can be sorted by.
        """
        # A plus that was not encoded has become a space.
        names = [each.rstrip().replace(" ", "+") for each in text.split(",")] if text else []
        if len(names) > MOST_SORTS:
            problem = f"at most {MOST_SORTS} sort terms"
            raise refused(self.resource, "sort", ("query", parameter), allowed=self.sortable, problem=problem)
        return tuple(self._sort(each, parameter) for each in names)

    def _sort(self, term: str, parameter: str) -> Sort:
        return sort_of(term, lambda names: self._sorted_by(names, parameter))

    def _sorted_by(self, names: list[str], parameter: str) -> Expr[Any]:
        name, *beyond = names
        if beyond:
            ways = {each: way for each, way in self.ways.items() if not way.relationship.to_many}
            way = ways.get(name)
            if way is None or len(names) > DEEPEST:
                problem = f"`{name[:100]}` is no to-one relationship that is shown"
                raise refused(self.resource, name[:100], ("query", parameter), allowed=ways, problem=problem)
            far = way.filters._sorted_by(beyond, parameter)
            return Related(way.expression, lambda _: far)
        field = self._sortable.get(name)
        if field is None:
            raise refused(self.resource, name[:100], ("query", parameter), allowed=self.sortable)
        return field.expression


class FilterBook:
    """The filters of every exposed resource, made when they are asked for."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self._known: dict[str, Filters] = {}

    def __getitem__(self, exposed: Exposed) -> Filters:
        found = self._known.get(exposed.spec.name)
        if found is None:
            found = self._known[exposed.spec.name] = Filters(exposed, self)
        return found


def refused(
    resource: str,
    name: str,
    path: tuple[str | int, ...],
    *,
    allowed: Iterable[str],
    problem: str = "",
) -> InvalidFilter:
    """The error of a filter or sort, with the parameter that it stands in."""
    error = InvalidFilter(resource, name, allowed=allowed, problem=problem)
    error.path = path
    return error
