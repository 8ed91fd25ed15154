"""Conditions from query strings: `filter[title][contains]=x`, over relationships, with `and`, `or` and `not`.

The same condition can be given as JSON: `filter={"or": [{"title": {"contains": "x"}}, {"rank": {"eq": 1}}]}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import msgspec

from sorbus.apis.json_api.filters import Filters, refused
from sorbus.errors.http import InvalidParameter
from sorbus.expressions.build import Built, ExistsExpr, Expr, Untrusted
from sorbus.query.input_fields import OF_SEVERAL, InputField
from sorbus.query.inputs import DEEPEST, LOGIC, comparison
from sorbus.types.base import FieldType

MOST_FILTERS = 24
_TRUTH = FieldType(annotation=bool)


@dataclass(slots=True)
class Part:
    """A part of a condition: values that stand here, and what lies behind names or numbers.

    Attributes:
        values: the texts or JSON values, each with whether it is a text.
    """

    values: list[tuple[Any, bool]] = field(default_factory=list[tuple[Any, bool]])
    members: dict[str, Part] = field(default_factory=dict[str, "Part"])

    def at(self, names: Sequence[str]) -> Part:
        """The part behind some names, made when it is not there."""
        found = self
        for name in names:
            found = found.members.setdefault(name, Part())
        return found


class ConditionTree:
    """The condition that the parameters of one family make: `filter[…]`, or `filter_included[path][…]`.

    Args:
        parameter: the family's name with what stands before the condition.
    """

    def __init__(self, parameter: str) -> None:
        self.parameter = parameter
        self.root = Part()

    def add(self, names: Sequence[str], text: str) -> None:
        """Take `parameter[names]=text`; without names the text is a condition as JSON.

        Raises:
            InvalidParameter: it is no JSON object, or nested too deeply.
        """
        if names:
            if len(names) > 3 * DEEPEST:
                raise InvalidParameter(self.parameter, problem=f"at most {DEEPEST} levels deep")
            self.root.at(names).values.append((text, True))
            return
        try:
            data = msgspec.json.decode(text.encode())
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            data = None
        if not isinstance(data, dict):
            problem = (
                'a condition is `filter[field][operator]=…`, or a JSON object as in {"field": {"eq": 1}}'
            )
            raise InvalidParameter(self.parameter, problem=problem)
        self._take(self.root, cast("dict[str, Any]", data), depth=0)

    def _take(self, part: Part, data: Any, *, depth: int) -> None:
        if depth > 2 * DEEPEST + 2:
            raise InvalidParameter(self.parameter, problem=f"at most {DEEPEST} levels deep")
        if isinstance(data, dict):
            members = cast("dict[str, Any]", data)
            for name, each in members.items():
                self._take(part.at([name]), each, depth=depth + 1)
        elif isinstance(data, list):
            items = cast("Sequence[Any]", data)
            if any(isinstance(each, dict) for each in items):
                for number, each in enumerate(items):
                    self._take(part.at([str(number)]), each, depth=depth + 1)
            else:
                part.values.append((list(items), False))
        else:
            part.values.append((data, False))

    def read(self, filters: Filters) -> tuple[Expr[bool], ...]:
        """The conditions, marked as untrusted.

        Raises:
            InvalidFilter: it names what is not public, asks what a field cannot be asked, or is no condition.
            InvalidParameter: it has too many comparisons.
        """
        reader = _Reader(self.parameter)
        return tuple(map(Untrusted, reader.members(filters, self.root, (), depth=0)))


class _Reader:
    """Reads one tree; counts its comparisons."""

    def __init__(self, parameter: str) -> None:
        self.parameter = parameter
        self.left = MOST_FILTERS

    def _path(self, names: tuple[str, ...]) -> tuple[str, str]:
        written = "".join(f"[{each[:100]}]" for each in names[: 3 * DEEPEST])
        return ("query", self.parameter + written)

    def members(
        self, filters: Filters, part: Part, names: tuple[str, ...], *, depth: int
    ) -> Iterator[Expr[bool]]:
        """What all must hold in one part."""
        if depth > DEEPEST:
            raise InvalidParameter(self.parameter, problem=f"at most {DEEPEST} levels deep")
        if part.values and names:
            allowed = [*filters.fields, *filters.ways]
            raise refused(filters.resource, names[-1][:100], self._path(names), allowed=allowed)
        for name, inner in part.members.items():
            at = (*names, name)
            if name in filters.fields:
                yield from self._field(filters, name, inner, at)
            elif name in LOGIC:
                yield self._logic(filters, name, inner, at, depth=depth)
            elif name in filters.ways:
                way = filters.ways[name]
                far = self._all(way.filters, inner, at, depth=depth + 1)
                yield ExistsExpr(way.expression, partial(_same, far))
            else:
                allowed = [*filters.fields, *filters.ways, *LOGIC]
                raise refused(filters.resource, name[:100], self._path(at), allowed=allowed)

    def _all(self, filters: Filters, part: Part, names: tuple[str, ...], *, depth: int) -> Expr[bool]:
        parts = list(self.members(filters, part, names, depth=depth))
        if not parts:
            problem = "a condition has at least one member"
            raise refused(filters.resource, names[-1][:100], self._path(names), allowed=(), problem=problem)
        return parts[0] if len(parts) == 1 else Built("and", *parts)

    def _logic(
        self, filters: Filters, name: str, part: Part, names: tuple[str, ...], *, depth: int
    ) -> Expr[bool]:
        if name == "not":
            return Built("not", self._all(filters, part, names, depth=depth + 1))
        numbers = part.members
        if part.values or not numbers or not all(each.isascii() and each.isdigit() for each in numbers):
            problem = f"`{name}` takes numbered conditions, as in `[{name}][0][field]=…`"
            raise refused(filters.resource, name, self._path(names), allowed=(), problem=problem)
        parts = [
            self._all(filters, inner, (*names, number), depth=depth + 1) for number, inner in numbers.items()
        ]
        return parts[0] if len(parts) == 1 else Built(name, *parts)

    def _field(self, filters: Filters, name: str, part: Part, names: tuple[str, ...]) -> Iterator[Expr[bool]]:
        for value, textual in part.values:
            yield self._compare(filters, name, "eq", value, textual, names)
        for operator, inner in part.members.items():
            at = (*names, operator)
            if inner.members or not inner.values:
                problem = f"`{name}` takes `[{name}][operator]=value`"
                allowed = filters.fields[name].operators
                raise refused(
                    filters.resource, operator[:100], self._path(at), allowed=allowed, problem=problem
                )
            for value, textual in inner.values:
                yield self._compare(filters, name, operator, value, textual, at)

    def _compare(
        self,
        filters: Filters,
        name: str,
        operator: str,
        value: Any,
        textual: bool,
        names: tuple[str, ...],
    ) -> Expr[bool]:
        self.left -= 1
        if self.left < 0:
            problem = f"a request takes at most {MOST_FILTERS} filters"
            raise InvalidParameter(self.parameter, problem=problem)
        known: Mapping[str, InputField] = filters.fields if textual else filters.plain
        if textual:
            value = _from_text(operator, value)
        make = partial(refused, filters.resource)
        return comparison(known[name], operator[:100], value, self._path(names), make)


def _same(condition: Expr[bool], _: Any) -> Expr[bool]:
    return condition


def _from_text(operator: str, text: str) -> Any:
    """The value of an operator whose value is not the field's."""
    if operator in OF_SEVERAL:
        return text.split(",")
    if operator == "is_nil":
        try:
            return _TRUTH.adapter.validate_strings(text)
        except ValueError:
            return text
    return text
