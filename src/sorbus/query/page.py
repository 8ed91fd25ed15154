"""Pages of records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[R_co]):
    """Some of the rows of a query.

    Attributes:
        items: the rows, in the query's order.
        has_next, has_previous: whether there are rows after the last and before the first.
        start_cursor, end_cursor: signed cursors of the first and the last row (keyset pages).
        count: the number of all rows, when it was asked for.
    """

    items: tuple[R_co, ...]
    has_next: bool
    has_previous: bool
    limit: int
    start_cursor: str | None = None
    end_cursor: str | None = None
    offset: int | None = None
    count: int | None = None

    def __iter__(self) -> Iterator[R_co]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)
