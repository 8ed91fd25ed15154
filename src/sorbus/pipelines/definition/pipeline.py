"""Definitions: pipelines in Python, checked when they are declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

from sorbus.errors.pipelines import BadStageOption, UnknownStage
from sorbus.pipelines.definition.checking import StagePlan, checked
from sorbus.pipelines.definition.drawing import drawn, to_data
from sorbus.pipelines.definition.graph import Graph
from sorbus.pipelines.definition.stages import Stage
from sorbus.pipelines.definition.work import Nested
from sorbus.pipelines.resources.states import StageState

DEFAULT_QUEUE = "pipelines"
_LOWEST_PRIORITY = 9


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline: its stages run one after the other, each on the content and on what came before.

    With `Pipeline.graph` they run side by side instead, each as soon as what it waits for is there.

    Args:
        name: how runs refer to it.
        version: raise it when stages change; a run keeps the version that it started with.
        stages: in the order in which they run.
        queue: the queue of its jobs.
        priority: of its jobs, from 0 (first) to 9.
        side_by_side: how many stages and items of one run are under way at once.
        ordered: whether each stage waits for the one written before it.
        input: the type of what a run is started with, which its stages take as `input`; None for nothing.
        output: the stage whose output it gives where it is nested; by default the last one.
        definition_id: the row that it is read from; None for one in code.
        fingerprints: whether all its runs leave what others need to reuse their outputs; those that reuse do anyway.

    Attributes:
        first_states: the states that the stages of a new run have.
        plan: the graph that the stages make.
        plans: what each stage needs to run, by name.

    Raises:
        PipelineWithoutStages: it has none.
        DuplicateStage: two stages bear one name.
        UnknownStageInput: a stage takes something that is neither the content nor an earlier stage.
        StageInputMismatch: a stage takes an earlier output as another type than it has.
        UnknownStage: a stage waits for one that is not in the pipeline.
        PipelineCycle: stages wait for each other.
        UnreachableStage: a stage can never start.
        BadCondition: a condition or a place in an output cannot be read.
        NoSuchOutput: it names a field that an output does not have.
        BadStageOption: a value that is not allowed.
    """

    name: str
    stages: Sequence[Stage] = field(kw_only=True)
    version: int = field(default=1, kw_only=True)
    description: str = field(default="", kw_only=True)
    queue: str = field(default=DEFAULT_QUEUE, kw_only=True)
    priority: int = field(default=0, kw_only=True)
    side_by_side: int = field(default=8, kw_only=True)
    ordered: bool = field(default=True, kw_only=True)
    input: Any = field(default=None, kw_only=True)
    output: str = field(default="", kw_only=True)
    fingerprints: bool = field(default=False, kw_only=True)
    definition_id: UUID | None = field(default=None, kw_only=True)
    first_states: tuple[StageState, ...] = field(init=False, repr=False, compare=False)
    plan: Graph = field(init=False, repr=False, compare=False)
    plans: Mapping[str, StagePlan] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.priority <= _LOWEST_PRIORITY:
            raise BadStageOption(self.name, "priority", self.priority, allowed="0 (first) to 9")
        if self.side_by_side < 1:
            raise BadStageOption(self.name, "side_by_side", self.side_by_side, allowed="1 or more")
        stages = tuple(self.stages)
        graph, plans = checked(self.name, stages, ordered=self.ordered, input_type=self.input)
        object.__setattr__(self, "stages", stages)
        object.__setattr__(self, "plan", graph)
        object.__setattr__(self, "plans", plans)
        object.__setattr__(self, "first_states", tuple(_first_states(stages, graph)))
        if self.output and self.output not in plans:
            raise UnknownStage(self.name, "output", self.output, allowed=plans)
        object.__setattr__(self, "output", self.output or stages[-1].name)

    @classmethod
    def graph(cls, name: str, *, stages: Sequence[Stage], **options: Any) -> Self:
        """A pipeline whose stages run side by side, each as soon as what it waits for is there.

        A stage waits for the stages whose outputs it takes, for those in its `after`, and for those that its `when`
        looks at.

        Args:
            options: those of `Pipeline`.
        """
        return cls(name, stages=stages, ordered=False, **options)

    @property
    def gives(self) -> Any:
        """The type of what it gives where it is nested."""
        return self.plans[self.output].gives

    @property
    def size(self) -> int:
        """How many stages it has, with those of the runs inside it; a list of runs counts once."""
        return len(self.stages) + sum(
            each.work.pipeline.size for each in self.stages if isinstance(each.work, Nested)
        )

    @property
    def depth(self) -> int:
        """How many levels of runs it makes: 1 where no stage is a run."""
        inner = (each.work.pipeline.depth for each in self.stages if isinstance(each.work, Nested))
        return 1 + max(inner, default=0)

    @property
    def inner(self) -> tuple[Pipeline, ...]:
        """The pipelines that its stages are runs of, and those inside them."""
        works = [each.work for each in self.stages if isinstance(each.work, Nested)]
        found = [each.pipeline for each in works if isinstance(each.pipeline, Pipeline)]
        return tuple({id(one): one for each in found for one in (each, *each.inner)}.values())

    def stage(self, name: str) -> Stage | None:
        """The stage of a name."""
        return next((each for each in self.stages if each.name == name), None)

    def draw(self) -> str:
        """The stages and what each waits for, one to a line."""
        return drawn(self.plan)

    def to_data(self) -> dict[str, Any]:
        """The definition as plain data, as its row holds it."""
        return to_data(self.stages, self.plan)


def _first_states(stages: Sequence[Stage], graph: Graph) -> Iterator[StageState]:
    roots = {each.name for each in graph.vertices if not each.edges}
    for each in stages:
        yield StageState.READY if each.name in roots and not each.waits else StageState.WAITING
