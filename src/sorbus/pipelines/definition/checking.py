"""The checks of a pipeline when it is declared, and what they find out: its graph, and what each stage needs."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_origin

from sorbus.errors.flow import StageNotBatched
from sorbus.errors.pipelines import (
    DuplicateStage,
    PipelineCycle,
    PipelineWithoutStages,
    StageInputMismatch,
    UnknownStage,
    UnknownStageInput,
    UnreachableStage,
)
from sorbus.pipelines.definition.conditions import Condition, Selection, condition_of, selection_of
from sorbus.pipelines.definition.drawing import drawn
from sorbus.pipelines.definition.given import StageFailure
from sorbus.pipelines.definition.graph import Edge, EdgeKind, Graph, Vertex, ordered
from sorbus.pipelines.definition.outputs import bare, element_of, may_be_none
from sorbus.pipelines.definition.stages import (
    CONTENT,
    FAILURE,
    INPUT,
    ITEM,
    RESERVED,
    AnyAction,
    Stage,
    parameters,
)
from sorbus.pipelines.definition.work import Await, ForEach, Nested, Pause, Repeat, When, Where
from sorbus.pipelines.definition.written import condition_in, selection_in


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePlan:
    """What a stage needs to run, found once.

    Attributes:
        gives: the type of its output.
        over: where the list of a `for_each` is.
        until: what ends a `repeat`.
        given: where what a nested run is started with is.
    """

    stage: Stage
    gives: Any
    over: Selection | None = None
    until: Condition | None = None
    given: Selection | None = None


def checked(
    pipeline: str, stages: Sequence[Stage], *, ordered: bool, input_type: Any = None
) -> tuple[Graph, Mapping[str, StagePlan]]:
    """The graph of some stages and the plan of each.

    Raises:
        FrameworkError: they make no pipeline; `Pipeline` lists the errors.
    """
    if not stages:
        raise PipelineWithoutStages(pipeline)
    for position, each in enumerate(stages):
        if each.name in RESERVED or any(each.name == other.name for other in stages[:position]):
            raise DuplicateStage(pipeline, each.name)
    return _Check(pipeline, stages, ordered=ordered, input_type=input_type).result()


class _Check:
    """One pipeline under check."""

    def __init__(self, pipeline: str, stages: Sequence[Stage], *, ordered: bool, input_type: Any) -> None:
        self.input_type = input_type
        self.pipeline = pipeline
        self.stages = stages
        self.ordered = ordered
        self.gives = {each.name: _gives(each) for each in stages}

    def result(self) -> tuple[Graph, Mapping[str, StagePlan]]:
        """The graph and the plans."""
        for each in self.stages:
            if each.batch is not None:
                self._check_batched(each)
        vertices: dict[str, Vertex] = {}
        plans: dict[str, StagePlan] = {}
        for position, each in enumerate(self.stages):
            plan = plans[each.name] = self._plan(each)
            before = self.stages[position - 1] if self.ordered and position else None
            vertices[each.name] = self._vertex(plan, before)
        names, cycle = ordered(
            {name: [edge.source for edge in vertex.edges] for name, vertex in vertices.items()}
        )
        if cycle:
            raise PipelineCycle(self.pipeline, cycle, drawing=drawn(self._graph(vertices), mark=cycle[0]))
        graph = self._graph({name: vertices[name] for name in names})
        for vertex in graph.vertices:
            self._reachable(vertex, graph)
        return graph, plans

    def _graph(self, vertices: Mapping[str, Vertex]) -> Graph:
        return Graph(self.pipeline, tuple(vertices.values()))

    def _check_batched(self, stage: Stage) -> None:
        for place in (*stage.needs, "return"):
            found = _annotation(stage.action, place)
            if get_origin(bare(found)) is not list:
                # The types are not checked yet, so the edges are drawn by the names alone.
                rough = {each.name: Vertex(name=each.name, edges=self._named(each)) for each in self.stages}
                raise StageNotBatched(
                    self.pipeline,
                    stage.name,
                    place,
                    _shown(found),
                    drawing=drawn(self._graph(rough), mark=stage.name),
                )

    def _named(self, stage: Stage) -> tuple[Edge, ...]:
        names = [*(stage.source(need) for need in stage.needs), *stage.after]
        return tuple(Edge(name) for name in dict.fromkeys(names) if name in self.gives and name != stage.name)

    def _earlier(self, stage: Stage) -> dict[str, Any]:
        """The outputs that a stage may look at: in a sequence, those of the stages written before it."""
        names = [each.name for each in self.stages]
        if self.ordered:
            names = names[: names.index(stage.name)]
        return {name: self.gives[name] for name in names if name != stage.name}

    def _plan(self, stage: Stage) -> StagePlan:
        plan = StagePlan(stage=stage, gives=self.gives[stage.name])
        match stage.work:
            case ForEach(over=over):
                plan = replace(plan, over=self._selection(over, stage))
            case Nested(given=given, over=over):
                plan = replace(
                    plan,
                    over=None if over is None else self._selection(over, stage),
                    given=None if given is None else self._selection(given, stage),
                )
            case Repeat(until=until):
                own = {stage.name: self.gives[stage.name]}
                plan = replace(plan, until=self._condition(until, own, stage))
            case _:
                pass
        return plan

    def _condition(self, when: When, types: Mapping[str, Any], stage: Stage) -> Condition:
        label = f"{self.pipeline}.{stage.name}"
        if callable(when):
            return condition_of(when, types, label=label)
        return condition_in(when, types, label=label)

    def _selection(self, where: Where, stage: Stage) -> Selection:
        label = f"{self.pipeline}.{stage.name}"
        if isinstance(where, str):
            return selection_in(where, self._earlier(stage), label=label)
        return selection_of(where, self._earlier(stage), label=label)

    def _vertex(self, plan: StagePlan, before: Stage | None) -> Vertex:
        stage = plan.stage
        edges: list[Edge] = [*self._taken(stage)]
        if plan.over is not None:
            edges.append(Edge(plan.over.stage))
            self._check_list(stage, plan.over)
        if plan.given is not None:
            edges.append(Edge(plan.given.stage))
        if isinstance(stage.work, Nested):
            self._check_nested(stage, stage.work, plan)
        for kind, names in ((EdgeKind.HARD, stage.after), (EdgeKind.FAILURE, stage.on_failure)):
            edges.extend(Edge(name, kind) for name in self._known(stage, names))
        when: Condition | None = None
        if stage.when is not None:
            when = self._condition(stage.when, self._earlier(stage), stage)
            edges.extend(Edge(name, EdgeKind.DECIDES) for name in when.stages)
        if before is not None and not any(edge.source == before.name for edge in edges):
            edges.append(Edge(before.name, EdgeKind.SOFT))
        if stage.undo is not None:
            self._check_undo(stage, stage.undo)
        return Vertex(
            name=stage.name,
            edges=tuple(dict.fromkeys(edges)),
            join=stage.join,
            when=when,
            may_fail=stage.may_fail,
        )

    def _known(self, stage: Stage, names: Sequence[str]) -> Sequence[str]:
        for name in names:
            if name not in self.gives or name == stage.name:
                raise UnknownStage(self.pipeline, stage.name, name, allowed=self.gives)
        return names

    def _taken(self, stage: Stage) -> list[Edge]:
        """The edges of the outputs that a stage takes, whose types fit."""
        edges: list[Edge] = []
        earlier = self._earlier(stage)
        special = [CONTENT, *([ITEM] if isinstance(stage.work, ForEach) else [])]
        special += [FAILURE] if stage.on_failure else []
        special += [INPUT] if self.input_type is not None else []
        for parameter in stage.takes:
            if parameter not in stage.needs:
                raise UnknownStageInput(
                    self.pipeline, stage.name, parameter, allowed=stage.needs, mapped=True
                )
        for need in stage.needs:
            wanted, source = _of_one(stage, need), stage.source(need)
            if source == stage.name and isinstance(stage.work, Repeat):
                self._fits(stage, need, wanted, self.gives[source], optional=True)
            elif need == FAILURE and need in special:
                self._fits(stage, need, wanted, StageFailure)
            elif need == INPUT and need in special:
                self._fits(stage, need, wanted, self.input_type)
            elif need in special:
                continue
            elif source not in earlier:
                raise UnknownStageInput(self.pipeline, stage.name, source, allowed=[*special, *earlier])
            else:
                self._fits(stage, need, wanted, earlier[source], optional=stage.join != "all")
                soft = stage.join == "all" and may_be_none(wanted) and not may_be_none(earlier[source])
                edges.append(Edge(source, EdgeKind.SOFT if soft else EdgeKind.HARD))
        return edges

    def _fits(self, stage: Stage, need: str, wanted: Any, given: Any, *, optional: bool = False) -> None:
        """Whether an output can be taken as a type; `optional`: and where there is none yet.

        Raises:
            StageInputMismatch: it cannot.
        """
        fits = wanted == given or (may_be_none(wanted) and bare(wanted) == bare(given))
        shown = _shown(given)
        if optional and not may_be_none(wanted):
            shown, fits = f"{shown}, or nothing when it starts before that", False
        if not fits and wanted is not Any and wanted is not object:
            source = FAILURE if need == FAILURE else stage.source(need)
            raise StageInputMismatch(
                self.pipeline,
                stage.name,
                need,
                wanted=_shown(wanted),
                given=shown,
                source="the pipeline" if need == INPUT else f"the stage `{source}`",
            )

    def _check_nested(self, stage: Stage, work: Nested, plan: StagePlan) -> None:
        """What a nested run is started with is of the type that its pipeline declares."""
        wanted = work.pipeline.input
        place = plan.given if plan.over is None else plan.over
        given = None if place is None else place.type if plan.over is None else element_of(place.type)
        if wanted is None and given is None:
            return
        known = given is not None and (isinstance(given, type) or hasattr(given, "__origin__"))
        if wanted is None or given is None or (known and bare(wanted) != bare(given)):
            raise StageInputMismatch(
                self.pipeline,
                stage.name,
                INPUT,
                wanted="nothing" if wanted is None else _shown(wanted),
                given="nothing" if given is None else _shown(given),
                source=f"the {'place' if plan.over is None else 'list'} `{place}`" if place else "the stage",
            )

    def _check_list(self, stage: Stage, over: Selection) -> None:
        element = element_of(over.type)
        if element is None:
            raise StageInputMismatch(
                self.pipeline,
                stage.name,
                str(over),
                wanted="a list",
                given=_shown(over.type),
                source=f"the stage `{over.stage}`",
            )
        if isinstance(stage.work, Nested):
            return
        if ITEM not in stage.needs:
            raise UnknownStageInput(self.pipeline, stage.name, ITEM, allowed=stage.needs, wanted=True)
        wanted = _of_one(stage, ITEM)
        known = isinstance(element, type) or hasattr(element, "__origin__")
        if known and element is not Any and wanted is not Any and bare(wanted) != bare(element):
            raise StageInputMismatch(
                self.pipeline,
                stage.name,
                ITEM,
                wanted=_shown(wanted),
                given=_shown(element),
                source=f"the list `{over}`",
            )

    def _check_undo(self, stage: Stage, undo: AnyAction) -> None:
        allowed = [CONTENT, *self.gives]
        for need in parameters(undo):
            if need == CONTENT:
                continue
            if need not in self.gives:
                raise UnknownStageInput(self.pipeline, f"{stage.name}.undo", need, allowed=allowed)
            # Of the stages before it all are done where it is; of the others some may be.
            self._fits(
                stage,
                need,
                _annotation(undo, need),
                self.gives[need],
                optional=need not in self._before(stage),
            )

    def _before(self, stage: Stage) -> set[str]:
        """The stage itself and those that are surely done when it is."""
        needed = {stage.source(need) for need in stage.needs} & set(self.gives)
        return {stage.name, *needed} if stage.join == "all" else {stage.name}

    def _reachable(self, vertex: Vertex, graph: Graph) -> None:
        counted = vertex.counted
        if isinstance(vertex.join, int) and vertex.join > len(counted):
            why = f"it wants {vertex.join} stages before it to be done, and has {len(counted)}"
            raise UnreachableStage(self.pipeline, vertex.name, why, drawing=drawn(graph, mark=vertex.name))
        failures = {edge.source for edge in counted if edge.kind is EdgeKind.FAILURE}
        both = sorted(failures & {edge.source for edge in counted if edge.kind is EdgeKind.HARD})
        if vertex.join == "all" and both:
            why = f"it wants `{both[0]}` to be done and to have failed"
            raise UnreachableStage(self.pipeline, vertex.name, why, drawing=drawn(graph, mark=vertex.name))


def _gives(stage: Stage) -> Any:
    match stage.work:
        case Pause():
            return None
        case Await(kind):
            return kind
        case Nested(pipeline, over=over, keep_going=keep_going):
            found: Any = pipeline.gives
            return (
                found if over is None else types.GenericAlias(list, (found | None if keep_going else found,))
            )
        case ForEach(keep_going=keep_going):
            item: Any = _of_one(stage, "return")
            return types.GenericAlias(list, (item | None if keep_going else item,))
        case _:
            return _of_one(stage, "return")


def _of_one(stage: Stage, name: str) -> Any:
    """The type that a parameter, or the answer, has for one item."""
    found = _annotation(stage.action, name)
    return found if stage.batch is None else element_of(found)


def _annotation(action: AnyAction | None, name: str) -> Any:
    assert action is not None, "a stage without an action takes and returns nothing"
    found = action.function.__annotations__.get(name)
    if isinstance(found, str):
        found = inspect.get_annotations(action.function, eval_str=True).get(name)
    return found


def _shown(annotation: Any) -> str:
    plain = isinstance(annotation, type) and not hasattr(annotation, "__origin__")
    return annotation.__name__ if plain else str(annotation)
