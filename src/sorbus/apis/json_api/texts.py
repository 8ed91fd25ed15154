"""Values from query strings: texts cast to the declared types."""

from __future__ import annotations

from typing import Any

from sorbus.types.base import FieldType
from sorbus.types.texts import from_text, item_of, takes_several


def input_value(kind: FieldType, texts: list[str]) -> Any:
    """The value of a read action's input; texts that cannot be cast are left to the action to refuse.

    A repeated parameter is a list: `?tags=a&tags=b`.
    """
    if takes_several(kind):
        item = item_of(kind)
        return texts if item is None else [from_text(item, text) for text in texts]
    if kind.nullable and texts[-1] == "" and kind.python is not str:
        return None
    return from_text(kind, texts[-1])
