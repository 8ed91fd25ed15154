"""A wall clock that is off, for one process: what Sorbus and Oban read as the time of the machine."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, tzinfo
from types import ModuleType
from typing import Any

# Where the clock is read. Rooms that look at `datetime` as a type are left alone.
OURS = (
    "sorbus.engine.",
    "sorbus.expressions.evaluate.",
    "sorbus.expressions.operators.",
    "sorbus.jobs.",
    "sorbus.llm.records.",
    "sorbus.pipelines.running.",
    "sorbus.resource.fields.",
    "oban.",
)


class _AlsoPlain(type):
    """Plain datetimes count as instances."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


def clock(offset: Callable[[], float]) -> Any:
    """A `datetime` whose `now` is off by so many seconds; everything that it makes is a plain one."""

    class Shifted(datetime, metaclass=_AlsoPlain):
        def __new__(cls, *args: Any, **options: Any) -> Any:
            return datetime(*args, **options)  # noqa: DTZ001  # what the caller makes of it

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + timedelta(seconds=offset())

    return Shifted


def readers() -> Iterator[ModuleType]:
    """The modules that read the clock through the name `datetime`."""
    for name, module in list(sys.modules.items()):
        if f"{name}.".startswith(OURS) and getattr(module, "datetime", None) is datetime:
            yield module


def shift(offset: Callable[[], float]) -> None:
    """Have the wall clock of this process be off from now on; call it when everything is imported."""
    shifted = clock(offset)
    for module in readers():
        vars(module)["datetime"] = shifted
    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + offset()
    time.time_ns = lambda: real_ns() + int(offset() * 1_000_000_000)


def jumping(hours: float, *, every: float = 0.3) -> Callable[[], float]:
    """An offset that jumps: right, ahead, right, behind, and so on."""
    steps = (0.0, hours * 3600, 0.0, -hours * 3600)
    return lambda: steps[int(time.monotonic() / every) % len(steps)]
