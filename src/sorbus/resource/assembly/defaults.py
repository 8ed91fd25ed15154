"""The defaults in the signatures of actions and calculations: each is a value of its input's type."""

from __future__ import annotations

import inspect
from typing import Any

from sorbus.errors.declaration import WrongInput
from sorbus.expressions.build import is_expression
from sorbus.schema.actions import UNCHANGED, Missing
from sorbus.types.base import FieldType


def input_default(label: str, parameter: inspect.Parameter, kind: FieldType) -> Any:
    """What an input is when a call leaves it out, in the type that the body is promised; `Missing.MARK` without any.

    Raises:
        WrongInput: the default is no value of the type.
    """
    default = parameter.default
    if default is parameter.empty:
        return Missing.MARK
    if default is None:
        if not kind.nullable:
            raise _wrong(
                label, parameter, kind, f"Write `{parameter.name}: {kind.describe()} | None = None`."
            )
        return None
    if default is UNCHANGED or isinstance(default, kind.python) or kind.embeds or is_expression(default):
        return default
    try:
        return kind.adapter.validate_python(default)
    except ValueError:
        raise _wrong(label, parameter, kind, "Give it a value of its type, or no default.") from None


def _wrong(label: str, parameter: inspect.Parameter, kind: FieldType, hint: str) -> WrongInput:
    message = f"the default of `{parameter.name}` is {parameter.default!r}, which is no {kind.describe()}."
    return WrongInput(label, parameter.name, message, hint=hint)
