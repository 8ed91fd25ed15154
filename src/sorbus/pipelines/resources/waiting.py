"""What stages of a run wait for under the limits of the application."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitWait:
    """A stage that stands before a limit.

    Attributes:
        stage: its name.
        limit: the name of the limit.
        apart: what the limit tells apart, such as the tenant and the model, with the values that hold here.
        places: how many attempts of the stage wait: one, or several of its items.
        since: when the first of them asked.
        held: how many attempts are under way under the limit, of all runs.
        waiting: how many wait for it in all runs; counted to 1000.
        at_once: how many may be under way at once; None for no such limit.
        rate: how many may start in `seconds`; None for no such limit.
        opens_at: when the rate lets the next one start; None where it is not the rate that holds it up.
    """

    stage: str
    limit: str
    apart: dict[str, str]
    places: int
    since: datetime
    held: int
    waiting: int
    at_once: int | None
    rate: int | None
    seconds: float | None
    opens_at: datetime | None
