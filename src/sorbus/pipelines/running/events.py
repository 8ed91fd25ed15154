"""What happens to runs, as told to observers in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class EventKind(StrEnum):
    """What happened to a run.

    Attributes:
        STARTED: it is there, and waits for a process.
        WAITING: nothing runs until a time, until somebody says something, or until it is resumed.
    """

    STARTED = "started"
    BEGUN = "begun"
    STAGE_STARTED = "stage_started"
    STAGE_DONE = "stage_done"
    STAGE_SKIPPED = "stage_skipped"
    STAGE_FAILED = "stage_failed"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """One step of a run, as told to observers in this process."""

    kind: EventKind
    run_id: UUID
    pipeline: str
    stage: str | None = None
    error: str | None = None


Observer = Callable[[RunEvent], None]
