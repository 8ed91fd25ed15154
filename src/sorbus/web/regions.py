"""Parts of a page that change by themselves, and what of them has changed since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """One element of a page.

    Attributes:
        id: that of the element.
        html: the whole element; of a region with parts, all that stands around them.
        parts: elements inside that change one by one, in order.
    """

    id: str
    html: str
    parts: tuple[Region, ...] = ()

    def whole(self) -> str:
        """The element with its parts."""
        if not self.parts:
            return self.html
        return self.html.replace(PARTS, "".join(each.html for each in self.parts), 1)


PARTS = "<!--parts-->"
"""Stands in the element of a region where its parts go; escaped text cannot contain it."""


@dataclass(slots=True)
class Board:
    """The newest state of the regions of a page, and since which version each is as it is.

    A reader that knows a version gets what has changed after it, however long ago that is. So a slow reader
    needs no queue: what it has missed in between, it never sees.
    """

    version: int = 0
    _regions: tuple[Region, ...] = ()
    _since: dict[str, int] = field(default_factory=dict[str, int])
    _patches: dict[int, bytes] = field(default_factory=dict[int, bytes])

    def put(self, regions: Sequence[Region]) -> bool:
        """Take the newest state; whether anything has changed."""
        known = {each.id: each for each in _flat(self._regions)}
        following = self.version + 1
        since = {
            each.id: self._since[each.id] if _same(known.get(each.id), each) else following
            for each in _flat(regions)
        }
        # Something else stands there now only if one of the regions is another one, so none is lost.
        changed = following in since.values() or len(known) != len(since)
        self._regions = tuple(regions)
        if changed:
            self.version, self._since, self._patches = following, since, {}
        return changed

    def patch(self, version: int) -> bytes:
        """What has changed since a version, as an event: made once for all readers that know the same one."""
        found = self._patches.get(version)
        if found is None:
            partials = "".join(map(partial, self._changed(version)))
            found = self._patches[version] = event(partials, number=self.version)
        return found

    def _changed(self, version: int) -> list[Region]:
        found: list[Region] = []
        for each in self._regions:
            if self._since[each.id] > version:
                found.append(Region(id=each.id, html=each.whole()))
            else:
                found.extend(part for part in each.parts if self._since[part.id] > version)
        return found


def _flat(regions: Sequence[Region]) -> list[Region]:
    return [each for region in regions for each in (region, *region.parts)]


def _same(known: Region | None, found: Region) -> bool:
    """Whether an element is as it was; one with parts is also when they have changed, but not which they are."""
    if known is None or known.html != found.html:
        return False
    return [each.id for each in known.parts] == [each.id for each in found.parts]


def partial(region: Region, *, swap: str = "outerMorph") -> str:
    """An element with the place where it goes."""
    return f'<hx-partial hx-target="#{region.id}" hx-swap="{swap}">{region.html}</hx-partial>'


def event(data: str, *, number: int) -> bytes:
    """One server-sent event."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines())
    return f"id: {number}\n{lines}\n".encode()
