"""How long a failed job waits before its next attempt."""

from __future__ import annotations

import random
from dataclasses import dataclass

from sorbus.errors.jobs import BadJobOption


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Exponential back-off with jitter: `base * 2 ** (attempt - 1)` seconds, at most `cap`, spread about it.

    Attributes:
        base: seconds before the second attempt.
        cap: the longest wait in seconds, before the jitter.
        jitter: how much of the wait is random; 0.25 means between 0.75 and 1.25 of it.

    Raises:
        BadJobOption: a negative number, or a jitter above 1.
    """

    base: float = 5.0
    cap: float = 3600.0
    jitter: float = 0.25

    def __post_init__(self) -> None:
        for name, value in (("base", self.base), ("cap", self.cap)):
            if value < 0:
                raise BadJobOption(name, value, allowed="a number of seconds, 0 or more")
        if not 0 <= self.jitter <= 1:
            raise BadJobOption("jitter", self.jitter, allowed="between 0 and 1")

    def seconds(self, attempt: int) -> float:
        """The wait in seconds after the failed attempt number `attempt` (the first is 1)."""
        # the exponent is clipped because 2.0 ** 1024 overflows
        wait = min(self.cap, self.base * 2.0 ** min(attempt - 1, 60))
        # spreads the load of jobs that failed together; nothing here is secret
        return wait * (1 + self.jitter * (2 * random.random() - 1))  # noqa: S311
