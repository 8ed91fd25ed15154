"""The marker that stands on a record for a value that the actor may not see."""

from __future__ import annotations

from typing import Any, Self, final


@final
class Hidden:
    """The one hidden value: false as a truth value, equal to nothing, and without anything to read.

    It is false so that `if record.email:` treats what is hidden as what is not there, and equal to nothing, not
    even to itself, so that no comparison takes two hidden values for the same one. Ask for it with
    `is_hidden(value)`.
    """

    __slots__ = ()
    _only: Hidden | None = None

    def __new__(cls) -> Hidden:
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __bool__(self) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return "<hidden>"

    def __getattr__(self, name: str) -> Any:
        message = (
            f"the actor may not see this value: `<hidden>` has no `{name}`; ask first with `is_hidden(value)`"
        )
        raise AttributeError(message)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> str:
        return "HIDDEN"


HIDDEN: Any = Hidden()
"""What a record holds in place of a value that its actor may not see."""


def is_hidden(value: object) -> bool:
    """Whether a value of a record is hidden from its reader: the same as `value is HIDDEN`, for type checkers too."""
    return value is HIDDEN
