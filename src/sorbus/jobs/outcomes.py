"""What a handler may return."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Done:
    """The job is completed. Returning None means the same."""


@dataclass(frozen=True, slots=True)
class Snooze:
    """Run the job again later; the attempt is not counted.

    Attributes:
        seconds: how long to wait, 0 or more.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Cancel:
    """Give the job up for good.

    Attributes:
        reason: why; stored in the job's errors.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Retry:
    """The attempt failed: run the job again, or discard it when its attempts are used up.

    Attributes:
        after: seconds to wait, or None for the runner's back-off.
        reason: why; stored in the job's errors.
    """

    after: float | None = None
    reason: str = "the handler asked for a retry"


type Outcome = Done | Snooze | Cancel | Retry
