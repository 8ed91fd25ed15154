"""What comes next in a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sorbus.pipelines.definition.graph import Frontier
from sorbus.pipelines.definition.pipeline import Pipeline
from sorbus.pipelines.running.attempts import Attempt, PlannedStage
from sorbus.pipelines.running.looking import Birth


@dataclass(frozen=True, slots=True)
class PlannedPipeline:
    """A pipeline planned for an application.

    Attributes:
        undoing: what undoes its stages, by the name of the stage.
    """

    pipeline: Pipeline
    stages: Mapping[str, PlannedStage]
    undoing: Mapping[str, PlannedStage]


class Refused(Exception):
    """A checkpoint was not taken: the lease is lost, the run has ended, or the rows are not as they were thought to be.

    Attributes:
        stages: those that it would have changed.
    """

    def __init__(self, stages: Sequence[str]) -> None:
        super().__init__(", ".join(stages))
        self.stages = tuple(stages)


@dataclass(frozen=True, slots=True)
class Next:
    """What comes next in a run.

    Attributes:
        attempts: what may start in this process.
        births: the runs that stages start.
        wake_at: when to look again.
        sleeps: whether something waits for a time or for a word.
    """

    frontier: Frontier
    attempts: list[Attempt]
    births: list[Birth]
    wake_at: datetime | None
    sleeps: bool
