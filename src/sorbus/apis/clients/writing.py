"""What the writers of all languages have in common: names that are free, and texts that stay texts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class FreeNames:
    """Gives each thing a name that nothing else has.

    Args:
        taken: names that nothing may have.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def of(self, wanted: str) -> str:
        """The name, or the same with a number where it is taken."""
        number, name = 1, wanted
        while name in self._taken:
            number += 1
            name = f"{wanted}{number}"
        self._taken.add(name)
        return name


def one_line(text: str) -> str:
    """A text without line breaks and other signs that a compiler may see something in."""
    return " ".join(_CONTROL.sub(" ", text).split())


@cache
def runtime_of(file: str) -> str:
    """The part of a client that is the same for every application."""
    return files("sorbus.apis.clients").joinpath("texts", file).read_text(encoding="utf-8")
