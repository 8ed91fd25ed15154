"""Conditions as data, as rows and requests hold them: `{"judge.label": {"eq": "support"}}`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

from sorbus.errors.pipelines import BadCondition, NoSuchOutput
from sorbus.expressions.build import Expr
from sorbus.pipelines.definition.conditions import Condition, Output, Selection, of_expression
from sorbus.pipelines.definition.outputs import list_of
from sorbus.query.input_fields import OPERATORS

_LOGIC = ("and", "or", "not")
_DEEPEST = 8
_MOST = 100


def condition_in(data: Mapping[str, Any], types: Mapping[str, Any], *, label: str) -> Condition:
    """The condition in some data: a map of places to operators, or `and`, `or`, `not` of such.

    The operators are those of filters.

    Raises:
        BadCondition: it is none, or names a stage that there is not.
        NoSuchOutput: it names a field that an output does not have.
    """
    reader = _Reader(types, label)
    found = reader.read(data, depth=0)
    return of_expression(found, sorted(reader.stages), label=label)


def selection_in(place: str, types: Mapping[str, Any], *, label: str) -> Selection:
    """The place in an output that a text names: `split.parts`.

    Raises:
        BadCondition: it names no stage.
        NoSuchOutput: it names a field that an output does not have.
    """
    return Selection(*_Reader(types, label).place(place).place)


class _Reader:
    """Reads one condition, and notes the stages that it looks at."""

    def __init__(self, types: Mapping[str, Any], label: str) -> None:
        self.types = types
        self.label = label
        self.stages: set[str] = set()
        self.left = _MOST

    def read(self, data: Any, *, depth: int) -> Expr[bool]:
        """The condition in a map: all of its members hold."""
        if not isinstance(data, Mapping) or not data:
            raise BadCondition(self.label, "it is no map with at least one member")
        if depth > _DEEPEST:
            raise BadCondition(self.label, f"it is more than {_DEEPEST} levels deep")
        members: Mapping[Any, Any] = data  # pyright: ignore[reportUnknownVariableType]
        return _all([self._member(str(name), inner, depth=depth) for name, inner in members.items()])

    def _member(self, name: str, inner: Any, *, depth: int) -> Expr[bool]:
        self.left -= 1
        if self.left < 0:
            raise BadCondition(self.label, f"it has more than {_MOST} members")
        if name == "not":
            return ~self.read(inner, depth=depth + 1)
        if name in _LOGIC:
            several = list_of(inner)
            if not several:
                raise BadCondition(self.label, f"`{name}` takes a list with at least one condition")
            parts = [self.read(each, depth=depth + 1) for each in several]
            return _all(parts) if name == "and" else reduce(lambda one, other: one | other, parts)
        return self._compared(name, inner)

    def _compared(self, name: str, inner: Any) -> Expr[bool]:
        place = self.place(name)
        if not isinstance(inner, Mapping) or not inner:
            raise BadCondition(self.label, f"`{name}` takes a map of operators", allowed=OPERATORS)
        members: Mapping[Any, Any] = inner  # pyright: ignore[reportUnknownVariableType]
        parts: list[Expr[bool]] = []
        for operator, value in members.items():
            if operator not in OPERATORS:
                why = f"`{name}` is compared by `{operator}`"
                raise BadCondition(self.label, why, allowed=OPERATORS, name=str(operator))
            if operator == "in" and list_of(value) is None:
                raise BadCondition(self.label, f"`{name}`: `in` takes a list")
            parts.append(OPERATORS[operator](place, value))
        return _all(parts)

    def place(self, name: str) -> Output:
        """The place of a dotted name: a stage, then fields and positions."""
        stage, *steps = name.split(".")
        if stage not in self.types:
            raise BadCondition(self.label, f"it names `{stage}`", allowed=self.types, name=stage)
        self.stages.add(stage)
        found = Output(stage, self.types[stage])
        try:
            for step in steps:
                found = found[int(step) if step.lstrip("-").isdigit() else step]
        except NoSuchOutput as error:
            # Whoever wrote the data looks for the stage that it is in, first.
            error.path = (*self.label.split("."), *error.path)
            raise
        return found


def _all(parts: list[Expr[bool]]) -> Expr[bool]:
    return reduce(lambda one, other: one & other, parts)
