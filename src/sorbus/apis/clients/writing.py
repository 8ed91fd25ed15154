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

    def of(self, wanted: str, *others: str) -> str:
        """The name; where it is taken one of the others, and else the last of them with a number."""
        number, base = 1, (wanted, *others)[-1]
        candidates = [wanted, *others]
        while candidates[0] in self._taken:
            candidates.pop(0)
            if not candidates:
                number += 1
                candidates = [f"{base}{number}"]
        self._taken.add(candidates[0])
        return candidates[0]


def one_line(text: str) -> str:
    """A text without line breaks and other signs that a compiler may see something in."""
    return " ".join(_CONTROL.sub(" ", text).split())


@cache
def runtime_of(file: str) -> str:
    """The part of a client that is the same for every application."""
    return files("sorbus.apis.clients").joinpath("texts", file).read_text(encoding="utf-8")
