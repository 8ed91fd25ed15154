"""Templates: a read may answer with texts that the data layer writes of each row, instead of with records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shown:
    """The value of a field as JSON; null where the actor may not see it."""

    name: str


@dataclass(frozen=True, slots=True)
class Keyed:
    """A key between two texts; `null` without one.

    Attributes:
        name: the attribute that holds it: a UUID or a whole number.
        behind: a relationship that it leads to; the key counts as missing where that is hidden.
    """

    before: str
    name: str
    after: str
    behind: str = ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A JSON text for each value that a field may have; null for any other.

    Attributes:
        cases: stored values, which are texts or whole numbers, each with its JSON.
    """

    name: str
    cases: tuple[tuple[str | int, str], ...]


Part = str | Shown | Keyed | Chosen
Template = tuple[Part, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Templates:
    """What a read answers with for each row: its key, the keys that lead on from it, and texts.

    Plans are kept for the object, not for what is in it: make it once and use it often.

    Attributes:
        starts: relationships; for each the value by which related rows are loaded, null where it may not be followed.
        gathered: of related rows, whether those of one source row come together: their number, then each text of all
            of them with commas between.
    """

    texts: tuple[Template, ...]
    starts: tuple[str, ...] = ()
    gathered: bool = False

    @property
    def names(self) -> frozenset[str]:
        """The fields that stand in the texts."""
        return frozenset(part.name for text in self.texts for part in text if not isinstance(part, str))


def texts_of(parts: Iterable[Part | None]) -> tuple[Template, ...]:
    """The texts between gaps (None), with neighbouring pieces made one."""
    texts: list[list[Part]] = [[]]
    for part in parts:
        text = texts[-1]
        if part is None:
            texts.append([])
        elif isinstance(part, str) and text and isinstance(text[-1], str):
            text[-1] += part
        elif part != "":
            text.append(part)
    return tuple(map(tuple, texts))
