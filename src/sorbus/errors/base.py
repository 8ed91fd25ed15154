"""The root of the error tree: four kinds, each leaf with a code, a path, a hint and a page."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Kind(StrEnum):
    """Who has to act on an error. Written in order of precedence: a group shows its most severe kind."""

    FORBIDDEN = "forbidden"
    INVALID = "invalid"
    FRAMEWORK = "framework"
    UNKNOWN = "unknown"


class SorbusError(Exception):
    """Base of every error that Sorbus raises on purpose.

    Each leaf class names one cause. `code` is stable and machine readable, `path` says where in the input the
    fault lies (empty when it is not about an input), `hint` says what to do next, and the page
    `docs/errors/<code>.md` explains the cause.

    Args:
        message: what is wrong, where, and what is allowed.
        path: the way from the outermost input to the fault, as in `("input", "content_id")`.
        hint: the next step for the reader, or an empty string.
    """

    kind: ClassVar[Kind] = Kind.UNKNOWN
    code: ClassVar[str] = "unknown"

    def __init__(self, message: str, *, path: tuple[str | int, ...] = (), hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message

    @property
    def page(self) -> str:
        """The documentation page of this error, relative to the project's root."""
        return f"docs/errors/{self.code}.md"

    def to_dict(self) -> dict[str, object]:
        """The error as plain data, for logs, job rows and interfaces."""
        return {
            "kind": self.kind.value,
            "code": self.code,
            "message": self.message,
            "path": list(self.path),
            "hint": self.hint,
        }


class Invalid(SorbusError):
    """The caller sent something that the declaration does not allow."""

    kind = Kind.INVALID
    code = "invalid"


class Forbidden(SorbusError):
    """The actor may not do this."""

    kind = Kind.FORBIDDEN
    code = "forbidden"


class FrameworkError(SorbusError):
    """The developer or the environment used Sorbus in a way that cannot work."""

    kind = Kind.FRAMEWORK
    code = "framework"


class UnknownError(SorbusError):
    """Anything that was not foreseen; the original exception is its cause."""

    kind = Kind.UNKNOWN
    code = "unknown"
