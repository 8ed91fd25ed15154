"""A quick way through plain JSON: what is made of Python's own types needs no validator to look at every node."""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType
from typing import Any, cast, get_args, get_origin

from sorbus.types.json import Json

_SCALARS = frozenset({str, int, float, bool, NoneType})
_DEEPEST = 64


class NotPlain(Exception):
    """Something in a value is not of one of JSON's own Python types; a validator has to look at it."""


def copied(value: Any, depth: int = 0) -> Any:
    """A copy of a value that holds nothing but dictionaries with text keys, lists, texts, numbers, truths and None.

    Raises:
        NotPlain: there is something else in it, a subclass of one of them included, or it is nested very deeply.
    """
    kind = value.__class__
    if kind in _SCALARS:
        return value
    if depth == _DEEPEST:
        raise NotPlain
    if kind is dict:
        made: dict[str, Any] = {}
        for key, each in value.items():
            if key.__class__ is not str:
                raise NotPlain
            made[key] = each if each.__class__ in _SCALARS else copied(each, depth + 1)
        return made
    if kind is list:
        return [each if each.__class__ in _SCALARS else copied(each, depth + 1) for each in value]
    raise NotPlain


def quickened(annotation: Any, validate: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A validator that copies plain JSON by itself and leaves everything else to the given one.

    Args:
        annotation: the type; for any but `Json`, `dict[str, Json]` and `list[Json]` the given one is the answer.
        validate: what would be asked otherwise; for plain values of these types it answers with an equal copy.
    """
    top = _top(annotation)
    if top is None:
        return validate

    def quick(value: Any) -> Any:
        if isinstance(value, top):
            try:
                return copied(value)
            except NotPlain:
                pass
        return validate(value)

    return quick


def _top(annotation: Any) -> type | None:
    """The class of the outermost value of one of the types that are quick; None for others."""
    if annotation is Json:
        return object
    origin = get_origin(annotation)
    if (origin is dict and get_args(annotation) == (str, Json)) or (
        origin is list and get_args(annotation) == (Json,)
    ):
        return cast("type", origin)
    return None
