"""Batches: items of many runs that one call of an action works on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Batch:
    """How the items of a stage are gathered: those of the runs that one process has in hand, and of their maps.

    The action takes a list for each of its parameters and returns a list of the same length. A call begins when there
    are `size` items for it, or the oldest one has waited for `within` seconds, and a call may be made.

    Args:
        size: the most items of one call, 1 to 10,000.
        within: the seconds for which an item waits for others, 0 to 60.
        at_once: how many calls are under way at once in one process, 1 or more. Items that become ready meanwhile
            gather for the next one.
    """

    size: int
    within: float = 0.05
    at_once: int = 4
