"""Lowering: from what was written to plain nodes, with the resources' names and types at hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

from sorbus.errors.declaration import CircularCalculation, ForeignField, WrongValueType
from sorbus.expressions.expr import Expr
from sorbus.expressions.nodes import NAMED, NULL, Call, Const, Lazy, Node, Param, Ref, outward
from sorbus.types.base import FieldType

_DEEPEST = 8
"""How often a calculation may use itself with other arguments."""


class Catalog(Protocol):
    """What is known about the declared classes."""

    def type_of(self, owner: type[Any], name: str) -> FieldType | None:
        """The type of a field, or None where it is not known yet."""
        ...

    def destination(self, relationship: Any) -> type[Any]:
        """The class at the far end of a relationship."""
        ...

    def calculation(self, owner: type[Any], call: Any) -> Expr[Any]:
        """The expression of a calculation with arguments, these cast and checked."""
        ...


@dataclass(frozen=True, slots=True)
class Lowerer:
    """Lowers expressions over the rows of `stack[-1]`; the classes before it enclose it.

    Attributes:
        values: where plain values are collected as parameters of a plan; None keeps them in the nodes.
        trail: the calculations with arguments that are being lowered.
    """

    catalog: Catalog
    stack: tuple[type[Any], ...]
    values: list[Any] | None = field(default=None)
    trail: tuple[str, ...] = ()

    def field(self, field: Any) -> Ref:
        """The reference of a field of the innermost class that has it."""
        for outer, cls in enumerate(reversed(self.stack)):
            if issubclass(cls, field.owner):
                return Ref(field.name, outer=outer)
        raise ForeignField(field.name, of=field.owner.__name__, seen_from=self.stack[-1].__name__)

    def value(self, value: Any, beside: Any) -> Node:
        """A constant, or the next parameter, checked against the type of the field beside it."""
        if value is None:
            return NULL
        owner = getattr(beside, "owner", None)
        if owner is not None:
            expected = self.catalog.type_of(owner, beside.name)
            if expected is not None:
                _check(value, expected, f"{owner.__name__}.{beside.name}")
                value = _stored(value, expected)
        several = _several(value)
        plain = value if several is None else several
        if self.values is None:
            return Const(plain)
        self.values.append(plain)
        sample: object = several[0] if several else plain
        kind: Any = type(sample)
        return Param(len(self.values) - 1, list[kind] if several else kind)

    def into(self, relationship: Any) -> tuple[str, Any, Lowerer]:
        """The lowering of expressions over the rows that a relationship leads to.

        A path without a name of its own has that of its steps, joined by dots.
        """
        unnamed: tuple[Any, ...] = () if relationship.name else relationship.steps
        if unnamed:
            first, *steps = unnamed
            name, destination, _ = self.into(first)
            for step in steps:
                further, destination, _ = Lowerer(self.catalog, (destination,)).into(step(destination))
                name = f"{name}.{further}"
            return name, destination, replace(self, stack=(*self.stack, destination))
        if not any(issubclass(self.stack[-1], each) for each in (relationship.owner,)):
            raise ForeignField(
                relationship.name, of=relationship.owner.__name__, seen_from=self.stack[-1].__name__
            )
        destination = self.catalog.destination(relationship)
        return relationship.name, destination, replace(self, stack=(*self.stack, destination))

    def computed_value(self, function: Any, annotation: Any) -> Node:
        """The value that a function gives now, for a query; a declaration asks it each time it runs."""
        if self.values is None:
            return Lazy(function, annotation)
        return self.value(function(), None)

    def outside(self) -> Lowerer | None:
        """The lowering of expressions over the enclosing row."""
        return replace(self, stack=self.stack[:-1]) if len(self.stack) > 1 else None

    def source(self, relationship: Any) -> tuple[int, Lowerer]:
        """How many rows to step out of to reach the one that a relationship starts from."""
        first = relationship if relationship.name or not relationship.steps else relationship.steps[0]
        return self.enclosing(first.owner, first.name)

    def enclosing(self, owner: type[Any], name: str) -> tuple[int, Lowerer]:
        """How many rows to step out of to reach the innermost one of a class."""
        for outer, cls in enumerate(reversed(self.stack)):
            if issubclass(cls, owner):
                return outer, replace(self, stack=self.stack[: len(self.stack) - outer])
        raise ForeignField(name, of=owner.__name__, seen_from=self.stack[-1].__name__)

    def calculation(self, call: Any) -> Node:
        """What a calculation with arguments comes to, with its name.

        Raises:
            CircularCalculation: it needs itself.
            InvalidAction: the arguments do not fit.
        """
        outer, at = self.enclosing(call.owner, call.name)
        owner = at.stack[-1]
        label = f"{owner.__name__}.{call.name}"
        if at.trail.count(label) >= _DEEPEST:
            raise CircularCalculation(owner.__name__, (*dict.fromkeys(at.trail), label))
        expression = self.catalog.calculation(owner, call)
        inner = expression.lower(replace(at, trail=(*at.trail, label)))
        return outward(Call(NAMED, (Const(label), inner)), outer)


def _several(value: Any) -> tuple[Any, ...] | None:
    """The items of a list or tuple; None for a single value."""
    if isinstance(value, (list, tuple)):
        items: Iterable[Any] = cast("Iterable[Any]", value)
        return tuple(items)
    return None


def _check(value: Any, expected: FieldType, label: str) -> None:
    several = None if _stands_alone(value, expected) else _several(value)
    for each in (value,) if several is None else several:
        if each is None or fits(each, expected):
            continue
        raise WrongValueType(each, field=label, expected=expected.describe())


def _stored(value: Any, expected: FieldType) -> Any:
    """A value, or each of several, in the form that a row keeps."""
    if expected.codec.dump is None:
        return value
    several = None if _stands_alone(value, expected) else _several(value)
    return expected.stored(value) if several is None else tuple(map(expected.stored, several))


def _stands_alone(value: Any, expected: FieldType) -> bool:
    """Whether a list is one value of the field, and not several to choose from."""
    if expected.python in {list, tuple}:
        return True
    rule = expected.rule
    if rule is None or not isinstance(value, rule.stands_for):
        return False
    return not any(isinstance(each, rule.python) for each in _several(value) or ())


def fits(value: Any, expected: FieldType) -> bool:
    """Whether a plain Python value can be one of a field's values."""
    python = expected.python
    if expected.rule is not None:
        return python is object or isinstance(value, (expected.rule.python, *expected.rule.stands_for))
    if isinstance(value, bool):
        return python in {bool, object}
    if python is object or isinstance(value, python):
        return True
    if expected.enum is not None:
        return False
    name = python.__name__
    return (name in {"float", "Decimal"} and isinstance(value, int)) or (
        expected.sql == "jsonb" and isinstance(value, (dict, list))
    )
