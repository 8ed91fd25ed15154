"""The end of a server, told to answers that would never end by themselves."""

from __future__ import annotations

from collections.abc import Callable


class Closing:
    """Tells open streams that the server is about to stop.

    A server lets running requests finish before it ends, and a stream of events does not finish until it is told.

    Attributes:
        begun: whether it is about to stop.
    """

    def __init__(self) -> None:
        self.begun = False
        self._told: list[Callable[[], None]] = []

    def tell(self, callback: Callable[[], None]) -> None:
        """Call a function whenever the server is about to stop."""
        self._told.append(callback)

    def begin(self) -> None:
        """The server takes no more requests, and waits for those that run."""
        if self.begun:
            return
        self.begun = True
        for callback in self._told:
            callback()

    def reopen(self) -> None:
        """The server starts, perhaps once more."""
        self.begun = False
