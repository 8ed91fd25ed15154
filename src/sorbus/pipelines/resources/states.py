"""The states of runs and stages."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """The state of a run.

    Attributes:
        WAITING: nothing can run before a time, or before somebody says something.
        PAUSED: nothing starts until it is resumed.
        COMPENSATED: it failed, and what it had done was undone.
    """

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    COMPENSATED = "compensated"
    CANCELLED = "cancelled"


class StageState(StrEnum):
    """The state of one stage of a run.

    Attributes:
        WAITING: for other stages.
        READY: it may start: as soon as there is room, at its time, or when somebody gives what it waits for.
        SKIPPED: it will never start: its condition does not hold, or too few of the stages before it are done.
    """

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN_RUNS = (RunState.PENDING, RunState.RUNNING, RunState.WAITING, RunState.PAUSED)
"""The states of a run that has not ended."""

OPEN_STAGES = (StageState.WAITING, StageState.READY, StageState.RUNNING)
"""The states of a stage that has not ended."""
