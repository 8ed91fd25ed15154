"""Pages of records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[R_co]):
    """Some of the rows of a query.

    Attributes:
        items: the rows, in the query's order.
        has_next, has_previous: whether there are rows after the last and before the first.
        offset: the number of rows before the first, of a page by position.
        count: the number of all rows, when it was asked for.
        mark: makes the cursor of the row at an index; None on a page by position.
    """

    items: tuple[R_co, ...]
    has_next: bool
    has_previous: bool
    limit: int
    offset: int | None = None
    count: int | None = None
    mark: Callable[[int], str] | None = field(default=None, compare=False, repr=False)

    @property
    def start_cursor(self) -> str | None:
        """The signed cursor of the first row; None on an empty page and on one by position."""
        return self.cursor(0) if self.items else None

    @property
    def end_cursor(self) -> str | None:
        """The signed cursor of the last row; None on an empty page and on one by position."""
        return self.cursor(len(self.items) - 1) if self.items else None

    def cursor(self, index: int) -> str | None:
        """The signed cursor of the row at an index; None on a page by position."""
        return self.mark(index) if self.mark is not None else None

    def __iter__(self) -> Iterator[R_co]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> R_co:
        return self.items[index]
