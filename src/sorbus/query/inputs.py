"""Filters and sorts from outside: plain data, checked against what is public, and marked as untrusted.

A field's condition is always a map of operators, and an operator's value is always a plain value. So a caller who
may choose a value can never choose the question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, cast

from sorbus.errors.inputs import InvalidFilter
from sorbus.expressions.build import Built, ExistsExpr, Expr, Related, Sort, Untrusted
from sorbus.query.input_fields import MOST_ALTERNATIVES, OF_SEVERAL, OPERATORS, InputField, computable
from sorbus.schema.fields import RelationshipSpec
from sorbus.schema.resource import ApplicationSpec, ResourceSpec
from sorbus.scope import Scope

MOST_CONDITIONS = 100
DEEPEST = 8
MOST_SORTS = 8
LONGEST_SORT = 1_000
LOGIC = ("and", "or", "not")

Path = tuple[str | int, ...]


class FilterInput:
    """A condition from outside. With a scope it is checked at once, else when its query runs."""

    __slots__ = ("data", "found", "resource")

    def __init__(self, resource: type[Any], data: Any, scope: Scope | None) -> None:
        self.resource = resource
        self.data = data
        self.found: tuple[Expr[bool], ...] | None = None
        if scope is not None and scope.runtime is not None:
            self.read(scope.runtime.planner.inputs)

    def read(self, reader: InputReader) -> tuple[Expr[bool], ...]:
        """The conditions in it: one, or none when it asks for nothing."""
        if self.found is None:
            self.found = reader.condition(self.resource, self.data)
        return self.found


class SortInput:
    """A sort from outside; checked as a `FilterInput` is."""

    __slots__ = ("data", "found", "resource")

    def __init__(self, resource: type[Any], data: str | Sequence[str], scope: Scope | None) -> None:
        self.resource = resource
        self.data = data
        self.found: tuple[Sort, ...] | None = None
        if scope is not None and scope.runtime is not None:
            self.read(scope.runtime.planner.inputs)

    def read(self, reader: InputReader) -> tuple[Sort, ...]:
        """The terms in it."""
        if self.found is None:
            self.found = reader.sorts(self.resource, self.data)
        return self.found


class Refused(Protocol):
    """Makes the error of what was refused at a path."""

    def __call__(self, name: str, path: Path, *, allowed: Iterable[str], problem: str = "") -> InvalidFilter:
        """The error to raise."""
        ...


class InputReader:
    """Reads filters and sorts from outside for the resources of one application."""

    def __init__(self, application: ApplicationSpec) -> None:
        self.application = application
        self._fields: dict[tuple[str, str], dict[str, InputField]] = {}

    def filterable(self, spec: ResourceSpec) -> Mapping[str, InputField]:
        """The public fields of a resource that may be filtered by."""
        return self._public(spec, "filterable")

    def sortable(self, spec: ResourceSpec) -> Mapping[str, InputField]:
        """The public fields of a resource that may be sorted by."""
        return self._public(spec, "sortable")

    def _public(self, spec: ResourceSpec, use: str) -> dict[str, InputField]:
        found = self._fields.get((spec.name, use))
        if found is None:
            found = {
                name: InputField(name=name, type=each.type, expression=getattr(spec.python, name))
                for name, each in spec.fields.items()
                if each.public and getattr(each, use, True) and computable(each)
            }
            if use == "sortable":
                found = {name: each for name, each in found.items() if each.sortable}
            self._fields[(spec.name, use)] = found
        return found

    def condition(self, resource: type[Any], data: Any) -> tuple[Expr[bool], ...]:
        """The condition in some data, marked as untrusted; none when it is empty.

        Raises:
            InvalidFilter: it names what it may not, is too deep or too large, or is no condition.
        """
        spec = self.application.by_class[resource]
        if isinstance(data, Mapping) and not data:
            return ()
        return (Untrusted(_ConditionReader(self).read(spec, data, ("filter",), depth=0)),)

    def sorts(self, resource: type[Any], data: str | Sequence[str]) -> tuple[Sort, ...]:
        """The sort terms in some data, marked as untrusted.

        Raises:
            InvalidFilter: a term is not over a public field that may be sorted by.
        """
        spec = self.application.by_class[resource]
        refused = partial(_sort_refused, spec.name)
        given: object = data
        if isinstance(given, str):
            terms: list[object] = list(given[: LONGEST_SORT + 1].split(",")) if given else []
            if len(given) > LONGEST_SORT:
                raise refused("sort", allowed=(), problem=f"a sort has at most {LONGEST_SORT} characters")
        elif isinstance(given, (list, tuple)):
            terms = list(cast("Sequence[object]", given))
        else:
            raise refused("sort", allowed=(), problem="a sort is a text or a list of texts")
        if len(terms) > MOST_SORTS:
            raise refused("sort", allowed=(), problem=f"a sort has at most {MOST_SORTS} terms")
        return tuple(self._sort(spec, term) for term in terms)

    def _sort(self, spec: ResourceSpec, given: object) -> Sort:
        refused = partial(_sort_refused, spec.name)
        if not isinstance(given, str) or len(given) > LONGEST_SORT:
            raise refused("sort", allowed=(), problem="a sort term is a short text")
        return sort_of(given.strip(), lambda names: self._sorted_by(spec, names, refused))

    def _sorted_by(
        self, spec: ResourceSpec, names: Sequence[str], refused: Callable[..., InvalidFilter]
    ) -> Expr[Any]:
        name, *beyond = names
        if beyond:
            ways = {
                each.name: each for each in spec.relationships.values() if each.public and not each.to_many
            }
            relationship = ways.get(name)
            if relationship is None or len(names) > DEEPEST:
                raise refused(
                    name[:100], allowed=ways, problem=f"`{name[:100]}` is no public to-one relationship"
                )
            far = self._sorted_by(self.application.destination(relationship), beyond, refused)
            return Related(getattr(spec.python, name), lambda _: far)
        fields = self.sortable(spec)
        if name not in fields:
            raise refused(name[:100], allowed=fields)
        return fields[name].expression


def sort_of(term: str, read: Callable[[list[str]], Expr[Any]]) -> Sort:
    """A sort term: `-` before the name means descending, `++` nulls first, `--` descending with nulls last.

    Args:
        read: makes the expression from the names between the dots.
    """
    sign = next((each for each in ("--", "++", "-", "+") if term.startswith(each)), "")
    nulls = {"--": False, "++": True}.get(sign)
    expression = read(term.removeprefix(sign).split("."))
    return Sort(Untrusted(expression), descending=sign.startswith("-"), nulls_first=nulls)


class _ConditionReader:
    """Reads one condition; counts what it is made of."""

    def __init__(self, reader: InputReader) -> None:
        self.reader = reader
        self.left = MOST_CONDITIONS

    def read(self, spec: ResourceSpec, data: Any, path: Path, *, depth: int) -> Expr[bool]:
        """The condition in a map: all of its members hold."""
        refused = partial(_refused, spec.name)
        if not isinstance(data, Mapping) or not data:
            raise refused("filter", path, allowed=(), problem="a condition is a map with at least one member")
        if depth > DEEPEST:
            raise refused("filter", path, allowed=(), problem=f"a filter is at most {DEEPEST} levels deep")
        parts: list[Expr[bool]] = []
        members: Mapping[Any, Any] = data  # pyright: ignore[reportUnknownVariableType]
        for name, inner in members.items():
            self._count(spec, path)
            text = (name if isinstance(name, str) else repr(name))[:100]
            parts.append(self._member(spec, text, inner, (*path, text), depth=depth))
        return parts[0] if len(parts) == 1 else Built("and", *parts)

    def _count(self, spec: ResourceSpec, path: Path) -> None:
        self.left -= 1
        if self.left < 0:
            problem = f"a filter has at most {MOST_CONDITIONS} conditions"
            raise _refused(spec.name, "filter", path, allowed=(), problem=problem)

    def _member(self, spec: ResourceSpec, name: str, inner: Any, path: Path, *, depth: int) -> Expr[bool]:
        if name in LOGIC:
            return self._logic(spec, name, inner, path, depth=depth)
        fields = self.reader.filterable(spec)
        if name in fields:
            return self._field(spec, fields[name], inner, path)
        ways = {each.name: each for each in spec.relationships.values() if each.public}
        if name in ways:
            return self._related(spec, ways[name], inner, path, depth=depth)
        raise _refused(spec.name, name, path, allowed=[*fields, *ways, *LOGIC])

    def _logic(self, spec: ResourceSpec, name: str, inner: Any, path: Path, *, depth: int) -> Expr[bool]:
        if name == "not":
            return Built("not", self.read(spec, inner, path, depth=depth + 1))
        if not isinstance(inner, (list, tuple)) or not inner:
            problem = f"`{name}` takes a list with at least one condition"
            raise _refused(spec.name, name, path, allowed=(), problem=problem)
        several = cast("Sequence[Any]", inner)
        parts = [
            self.read(spec, each, (*path, place), depth=depth + 1)
            for place, each in enumerate(several[: MOST_CONDITIONS + 1])
        ]
        return parts[0] if len(parts) == 1 else Built(name, *parts)

    def _related(
        self, spec: ResourceSpec, way: RelationshipSpec, inner: Any, path: Path, *, depth: int
    ) -> Expr[bool]:
        """Whether a related row meets a condition; the engine lets only those count that the actor may read."""
        relationship = getattr(spec.python, way.name)
        if isinstance(inner, Mapping) and not inner:
            return ExistsExpr(relationship, None)
        far = self.read(self.reader.application.destination(way), inner, path, depth=depth + 1)
        return ExistsExpr(relationship, lambda _: far)

    def _field(self, spec: ResourceSpec, field: InputField, inner: Any, path: Path) -> Expr[bool]:
        if not isinstance(inner, Mapping) or not inner:
            problem = f'`{field.name}` takes a map of operators, as in {{"{field.operators[0]}": …}}'
            raise _refused(spec.name, field.name, path, allowed=field.operators, problem=problem)
        parts: list[Expr[bool]] = []
        members: Mapping[Any, Any] = inner  # pyright: ignore[reportUnknownVariableType]
        for name, value in members.items():
            self._count(spec, path)
            operator = (name if isinstance(name, str) else repr(name))[:100]
            refused = partial(_refused, spec.name)
            parts.append(comparison(field, operator, value, (*path, operator), refused))
        return parts[0] if len(parts) == 1 else Built("and", *parts)


def comparison(field: InputField, operator: str, value: Any, path: Path, refused: Refused) -> Expr[bool]:
    """One operator of a field with a value from outside.

    Raises:
        InvalidFilter: the field does not have the operator, or the value is none of its type.
    """
    if operator not in field.operators:
        problem = f"`{field.name}` cannot be filtered with `{operator}`"
        raise refused(operator, path, allowed=field.operators, problem=problem)
    expected = "true, false" if operator == "is_nil" else field.expected
    if operator in OF_SEVERAL and _count(value) > MOST_ALTERNATIVES:
        problem = f"`{operator}` has more than {MOST_ALTERNATIVES} alternatives"
        raise refused(field.name, path, allowed=[f"up to {MOST_ALTERNATIVES}"], problem=problem)
    try:
        found = _value(field, operator, value)
    except (ValueError, OverflowError, RecursionError):
        shown = f"{value!r}"[:100]
        problem = f"{shown} is no value of `{field.name}`"
        if value is None and operator in {"eq", "not_eq"}:
            problem += "; ask for null with `is_nil`"
        raise refused(field.name, path, allowed=[expected], problem=problem) from None
    return OPERATORS[operator](field.expression, found)


def _count(value: Any) -> int:
    return len(cast("Sequence[Any]", value)) if isinstance(value, list | tuple) else 0


def _value(field: InputField, operator: str, value: Any) -> Any:
    if operator == "is_nil":
        if not isinstance(value, bool):
            raise ValueError("no truth value")
        return value
    if operator not in OF_SEVERAL:
        return field.cast(value)
    if not isinstance(value, (list, tuple)):
        raise ValueError("no list")  # noqa: TRY004  # the caller refuses it as any other value
    return [field.cast(each) for each in cast("Sequence[Any]", value)]


def _refused(
    resource: str, name: str, path: Path, *, allowed: Iterable[str], problem: str = ""
) -> InvalidFilter:
    error = InvalidFilter(resource, name, allowed=allowed, problem=problem)
    error.path = path
    return error


def _sort_refused(resource: str, name: str, *, allowed: Iterable[str], problem: str = "") -> InvalidFilter:
    return _refused(resource, name, ("sort",), allowed=allowed, problem=problem)
