"""What comes next in a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sorbus.pipelines.definition.graph import Frontier
from sorbus.pipelines.definition.pipeline import Pipeline
from sorbus.pipelines.running.attempts import Attempt, PlannedStage
from sorbus.pipelines.running.looking import Birth, Place


@dataclass(frozen=True, slots=True)
class PlannedPipeline:
    """A pipeline planned for an application.

    Attributes:
        undoing: what undoes its stages, by the name of the stage.
        batched: whether one of them works on many items at once.
    """

    pipeline: Pipeline
    stages: Mapping[str, PlannedStage]
    undoing: Mapping[str, PlannedStage]
    batched: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "batched", any(each.batch is not None for each in self.stages.values()))

    def fitting(self, busy: Collection[Place], wanted: Sequence[Attempt]) -> int:
        """How many of some attempts, from the first one on, may be under way beside others in one run.

        The items of a stage that works on many at once count as one for each call that they fill.

        Args:
            busy: the places at which work is under way.
        """
        if not self.batched:
            return max(self.pipeline.side_by_side - len(busy), 0)
        counts = Counter(name for name, _ in busy)
        for place, each in enumerate(wanted):
            counts[each.planned.name] += 1
            if (
                sum(-(-count // self._together(name)) for name, count in counts.items())
                > self.pipeline.side_by_side
            ):
                return place
        return len(wanted)

    def _together(self, name: str) -> int:
        planned = self.stages.get(name)
        return 1 if planned is None or planned.batch is None else planned.batch.size


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
