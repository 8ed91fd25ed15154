"""Openings: what is kept open for callers, counted for each of them and in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Hashable
from contextlib import contextmanager

from sorbus.errors.graphql import TooManyOwnStreams, TooManyStreams
from sorbus.http.closing import Closing


class Openings:
    """The streams and sockets that this process keeps open.

    Args:
        most: how many there may be.
        each: how many of them one caller may have.
    """

    def __init__(self, closing: Closing, *, most: int, each: int) -> None:
        self.closing = closing
        self.most = most
        self.each = each
        self.open: Counter[Hashable] = Counter()

    @contextmanager
    def one(self, caller: Hashable) -> Generator[None]:
        """Keep one open for a caller for the length of the block.

        Raises:
            TooManyStreams: there are as many as there may be, or the server is about to stop.
            TooManyOwnStreams: the caller has as many as one may have.
        """
        if self.open.total() >= self.most or self.closing.begun:
            raise TooManyStreams(self.most)
        if self.open[caller] >= self.each:
            raise TooManyOwnStreams(self.each)
        self.open[caller] += 1
        try:
            yield
        finally:
            self.open[caller] -= 1
            if not self.open[caller]:
                del self.open[caller]
