"""Steps 2 and 3: inputs are cast to their types, defaults filled in, unknown ones refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

from pydantic import ValidationError
from pydantic_core import SchemaValidator, core_schema

from sorbus.changeset.changeset import Changeset
from sorbus.errors.base import Invalid
from sorbus.errors.inputs import InvalidAction, InvalidInput, NoSuchInput, Required
from sorbus.expressions.build import Expr
from sorbus.schema.actions import UNCHANGED, InputSpec
from sorbus.types.base import FieldType
from sorbus.types.plain_json import quickened

_NULL_IN_TEXT = "\x00"


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
        self.inputs = tuple((each, _validator(each.type)) for each in action.inputs)

    @cached_property
    def columns(self) -> tuple[tuple[InputSpec, Callable[[list[Any]], list[Any]]], ...]:
        """The inputs, each with what casts the values of many rows; only bulk creates need it."""
        return tuple((each, column_validator(each.type)) for each in self.action.inputs)

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
                except ValidationError as error:
                    errors.extend(invalid_inputs(self.action.label, spec, error))
            elif spec.required:
                errors.append(Required(self.action.label, name, expected=spec.type.describe()))
            elif spec.default is not UNCHANGED:
                values[name] = spec.default
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


def invalid_inputs(action: str, spec: InputSpec, error: ValidationError) -> list[Invalid]:
    """Pydantic's complaints about one input as typed errors; a sensitive value is never shown."""
    return [
        InvalidInput(
            action,
            spec.name,
            problem=_problem(each["msg"]),
            expected=_expected(spec.type),
            at=tuple(each["loc"]),
        )
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _problem(message: str) -> str:
    return message[:1].lower() + message[1:]


def _expected(kind: FieldType) -> str:
    limits = ", ".join(f"{name} {value}" for name, value in kind.constraints.given().items())
    choices = f" ({', '.join(map(str, kind.choices))})" if kind.choices else ""
    return f"{kind.describe()}{choices}" + (f" with {limits}" if limits else "")


def _validator(kind: FieldType) -> Callable[[Any], Any]:
    # The adapter's inner method is what its own `validate_python` calls with six more arguments.
    validate: Callable[[Any], Any] = kind.adapter.validator.validate_python
    if not _may_hold_null(kind):
        return validate if kind.constraints.given() else quickened(kind.annotation, validate)

    def text(value: Any) -> Any:
        result = validate(value)
        if result is not None and _NULL_IN_TEXT in result:
            raise _null_in_text()
        return result

    return text


def column_validator(kind: FieldType) -> Callable[[list[Any]], list[Any]]:
    """What casts many values of a type at once.

    Raises, when called:
        ValidationError: one of them does not fit; `InputCaster.cast` tells of a row what is wrong with it.
    """
    validate = _validator(kind)
    plain = kind.adapter.validator.validate_python
    texts = _may_hold_null(kind)
    if validate is not plain and not texts:
        return lambda values: [validate(each) for each in values]
    schema: Any = kind.adapter.core_schema
    if schema.__class__ is not dict:  # that of a model which is not complete yet
        return lambda values: [validate(each) for each in values]
    # One call for the whole column; the schema of an item is the adapter's own.
    items = SchemaValidator(core_schema.list_schema(schema, strict=True))
    if not texts:
        return items.validate_python

    def column(values: list[Any]) -> list[Any]:
        found: list[Any] = items.validate_python(values)
        if any(_NULL_IN_TEXT in each for each in found if each is not None):
            raise _null_in_text()
        return found

    return column


def _may_hold_null(kind: FieldType) -> bool:
    """Whether a value is a text, which PostgreSQL stores without NUL characters only."""
    return kind.sql == "text" and kind.enum is None


def _null_in_text() -> ValidationError:
    problem = ValueError("text cannot hold a NUL character")
    return ValidationError.from_exception_data(
        "text", [{"type": "value_error", "loc": (), "input": "", "ctx": {"error": problem}}]
    )


def check_changes(changeset: Changeset, cast_already: Mapping[str, Any]) -> None:
    """Cast what a body has set; inputs were cast before. Errors go to the changeset."""
    label = changeset.action.label
    for name, value in changeset.changes.items():
        if name in cast_already and cast_already[name] is value:
            continue
        if isinstance(value, Expr):
            continue  # the statement computes it
        attribute = changeset.resource.attributes[name]
        try:
            changeset.changes[name] = attribute.type.adapter.validate_python(value)
        except ValidationError as error:
            spec = InputSpec(name=name, type=attribute.type, attribute=True)
            changeset.errors.extend(invalid_inputs(label, spec, error))
