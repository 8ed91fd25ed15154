"""Values from query strings: texts cast to the declared types."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from sorbus.types.base import FieldType

_LARGEST_INTEGER = 2**63
_NUL = "\x00"


class TextCast:
    """Casts texts to values of one type, without its limits: a filter may ask for what cannot be."""

    def __init__(self, kind: FieldType) -> None:
        self.kind = kind
        self.adapter: TypeAdapter[Any] = FieldType(annotation=kind.annotation).adapter
        self.integer = kind.sql == "bigint" and kind.rule is None
        self.time = kind.python is datetime

    @property
    def expected(self) -> str:
        """What a text must be, for messages."""
        choices = ", ".join(map(str, self.kind.choices))
        return choices or self.kind.describe().removesuffix(" | None")

    def __call__(self, text: str) -> Any:
        """The value.

        Raises:
            ValueError: the text is none of the type.
        """
        if _NUL in text:
            raise ValueError(text)
        value: Any = self.adapter.validate_strings(text)
        if self.integer and not -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
            raise ValueError(text)
        if self.time and value.tzinfo is None:
            # A time without a zone is read as UTC, whatever the server's own zone is.
            value = value.replace(tzinfo=UTC)
        return value


def input_value(kind: FieldType, texts: list[str]) -> Any:
    """The value of a read action's input; texts that cannot be cast are left to the action to refuse.

    A repeated parameter is a list: `?tags=a&tags=b`.
    """
    if kind.python in {list, tuple, set, frozenset}:
        items = get_args(kind.annotation)
        return [_cast(items[0], text) for text in texts] if items else texts
    if kind.nullable and texts[-1] == "" and kind.python is not str:
        return None
    return _cast(kind.annotation, texts[-1])


def _cast(annotation: Any, text: str) -> Any:
    try:
        return FieldType(annotation=annotation).adapter.validate_strings(text)
    except ValidationError:
        return text
