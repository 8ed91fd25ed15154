"""Conditions over the outputs of earlier stages: the expressions of the framework, on plain data."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, NoReturn, cast

from sorbus.errors.declaration import ExpressionTruth
from sorbus.errors.pipelines import BadCondition, ConditionUndecided, NoSuchOutput
from sorbus.expressions.build import Expr
from sorbus.expressions.describe import describe
from sorbus.expressions.evaluate import Environment, Unevaluable, evaluate
from sorbus.expressions.kinds import call_kind
from sorbus.expressions.nodes import NULL, PATH, As, Call, Const, Node, Ref, walk
from sorbus.expressions.operators import COMPARISONS
from sorbus.pipelines.definition.outputs import list_of, member_of, plain_type

Outputs = Mapping[str, Any]
"""The outputs of stages by name, as plain data."""


class Output(Expr[Any]):
    """What a stage gives, inside a condition: `judge.label == "support"`, `split.parts[0].title`.

    A field that bears the name of a method of expressions, as `length`, is reached by `judge["length"]`.
    """

    __slots__ = ("_stage", "_steps", "_type")

    def __init__(self, stage: str, annotation: Any, steps: tuple[str, ...] = ()) -> None:
        self._stage = stage
        self._type = annotation
        self._steps = steps

    def __getattr__(self, name: str) -> Output:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    __iter__ = None
    """Its items are not known before a run: `for_each` goes over them."""

    def __getitem__(self, step: str | int) -> Output:
        found = member_of(self._type, step, where=".".join((self._stage, *self._steps)))
        return Output(self._stage, found, (*self._steps, str(step)))

    @property
    def place(self) -> tuple[str, tuple[str, ...], Any]:
        """The stage, the steps into its output, and the type found there."""
        return self._stage, self._steps, self._type

    def lower(self, context: Any) -> Node:
        del context
        base = Ref(self._stage)
        if not self._steps:
            return base
        path = Const(self._steps)
        kind = plain_type(self._type)
        return Call(PATH, (base, path) if kind is None else (base, path, Const(As(kind))))


class _Lowering:
    """Lowers conditions: nothing but outputs and plain values may stand in them."""

    def __init__(self, label: str) -> None:
        self.label = label

    def value(self, value: Any, beside: Any) -> Node:
        """A plain value, as JSON would hold it."""
        del beside
        if value is None:
            return NULL
        if isinstance(value, (list, tuple)):
            items: tuple[Any, ...] = tuple(cast("tuple[Any, ...]", value))
            return Const(tuple(self._plain(each) for each in items))
        return Const(self._plain(value))

    def _plain(self, value: Any) -> Any:
        found = value.value if isinstance(value, Enum) else value
        if not isinstance(found, (str, int, float, bool, Decimal)):
            raise BadCondition(self.label, f"it compares with a value of type {type(value).__name__}")
        return found

    def field(self, field: Any) -> NoReturn:
        """There are no rows here.

        Raises:
            BadCondition: always.
        """
        raise BadCondition(self.label, f"it names the attribute `{getattr(field, 'name', field)}`")

    into = calculation = source = field

    def computed_value(self, *_: Any) -> NoReturn:
        """A run that is taken up again must decide the same, so nothing may be computed anew.

        Raises:
            BadCondition: always.
        """
        raise BadCondition(self.label, "it calls a function when it runs")

    def outside(self) -> None:
        """Nothing encloses an output."""
        return


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a stage.

    Attributes:
        stages: the stages whose outputs it looks at.
    """

    node: Node
    stages: tuple[str, ...]

    def __str__(self) -> str:
        return describe(self.node)

    def holds(self, outputs: Outputs, *, label: str) -> bool:
        """Whether it holds: unknown, as where an output is missing, is no.

        Raises:
            ConditionUndecided: the outputs are not of a kind that can be compared so.
        """
        try:
            return evaluate(self.node, outputs, _ENVIRONMENT) is True
        except (TypeError, AttributeError, Unevaluable, ArithmeticError) as error:
            raise ConditionUndecided(label, str(self), str(error)) from error


@dataclass(frozen=True, slots=True)
class Selection:
    """A place in the output of a stage.

    Attributes:
        type: the declared type of what is there.
    """

    stage: str
    steps: tuple[str, ...]
    type: Any

    def __str__(self) -> str:
        return ".".join((self.stage, *self.steps))

    def of(self, outputs: Outputs) -> Any:
        """What is there; None where nothing is."""
        found: Any = outputs.get(self.stage)
        for step in self.steps:
            if isinstance(found, dict):
                found = cast("dict[str, Any]", found).get(step)
            elif (items := list_of(found)) is not None and step.lstrip("-").isdigit():
                place = int(step)
                found = items[place] if -len(items) <= place < len(items) else None
            else:
                return None
        return found


class _OfOutputs:
    """The rows of an evaluation: outputs by the name of their stage, and nothing related to them."""

    def value(self, row: Any, ref: Ref) -> Any:
        """A stage's output; null when it has none."""
        return row.get(ref.name)

    def enclosing(self, row: Any) -> NoReturn:
        """Nothing encloses an output.

        Raises:
            Unevaluable: always.
        """
        raise Unevaluable(f"{row!r} is not related to rows")

    def exists(self, row: Any, node: Any, environment: Any) -> NoReturn:
        """Nothing is related to an output; raises as `enclosing`."""
        del node, environment
        self.enclosing(row)

    aggregate = exists


_ENVIRONMENT = Environment(rows=_OfOutputs())


def recorded(function: Callable[..., Any], types: Mapping[str, Any], *, label: str) -> tuple[Any, list[str]]:
    """What a function over outputs gives when it is handed recorders, and the stages it takes.

    Args:
        types: the types of the outputs that it may take, by stage.

    Raises:
        BadCondition: it takes a stage that there is not, or does not run on recorders.
    """
    names = list(inspect.signature(function).parameters)
    for name in names:
        if name not in types:
            raise BadCondition(label, f"it takes `{name}`", allowed=types, name=name)
    try:
        return function(**{name: Output(name, types[name]) for name in names}), names
    except (NoSuchOutput, BadCondition):
        raise
    except ExpressionTruth as error:
        raise BadCondition(label, "it uses `and`, `or`, `not` or `if`") from error
    except Exception as error:
        why = f"it fails on the outputs of {names}: {type(error).__name__}: {error}"
        raise BadCondition(label, why) from error


def condition_of(function: Callable[..., Any], types: Mapping[str, Any], *, label: str) -> Condition:
    """The condition that a function over outputs writes: its parameters are the names of stages.

    Raises:
        BadCondition: it is none.
    """
    found, names = recorded(function, types, label=label)
    if isinstance(found, bool):
        raise BadCondition(label, f"it is always {found}: it compares no output")
    return of_expression(found, names, label=label)


def of_expression(found: Any, names: list[str], *, label: str) -> Condition:
    """The condition of an expression over outputs.

    Raises:
        BadCondition: it is none.
    """
    if not isinstance(found, Expr):
        raise BadCondition(label, f"it gives a value of type {type(found).__name__} instead of a condition")
    lowering: Any = _Lowering(label)
    node = found.lower(lowering)
    _check(node, label)
    return Condition(node, tuple(names))


def _check(node: Node, label: str) -> None:
    """A condition is a yes or no of outputs and plain values alone, so that a run taken up again decides the same.

    Raises:
        BadCondition: it is something else.
    """
    for each in walk(node):
        clock = isinstance(each, Call) and each.operator in ("now", "today")
        if clock or not isinstance(each, (Ref, Const, Call)):
            raise BadCondition(label, f"`{describe(each)}` is no output")
        if isinstance(each, Call) and each.operator in ("and", "or", "not"):
            for argument in each.args:
                _check_truth(argument, label)
        if isinstance(each, Call) and each.operator in COMPARISONS:
            _check_kinds(each, label)
    _check_truth(node, label)


def _check_truth(node: Node, label: str) -> None:
    if _kind(node) is not bool:
        raise BadCondition(label, f"`{describe(node)}` is no yes or no: compare it with something")


def _check_kinds(call: Call, label: str) -> None:
    """Texts are compared with texts, numbers with numbers."""
    kinds = [_kind(argument) for argument in call.args]
    known = {kind is str for kind in kinds if kind in (str, int, float, Decimal, bool)}
    if len(known) > 1:
        raise BadCondition(label, f"`{describe(call)}` compares a text with something else")


def _kind(node: Node) -> Any:
    """The type of an expression's value, as far as it can be told."""
    match node:
        case Const(value):
            # Asking the class leaves the value an Any, whose items may be anything.
            if issubclass(value.__class__, tuple):
                return value[0].__class__ if value else None
            return value.__class__
        case Call(operator, args):
            return call_kind(operator, args, [_kind(argument) for argument in args])
        case _:
            return None


def selection_of(function: Callable[..., Any], types: Mapping[str, Any], *, label: str) -> Selection:
    """The place in an output that a function names: `lambda split: split.parts`.

    Raises:
        BadCondition: it names none.
    """
    found, _ = recorded(function, types, label=label)
    if not isinstance(found, Output):
        raise BadCondition(label, f"it gives a value of type {type(found).__name__} instead of a place")
    return Selection(*found.place)
