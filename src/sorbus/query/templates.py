"""Templates: a read may answer with texts that the data layer writes of each row, instead of with records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property


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


@dataclass(frozen=True, slots=True)
class Nested:
    """A text of the rows that a relationship leads to, read by the same statement, with commas between them.

    Attributes:
        name: the relationship; the query loads it along, with templates whose texts are gathered.
        text: which of their texts.
        empty: what stands there when there are no such rows, or none that may be seen.
    """

    name: str
    text: int = 0
    empty: str = ""


Part = str | Shown | Keyed | Chosen | Nested
Template = tuple[Part, ...]


@dataclass(frozen=True, eq=False)
class Templates:
    """What a read answers with for each row: its key, the keys that lead on from it, and texts.

    Plans are kept for the object, not for what is in it: make it once and use it often.

    Attributes:
        starts: relationships; for each the value by which related rows are loaded, null where it may not be followed.
        gathered: of related rows, whether those of one source row come together: their number, then each text of all
            of them with commas between.

    At the end of a row of the answer that is not gathered stands how many rows each of the `nested` relationships has.
    """

    texts: tuple[Template, ...]
    starts: tuple[str, ...] = ()
    gathered: bool = False

    @property
    def names(self) -> frozenset[str]:
        """The fields that stand in the texts."""
        return frozenset(each.name for each in self._parts if not isinstance(each, str | Nested))

    @cached_property
    def nested(self) -> tuple[str, ...]:
        """The relationships whose rows the same statement reads, in the order of the texts."""
        return tuple(dict.fromkeys(each.name for each in self._parts if isinstance(each, Nested)))

    @property
    def _parts(self) -> Iterator[Part]:
        return (part for text in self.texts for part in text)


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
