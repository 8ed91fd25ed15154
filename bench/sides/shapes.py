"""What all sides of the shapes benches do in their stages: so little that the engine is what is measured.

Two shapes: `chain3`, three stages one after the other, and `diamond8`, one stage, six side by side, and one that joins
them. Each stage takes what those before it have given. Needs nothing but the standard library.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from serving import Command, burst

CHAIN, DIAMOND = "chain3", "diamond8"
SIDES = 6
TEXT = (
    "John Smith of Example Corp asks whether the order arrived on Monday, and whether the second crate was among it. "
    "Please send the invoice by Friday."
)

type Part = dict[str, Any]
type Shape = Callable[[int], Awaitable[float]]


def opening(text: str) -> Part:
    """The first stage of both shapes."""
    return {"text": text, "words": len(text.split())}


def following(part: Part) -> Part:
    """The second and the third of a chain, and each of those side by side."""
    return {"text": part["text"], "words": part["words"] + 1}


def joining(parts: Sequence[Part]) -> Part:
    """The last of a diamond."""
    return {"text": parts[0]["text"], "words": sum(part["words"] for part in parts)}


def shape_commands(shapes: Mapping[str, Shape], check: Command) -> dict[str, Command]:
    """The commands of a side.

    Args:
        shapes: by name, a function that takes one run from its start to its completion and says how many seconds that
            took.
        check: what the newest run of each shape has found, and how many are not complete.
    """

    async def many(*, shape: str, runs: int) -> dict[str, Any]:
        return await burst(shapes[shape], runs=runs)

    return {"burst": many, "one_by_one": partial(one_by_one, shapes), "check": check}


async def one_by_one(shapes: Mapping[str, Shape], *, shape: str, runs: int) -> dict[str, Any]:
    """One run after the other: how long each took, in milliseconds."""
    took = [await shapes[shape](number) * 1e3 for number in range(runs)]
    return {"took_ms": took, "p50_ms": statistics.median(took)}


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    def seconds(self) -> float:
        """So many by now."""
        return time.perf_counter() - self._started
