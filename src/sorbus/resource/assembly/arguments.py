"""The signatures of calculations: which arguments they take and what they answer with."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, get_args, get_origin
from uuid import UUID

from sorbus.errors.declaration import MissingPart, WrongCalculation, WrongInput
from sorbus.errors.inputs import InvalidAction
from sorbus.expressions.expr import Expr
from sorbus.resource.actions import ArgumentMarker, without_marks
from sorbus.resource.assembly.catalog import ClassCatalog
from sorbus.resource.assembly.defaults import input_default
from sorbus.resource.calculations import Calculation, Called
from sorbus.schema.actions import InputSpec, Missing
from sorbus.schema.fields import CalculationSpec
from sorbus.types.base import FieldType, field_type

_FIRST = {"batch": ("records", "scope"), "method": ("self",), "class": ("cls",)}


class Signature:
    """The signature of one calculation, read from its function."""

    def __init__(
        self, cls: type[Any], name: str, member: Calculation[Any, Any], catalog: ClassCatalog
    ) -> None:
        self.cls = cls
        self.name = name
        self.member = member
        self.label = f"{cls.__name__}.{name}"
        self.namespace = catalog.namespace(cls)

    def arguments(self) -> tuple[InputSpec, ...]:
        """Its arguments in written order.

        Raises:
            WrongCalculation: the first parameters are not those that its kind has.
            WrongInput: a parameter has no type, is no named one, or bears the name of a field.
        """
        form = "batch" if self.member.batch else "method" if self.member.function is not None else "class"
        wanted = _FIRST[form]
        parameters = list(inspect.signature(self.member.contract).parameters.values())
        if tuple(each.name for each in parameters[: len(wanted)]) != wanted:
            shape = ", ".join(wanted)
            hint = "Write it on a class method." if form == "class" else ""
            raise WrongCalculation(self.label, f"its parameters start with `{shape}`", hint=hint)
        return tuple(self._argument(each) for each in parameters[len(wanted) :])

    def _argument(self, parameter: inspect.Parameter) -> InputSpec:
        name = parameter.name
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY}:
            raise WrongInput(self.label, name, f"`{parameter}` is no named argument.")
        if name in self.cls.__declared__:
            raise WrongInput(
                self.label,
                name,
                f"the argument `{name}` bears the name of a field.",
                hint="Rename the argument.",
            )
        hint = self._hint(name)
        if hint is Missing.MARK:
            raise WrongInput(self.label, name, f"the argument `{name}` has no type.")
        if get_origin(hint) is Annotated and ArgumentMarker in get_args(hint)[1:]:
            hint = without_marks(hint)
        kind = field_type(hint)
        default = input_default(self.label, parameter, kind)
        return InputSpec(name=name, type=kind, attribute=False, default=default)

    def _hint(self, name: str) -> Any:
        annotation = getattr(self.member.contract, "__annotations__", {}).get(name, Missing.MARK)
        if annotation is Missing.MARK:
            return annotation
        try:
            return self.namespace.resolved(annotation)
        except NameError as error:
            hint = "Import it where it can be found at run time."
            message = f"the name `{error.name}` in its signature is unknown."
            if name == "return":
                raise MissingPart(self.label, message, hint=hint) from None
            raise WrongInput(self.label, name, message, hint=hint) from None

    def returns(self) -> FieldType:
        """The type of the value: `T` of `Expr[T]`, of the `list[T]` of a batch, or the annotation itself.

        Raises:
            MissingPart: it has no return annotation.
            WrongCalculation: the annotation is not of that form.
        """
        found = self._hint("return")
        if found is Missing.MARK:
            raise MissingPart(
                self.label, "the computed method has no return type.", hint="Annotate it: `-> str`."
            )
        if self.member.function is not None and not self.member.batch:
            return field_type(found)
        wanted = list if self.member.batch else Expr
        if get_origin(found) is not wanted:
            shape = "list[…]" if self.member.batch else "Expr[…]"
            raise WrongCalculation(
                self.label, f"it answers with `{shape}`, and its annotation says otherwise"
            )
        return field_type(get_args(found)[0])


def samples(arguments: Sequence[InputSpec]) -> dict[str, Any] | None:
    """Values to try a calculation with when it is declared; None where a type has no obvious one."""
    found: dict[str, Any] = {}
    for each in arguments:
        if not each.required:
            found[each.name] = each.default
            continue
        value = _sample(each.type)
        if value is None and not each.type.nullable:
            return None
        found[each.name] = value
    return found


def _sample(kind: FieldType) -> Any:
    if kind.enum is not None:
        return next(iter(kind.enum))
    return kind.choices[0] if kind.choices else _SAMPLES.get(kind.python)


_NOON = datetime(2000, 1, 1, 12, tzinfo=UTC)
_SAMPLES: Mapping[type, Any] = {
    bool: True,
    int: 1,
    float: 1.0,
    Decimal: Decimal(1),
    str: "a",
    UUID: UUID(int=1),
    datetime: _NOON,
    date: _NOON.date(),
    time: _NOON.time(),
    timedelta: timedelta(days=1),
}


def expression_of(catalog: ClassCatalog, cls: type[Any], call: Called[Any]) -> Expr[Any]:
    """The expression of a calculation that a declaration uses, its arguments cast.

    Raises:
        WrongCalculation: the arguments do not fit, or only Python computes it.
    """
    # Casting needs Pydantic, and few declarations use calculations with arguments.
    from sorbus.engine.casting import InputCaster

    signature = Signature(cls, call.name, call.calculation, catalog)
    if call.calculation.maker is None:
        raise WrongCalculation(signature.label, "only Python computes it, so that no expression can use it")
    contract = CalculationSpec(
        name=call.name, resource=cls.__name__, type=signature.returns(), arguments=signature.arguments()
    )
    try:
        arguments = InputCaster(contract).cast_or_raise(call.arguments, call.args)
    except InvalidAction as error:
        raise WrongCalculation(signature.label, "; ".join(str(each) for each in error.errors)) from None
    made: Expr[Any] = call.calculation.maker(cls, **arguments)
    return made
