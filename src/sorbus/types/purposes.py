"""What a JSON Schema is for: a document of a type may be shown with other members than it is taken with."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum


class Purpose(StrEnum):
    """What becomes of the values that a schema describes.

    `SHOWN` ones are answers. `CREATED` ones are inputs of a record in the making, so that every document in them is
    new. `CHANGED` ones are inputs of anything else: a document in them is new, or changes one that is there.
    """

    SHOWN = "shown"
    CREATED = "created"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Described:
    """What is being described.

    Attributes:
        item: whether documents are items of a list, which tells the ones that are there from new ones by their key.
    """

    purpose: Purpose = Purpose.SHOWN
    item: bool = False


_PLAIN = Described()
_CURRENT: ContextVar[Described] = ContextVar("described", default=_PLAIN)


def described() -> Described:
    """What the schema is for that is being made; Pydantic, which asks the rules of types, passes nothing on."""
    return _CURRENT.get()


@contextmanager
def describing(purpose: Purpose, *, item: bool) -> Generator[None]:
    """Rules that are asked for a schema inside the block are asked for this purpose."""
    token = _CURRENT.set(Described(purpose, item))
    try:
        yield
    finally:
        _CURRENT.reset(token)
