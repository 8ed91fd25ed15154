"""Texts from outside as the values of a type, as query strings and command lines have them."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import ValidationError

from sorbus.types.base import FieldType

_SEVERAL = (list, tuple, set, frozenset)


def takes_several(kind: FieldType) -> bool:
    """Whether a value is made of several texts."""
    return kind.python in _SEVERAL


def item_of(kind: FieldType) -> FieldType | None:
    """The type of each item of a type that is made of several texts; None when it may be any."""
    items = get_args(kind.annotation)
    return FieldType(annotation=items[0]) if items else None


def from_text(kind: FieldType, text: str) -> Any:
    """The value of a text, without the type's limits; a text that is none stays, for the action to refuse."""
    try:
        return FieldType(annotation=kind.annotation).adapter.validate_strings(text)
    except ValidationError:
        return text
