"""Types of values as clients see them, the same for every language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Basic(StrEnum):
    """Values that are one JSON value each, and what that means."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    TRUTH = "truth"
    NOTHING = "nothing"
    UUID = "uuid"
    DATE = "date"
    MOMENT = "moment"
    TIME = "time"
    DURATION = "duration"
    DECIMAL = "decimal"
    BINARY = "binary"
    JSON = "json"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some literal values."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list, each item of one type."""

    item: Type


@dataclass(frozen=True, slots=True)
class Row:
    """A list of known length, each item of a type of its own."""

    items: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class MapOf:
    """An object with any members, each of one type."""

    value: Type


@dataclass(frozen=True, slots=True)
class OneOf:
    """A value of one of several types."""

    options: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A type that `Vocabulary.named` holds under a name."""

    name: str


Type = Basic | Choice | ListOf | Row | MapOf | OneOf | Named


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of a document.

    Attributes:
        required: whether somebody who sends the document must give it.
        shown: whether a document that is shown always has it.
    """

    name: str
    type: Type
    required: bool
    shown: bool
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """An object with known members, such as an embedded resource."""

    members: tuple[Member, ...]
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enumeration:
    """Values that have a name together."""

    values: tuple[Any, ...]
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A name for another type."""

    type: Type


Definition = Document | Enumeration | Alias


def nullable(kind: Type) -> Type:
    """A type or null."""
    options = kind.options if isinstance(kind, OneOf) else (kind,)
    return kind if kind is Basic.JSON or Basic.NOTHING in options else OneOf((*options, Basic.NOTHING))


def without_null(kind: Type) -> Type:
    """A type without null."""
    if not isinstance(kind, OneOf) or Basic.NOTHING not in kind.options:
        return kind
    options = tuple(each for each in kind.options if each is not Basic.NOTHING)
    return options[0] if len(options) == 1 else OneOf(options)


def inside(kind: Type) -> Iterator[Type]:
    """A type and those that it is made of; what stands behind a name is not looked at."""
    yield kind
    match kind:
        case ListOf(inner) | MapOf(inner):
            yield from inside(inner)
        case Row(several) | OneOf(several):
            for each in several:
                yield from inside(each)
        case _:
            pass
