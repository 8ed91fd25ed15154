"""Which page of a list a request asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sorbus.errors.http import UnknownParameter
from sorbus.errors.inputs import InvalidPage
from sorbus.query.query import NestedPage
from sorbus.schema.paging import FURTHEST
from sorbus.schema.paging import Paging as PageRules

PAGE_MEMBERS = ("after", "before", "count", "limit", "offset")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """Which page of a list. `offset` asks for pages by position, else they go by cursor.

    Attributes:
        limit, count: None leaves it to the action.
    """

    limit: int | None = None
    after: str | None = None
    before: str | None = None
    offset: int | None = None
    count: bool | None = None
    given: bool = False

    @property
    def nested(self) -> NestedPage:
        """The same for the related rows of a record."""
        return NestedPage(
            limit=self.limit, after=self.after, before=self.before, offset=self.offset, count=self.count
        )


FIRST_PAGE = Paging()


def paging_of(given: Mapping[str, str], rules: PageRules, *, parameter: str = "page") -> Paging:
    """The page that `page[…]` parameters ask for.

    Raises:
        UnknownParameter: a member is none.
        InvalidPage: a member has a value that it cannot have, or two of them contradict each other.
    """
    for name in given:
        if name not in PAGE_MEMBERS:
            allowed = [f"{parameter}[{each}]" for each in PAGE_MEMBERS]
            raise UnknownParameter(f"{parameter}[{name[:100]}]", allowed=allowed)
    offset = _number(given, "offset", parameter, least=0, most=FURTHEST) if "offset" in given else None
    if offset is not None and ("after" in given or "before" in given):
        raise _refused(parameter, "offset", offset, allowed=f"a cursor or `{parameter}[offset]`, not both")
    if "after" in given and "before" in given:
        either = f"`{parameter}[after]` or `{parameter}[before]`, not both"
        raise _refused(parameter, "before", given["before"][:100], allowed=either)
    count = given.get("count")
    if count not in {"true", "false", None}:
        raise _refused(parameter, "count", str(count)[:100], allowed="true, false")
    if count == "true" and rules.count is False:
        raise _refused(parameter, "count", "true", allowed="false; these are not counted")
    limit = _number(given, "limit", parameter, least=1, most=rules.largest) if "limit" in given else None
    return Paging(
        limit=limit,
        after=given.get("after"),
        before=given.get("before"),
        offset=offset,
        count=None if count is None else count == "true",
        given=True,
    )


def _number(given: Mapping[str, str], name: str, parameter: str, *, least: int, most: int) -> int:
    text = given[name]
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else -1
    if not least <= number <= most:
        raise _refused(parameter, name, text[:100], allowed=f"{least} to {most}")
    return number


def _refused(parameter: str, name: str, value: object, *, allowed: str) -> InvalidPage:
    error = InvalidPage(name, value, allowed=allowed)
    error.path = ("query", f"{parameter}[{name}]")
    return error
