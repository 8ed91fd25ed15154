"""How the rows of a read action come in pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sorbus.errors.declaration import BadPaging
from sorbus.errors.inputs import InvalidPage

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 1000
FURTHEST = 10**9
"""The furthest position at which a page may be asked for from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """The pages of a read action: `@action.read(page=Paging(default=20, largest=100, required=True))`.

    Args:
        default: rows on a page that is asked for without a limit.
        largest: the most rows on one page.
        required: whether the rows can be read in pages only, or with a limit up to `largest`.
        count: whether all rows may be counted along with a page; `"always"` counts them unless told otherwise.

    Raises:
        BadPaging: `default` is more than `largest`, or one is less than 1.
    """

    default: int = DEFAULT_LIMIT
    largest: int = LARGEST_LIMIT
    required: bool = False
    count: Literal[True, False, "always"] = True

    def __post_init__(self) -> None:
        if not 1 <= self.default <= self.largest:
            raise BadPaging(default=self.default, largest=self.largest)

    def limit_of(self, limit: int | None) -> int:
        """How many rows a page has.

        Raises:
            InvalidPage: it asks for more than there may be, or for none.
        """
        if limit is None:
            return self.default
        if not 1 <= limit <= self.largest:
            raise InvalidPage("limit", limit, allowed=f"1 to {self.largest}")
        return limit

    def count_of(self, count: bool | None) -> bool:
        """Whether all rows are counted.

        Raises:
            InvalidPage: they may not be.
        """
        if count and self.count is False:
            raise InvalidPage("count", count, allowed="False; the rows of this action are not counted")
        return self.count == "always" if count is None else count


PAGES = Paging()
"""The pages of a read action that says nothing about them."""
