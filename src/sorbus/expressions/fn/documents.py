"""Functions of JSON documents, and casts."""

# Where overloads of nullable operands overlap, both operands are always null, and no field is.
# mypy: disable-error-code="overload-overlap"
# pyright: reportOverlappingOverload=false

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar, overload
from uuid import UUID

from sorbus.errors.declaration import WrongOperand
from sorbus.errors.hints import listed
from sorbus.expressions.casts import CASTABLE
from sorbus.expressions.expr import Built, Expr
from sorbus.expressions.nodes import CAST, PATH, As, Const
from sorbus.types.base import type_name
from sorbus.types.json import Json

T = TypeVar("T")
A = TypeVar("A", str, float, Decimal, bool)

_IN_DOCUMENTS = (str, int, float, Decimal, bool)


@overload
def path(document: Expr[Any], *steps: str | int) -> Expr[Json]: ...
@overload
def path(document: Expr[Any], *steps: str | int, type: type[T]) -> Expr[T | None]: ...
def path(document: Expr[Any], *steps: str | int, type: type[Any] | None = None) -> Expr[Any]:
    """What stands in a JSON document at the end of some keys and positions: `path(Run.meta, "pages", 0)`.

    Args:
        steps: keys of objects and positions in lists, a negative one from the end.
        type: `str`, `int`, `float`, `Decimal` or `bool`; a value of another kind is null, as is one that is
            missing. Without it the value is a document itself.

    Raises:
        WrongOperand: there are no steps, or the type is none of these.
    """
    if not steps:
        raise WrongOperand("path", found="none", takes="at least one step")
    path: list[str] = [str(step) for step in steps]
    if type is None:
        return Built(PATH, document, path)
    if type not in _IN_DOCUMENTS:
        raise WrongOperand(
            "path", found=type_name(type), takes=f"one of {listed(map(type_name, _IN_DOCUMENTS))}"
        )
    return Built(PATH, document, path, Const(As(type)))


get_path = path
"""The same under the name that other frameworks give it."""


def has_key(document: Expr[Any], key: str | Expr[str]) -> Expr[bool]:
    """Whether a JSON document is an object with a key."""
    return Built("has_key", document, key)


@overload
def cast(value: Expr[int], type: type[A]) -> Expr[A]: ...
@overload
def cast(value: Expr[Decimal] | Expr[UUID] | Expr[date], type: type[str]) -> Expr[str]: ...
@overload
def cast(value: Expr[datetime], type: type[date]) -> Expr[date]: ...
@overload
def cast(value: Expr[Any], type: type[T]) -> Expr[T | None]: ...
def cast(value: Expr[Any], type: type[Any]) -> Expr[Any]:
    """The value in another type: null where it cannot be, never an error.

    Args:
        type: `str`, `int`, `float`, `Decimal`, `bool`, `UUID`, `date` or `datetime`. Which casts there are the
            guide to expressions lists; others are refused when the application is put together.

    Raises:
        WrongOperand: nothing can be cast to the type.
    """
    if type not in CASTABLE:
        raise WrongOperand("cast", found=type_name(type), takes=f"one of {listed(map(type_name, CASTABLE))}")
    return Built(CAST, value, Const(As(type)))
