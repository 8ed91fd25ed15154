"""Functions of texts. Characters are code points, and positions count from zero."""

# Where overloads of nullable operands overlap, both operands are always null, and no field is.
# mypy: disable-error-code="overload-overlap"
# pyright: reportOverlappingOverload=false

from __future__ import annotations

from typing import Any, TypeVar, overload

from sorbus.expressions.expr import Built, Expr, Operand
from sorbus.expressions.nodes import COLLATE, Const

S = TypeVar("S", str, str | None)

Text = Expr[str] | Expr[str | None]
"""A text that may be null."""


def upper(text: Expr[S]) -> Expr[S]:
    """The text in upper case, character by character."""
    return Built("upper", text)


def lower(text: Expr[S]) -> Expr[S]:
    """The text in lower case, character by character."""
    return Built("lower", text)


def trim(text: Expr[S], characters: str = " ") -> Expr[S]:
    """The text without these characters at both ends."""
    return Built("trim", text, characters)


def trim_start(text: Expr[S], characters: str = " ") -> Expr[S]:
    """The text without these characters at its start."""
    return Built("trim_start", text, characters)


def trim_end(text: Expr[S], characters: str = " ") -> Expr[S]:
    """The text without these characters at its end."""
    return Built("trim_end", text, characters)


def position(text: Text, part: Operand[str]) -> Expr[int | None]:
    """Where `part` first stands in the text, counted from zero; null where it does not."""
    return Built("position", text, part)


@overload
def substring(text: Expr[S], start: Operand[int]) -> Expr[S]: ...
@overload
def substring(text: Expr[S], start: Operand[int], count: Operand[int]) -> Expr[S]: ...
def substring(text: Any, start: Any, count: Any = None) -> Any:
    """The part of a text from `start` on, `count` characters or all the rest.

    Args:
        start: counted from zero; a negative one counts from the end.
        count: a negative one is zero.
    """
    return Built("substring", text, start) if count is None else Built("substring", text, start, count)


@overload
def split(text: Expr[str], separator: str) -> Expr[list[str]]: ...
@overload
def split(text: Expr[str | None], separator: str) -> Expr[list[str] | None]: ...
def split(text: Any, separator: str) -> Any:
    """The parts between the separators; an empty text has none, an empty separator is nowhere."""
    return Built("split", text, separator)


@overload
def join(items: Expr[list[str]], separator: str) -> Expr[str]: ...
@overload
def join(items: Expr[list[str] | None], separator: str) -> Expr[str | None]: ...
def join(items: Any, separator: str) -> Any:
    """The items of a list as one text."""
    return Built("join", items, separator)


def replace(text: Expr[S], old: Operand[str], new: Operand[str]) -> Expr[S]:
    """The text with every `old` replaced by `new`."""
    return Built("replace", text, old, new)


def pad_start(text: Expr[S], width: Operand[int], fill: str = " ") -> Expr[S]:
    """The text with `fill` before it until it is `width` (at most 10 000) characters long; never cut."""
    return Built("pad_start", text, width, fill)


def pad_end(text: Expr[S], width: Operand[int], fill: str = " ") -> Expr[S]:
    """The text with `fill` after it until it is `width` (at most 10 000) characters long; never cut."""
    return Built("pad_end", text, width, fill)


def reverse(text: Expr[S]) -> Expr[S]:
    """The characters of the text from the last to the first."""
    return Built("reverse", text)


def contains(text: Text, part: Operand[str], *, ignore_case: bool = False) -> Expr[bool]:
    """Whether the text contains `part`."""
    return text.contains(part, ignore_case=ignore_case)


def starts_with(text: Text, part: Operand[str], *, ignore_case: bool = False) -> Expr[bool]:
    """Whether the text starts with `part`."""
    return text.starts_with(part, ignore_case=ignore_case)


def ends_with(text: Text, part: Operand[str], *, ignore_case: bool = False) -> Expr[bool]:
    """Whether the text ends with `part`."""
    return text.ends_with(part, ignore_case=ignore_case)


def collate(text: Expr[S], collation: str = "C") -> Expr[S]:
    """The text, compared and sorted by a collation: by default by code points, as memory always does.

    Other collations than `C` are known to PostgreSQL only.
    """
    return Built(COLLATE, text, Const(collation))
