"""What is known about the type of an output: its members, and what may be compared."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, TypeAliasType, Union, get_args, get_origin, get_type_hints, is_typeddict

from pydantic import BaseModel

from sorbus.errors.pipelines import NoSuchOutput


class _Unknown:
    """The type of something inside a value of any type."""

    def __repr__(self) -> str:
        return "anything"


UNKNOWN: Any = _Unknown()


def bare(annotation: Any) -> Any:
    """A type without its name, its notes and its `None`."""
    while True:
        if isinstance(annotation, TypeAliasType):
            annotation = annotation.__value__
        elif get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            rest = [each for each in get_args(annotation) if each is not type(None)]
            if len(rest) != 1:
                return annotation
            annotation = rest[0]
        else:
            return annotation


def may_be_none(annotation: Any) -> bool:
    """Whether None is one of a type's values."""
    if isinstance(annotation, TypeAliasType):
        return may_be_none(annotation.__value__)
    if get_origin(annotation) is Annotated:
        return may_be_none(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return any(map(may_be_none, get_args(annotation)))
    return annotation is None or annotation is type(None) or annotation is Any


def members(annotation: Any) -> Mapping[str, Any] | None:
    """The named members of a type and their types; None for a type without any."""
    kind: Any = bare(annotation)
    if _is_dataclass(kind):
        hints = get_type_hints(kind)
        return {each.name: hints[each.name] for each in fields(kind)}
    if _is_model(kind):
        return {name: each.annotation for name, each in kind.model_fields.items()}
    if is_typeddict(kind):
        return get_type_hints(kind)
    return None


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _is_dataclass(kind: Any) -> bool:
    return isinstance(kind, type) and is_dataclass(kind)


def list_of(value: Any) -> list[Any] | None:
    """A value that is a list; None for another one."""
    # Asking the class leaves the value an Any, whose items may be anything.
    return value if issubclass(value.__class__, list) else None


def element_of(annotation: Any) -> Any:
    """The type of a list's items; None for a type that is no list."""
    kind = bare(annotation)
    if kind is UNKNOWN or kind is Any or kind is object:
        return UNKNOWN
    origin = get_origin(kind) or kind
    if not isinstance(origin, type) or not issubclass(origin, (Sequence, set, frozenset)) or origin is str:
        return None
    found = get_args(kind)
    return found[0] if found else UNKNOWN


def member_of(annotation: Any, step: str | int, *, where: str) -> Any:
    """The type of a member of an output.

    Raises:
        NoSuchOutput: the type has no such member.
    """
    kind = bare(annotation)
    named = members(kind)
    if named is not None:
        if step not in named:
            raise NoSuchOutput(where, str(step), allowed=named)
        return named[str(step)]
    if isinstance(step, int) and (element := element_of(kind)) is not None:
        return element
    origin = get_origin(kind) or kind
    if isinstance(origin, type) and issubclass(origin, Mapping):
        found = get_args(kind)
        return found[1] if len(found) > 1 else UNKNOWN
    if kind in (UNKNOWN, Any, object) or not isinstance(origin, type):
        return UNKNOWN
    allowed: Iterable[str] = ()
    raise NoSuchOutput(where, str(step), allowed=allowed)


_COMPARABLE = (bool, int, float, Decimal, str)


def plain_type(annotation: Any) -> Any:
    """The type that a member has as plain data, where values of one type can be compared; else None."""
    kind = bare(annotation)
    if not isinstance(kind, type):
        return None
    if issubclass(kind, Enum):
        values: list[Any] = [each.value for each in kind]
        kinds: set[type[Any]] = {type(each) for each in values}
        return plain_type(kinds.pop()) if len(kinds) == 1 else None
    return next((each for each in _COMPARABLE if issubclass(kind, each)), None)
