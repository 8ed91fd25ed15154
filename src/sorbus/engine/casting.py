"""Steps 2 and 3: inputs are cast to their types, defaults filled in, unknown ones refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

from pydantic import ValidationError

from sorbus.changeset.changeset import Changeset
from sorbus.errors.base import Invalid
from sorbus.errors.inputs import InvalidAction, InvalidInput, NoSuchInput, Required
from sorbus.expressions.build import is_expression
from sorbus.schema.actions import UNCHANGED, InputSpec
from sorbus.types.base import FieldType

MOST_PROBLEMS = 16
"""The most errors about one input: a long list may have one in every item."""

_STORED_ONLY = frozenset({"jsonb", "bigint", "numeric"})
_OUR_WORDS = "Value error, "


class Contract(Protocol):
    """What has inputs: an action, or a calculation with arguments."""

    @property
    def label(self) -> str:
        """How errors name it."""
        ...

    @property
    def inputs(self) -> tuple[InputSpec, ...]:
        """The inputs, in written order."""
        ...


class InputCaster:
    """Casts the inputs of one action or calculation; built once."""

    def __init__(self, action: Contract) -> None:
        self.action = action
        self.names = tuple(each.name for each in action.inputs)
        self.known = frozenset(self.names)
        self.inputs = tuple((each, _validator(each)) for each in action.inputs)

    @cached_property
    def columns(self) -> tuple[tuple[InputSpec, Callable[[list[Any]], list[Any]]], ...]:
        """The inputs, each with what casts the values of many rows; only bulk creates need it."""
        return tuple((each, _column_validator(each)) for each in self.action.inputs)

    def cast(
        self, given: Mapping[str, Any], positional: Sequence[Any] = ()
    ) -> tuple[dict[str, Any], list[Invalid]]:
        """The cast inputs and every error in them."""
        if positional:
            given = {**dict(zip(self.names, positional, strict=False)), **given}
        values: dict[str, Any] = {}
        errors: list[Invalid] = []
        for spec, validate in self.inputs:
            name = spec.name
            if name in given:
                try:
                    values[name] = validate(given[name])
                except (ValueError, ArithmeticError, RecursionError) as error:
                    errors.extend(invalid_inputs(self.action.label, spec, error, given[name]))
            elif spec.required:
                errors.append(Required(self.action.label, name, expected=spec.type.describe()))
            elif spec.default is not UNCHANGED:
                values[name] = spec.make_default()
        if not given.keys() <= self.known:
            errors.extend(
                NoSuchInput(self.action.label, name, allowed=self.names)
                for name in given
                if name not in self.known
            )
        return values, errors

    def cast_or_raise(self, given: Mapping[str, Any], positional: Sequence[Any] = ()) -> dict[str, Any]:
        """The cast inputs.

        Raises:
            InvalidAction: with every error in them.
        """
        values, errors = self.cast(given, positional)
        if errors:
            raise InvalidAction(self.action.label, errors)
        return values


def invalid_inputs(action: str, spec: InputSpec, error: Exception, value: Any = None) -> list[Invalid]:
    """What is wrong with one input as typed errors, one for each place in it; a sensitive value is never shown.

    Args:
        value: the input as it came, in which the places are looked up.
    """
    found: dict[tuple[str | int, ...], str] = {}
    for at, problem in _problems(error, value):
        found.setdefault(at, problem)
        if len(found) == MOST_PROBLEMS:
            break
    return [
        InvalidInput(
            action,
            spec.name,
            problem="it is no valid value" if spec.sensitive else problem,
            expected=_expected(spec.type),
            at=at,
        )
        for at, problem in found.items()
    ]


def _problems(error: Exception, value: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if not isinstance(error, ValidationError):
        shown = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        yield (), _lowered(shown)
        return
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        missing = each["type"] in {"missing", "missing_argument", "missing_keyword_only_argument"}
        message = "it is missing" if missing else _lowered(each["msg"].removeprefix(_OUR_WORDS))
        yield place_in(value, each["loc"], missing=missing), message


def place_in(value: Any, loc: Sequence[str | int], *, missing: bool = False) -> tuple[str | int, ...]:
    """Where in a value an error lies: what Pydantic names besides, as the members of a union, is left out.

    Args:
        missing: whether the last step names what is not there.
    """
    path: list[str | int] = []
    for number, step in enumerate(loc):
        if missing and number == len(loc) - 1:
            path.append(step)
            continue
        found = _inside(value, step)
        if found is not _NOWHERE:
            path.append(step)
            value = found
    return tuple(path)


_NOWHERE: Any = object()


def _inside(value: Any, step: str | int) -> Any:
    """What lies under a step: a member of a map, an item of a list, a field of an object."""
    kind: type[Any] = value.__class__
    if issubclass(kind, Mapping):
        return value.get(step, _NOWHERE)
    if isinstance(step, int):
        return value[step] if issubclass(kind, (list, tuple)) and step < len(value) else _NOWHERE
    return getattr(value, "__dict__", {}).get(step, _NOWHERE)


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]


def _expected(kind: FieldType) -> str:
    limits = kind.constraints.describe()
    choices = f" ({', '.join(map(str, kind.choices))})" if kind.choices else ""
    return f"{kind.describe()}{choices}" + (f" with {limits}" if limits else "")


def _validator(spec: InputSpec) -> Callable[[Any], Any]:
    kind = spec.type
    # An argument is not stored, so it may be larger than a column could hold.
    return kind.validator if spec.attribute or kind.sql not in _STORED_ONLY else kind.adapter.validate_python


def _column_validator(spec: InputSpec) -> Callable[[list[Any]], list[Any]]:
    validate = _validator(spec)
    if validate is spec.type.validator:
        return spec.type.column_validator
    return lambda values: [validate(each) for each in values]


def check_changes(changeset: Changeset, cast_already: Mapping[str, Any]) -> None:
    """Cast what a body has set; inputs were cast before. Errors go to the changeset."""
    label = changeset.action.label
    for name, value in changeset.changes.items():
        if name in cast_already and cast_already[name] is value:
            continue
        attribute = changeset.resource.attributes[name]
        if is_expression(value):
            rule = attribute.type.rule
            if rule is not None:
                changeset.changes[name] = rule.atomic(value)
            continue  # the statement computes it
        try:
            changeset.changes[name] = attribute.type.validator(value)
        except (ValueError, ArithmeticError, RecursionError) as error:
            spec = InputSpec(name=name, type=attribute.type, attribute=True, sensitive=attribute.sensitive)
            changeset.errors.extend(invalid_inputs(label, spec, error, value))
