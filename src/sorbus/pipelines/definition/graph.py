"""The one rule of pipelines: what may start and what is skipped, from nothing but what is settled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Literal

from sorbus.pipelines.definition.conditions import Condition, Outputs
from sorbus.pipelines.resources.states import StageState

type Join = Literal["all", "any", "settled"] | int
"""When a stage starts: `all` edges are taken, `any` one, so many of them, or all have settled and one is taken."""


class EdgeKind(StrEnum):
    """What an edge waits for.

    Attributes:
        HARD: taken when its source is done, missed when that is skipped or has failed.
        SOFT: taken when its source has settled in any way.
        FAILURE: taken when its source has failed, missed when that is done or skipped.
        DECIDES: its source is looked at by the condition, which waits until it has settled.
    """

    HARD = "hard"
    SOFT = "soft"
    FAILURE = "failure"
    DECIDES = "decides"


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge of a graph, as its target sees it."""

    source: str
    kind: EdgeKind = EdgeKind.HARD


@dataclass(frozen=True, kw_only=True)
class Vertex:
    """A stage as the rule sees it.

    Attributes:
        may_fail: whether its failure stops nothing.
    """

    name: str
    edges: tuple[Edge, ...] = ()
    join: Join = "all"
    when: Condition | None = None
    may_fail: bool = False

    @cached_property
    def counted(self) -> tuple[Edge, ...]:
        """The edges that its join counts."""
        return tuple(edge for edge in self.edges if edge.kind is not EdgeKind.DECIDES)

    @cached_property
    def needed(self) -> int:
        """How many of them must be taken."""
        if isinstance(self.join, int):
            return self.join
        return len(self.counted) if self.join == "all" else 1


@dataclass(slots=True)
class Frontier:
    """What follows from what is settled.

    Attributes:
        ready: the stages that may start, in the order of the graph.
        skipped: the stages that never will.
        failed: the stages that failed and that nobody handles.
    """

    ready: list[str] = field(default_factory=list[str])
    skipped: list[str] = field(default_factory=list[str])
    failed: list[str] = field(default_factory=list[str])


_TAKEN: Mapping[EdgeKind, frozenset[StageState]] = {
    EdgeKind.HARD: frozenset({StageState.DONE}),
    EdgeKind.SOFT: frozenset({StageState.DONE, StageState.SKIPPED, StageState.FAILED}),
    EdgeKind.FAILURE: frozenset({StageState.FAILED}),
}
"""The states of its source in which a settled edge is taken; in others it is missed."""


@dataclass(frozen=True)
class Graph:
    """The stages of a pipeline and what each waits for.

    Attributes:
        pipeline: for messages.
        vertices: in an order in which every source comes before its targets.
    """

    pipeline: str
    vertices: tuple[Vertex, ...]

    @cached_property
    def handled(self) -> frozenset[str]:
        """The stages whose failure stops nothing: they may fail, or another stage starts on their failure."""
        caught = {
            edge.source for each in self.vertices for edge in each.edges if edge.kind is EdgeKind.FAILURE
        }
        return frozenset(caught | {each.name for each in self.vertices if each.may_fail})

    def after(self, name: str) -> frozenset[str]:
        """A stage and all that wait for it, over however many others."""
        found = {name}
        for each in self.vertices:
            if any(edge.source in found for edge in each.edges):
                found.add(each.name)
        return frozenset(found)

    def frontier(self, settled: Mapping[str, StageState], outputs: Outputs) -> Frontier:
        """What follows from the states of the settled stages and the outputs of those that are done.

        Raises:
            ConditionUndecided: a condition cannot be decided on these outputs.
        """
        found = Frontier()
        known = dict(settled)
        for each in self.vertices:
            state = known.get(each.name)
            if state is StageState.FAILED and each.name not in self.handled:
                found.failed.append(each.name)
            if state is not None:
                continue
            verdict = self._verdict(each, known, outputs)
            if verdict is StageState.READY:
                found.ready.append(each.name)
            elif verdict is StageState.SKIPPED:
                known[each.name] = verdict
                found.skipped.append(each.name)
        return found

    def _verdict(self, vertex: Vertex, known: Mapping[str, StageState], outputs: Outputs) -> StageState:
        taken, left = self._counts(vertex, known)
        if vertex.counted:
            if vertex.join == "settled":
                reached, possible = left == 0 and taken > 0, left > 0 or taken > 0
            else:
                reached, possible = taken >= vertex.needed, taken + left >= vertex.needed
            if not reached:
                return StageState.WAITING if possible else StageState.SKIPPED
        if vertex.when is None:
            return StageState.READY
        if any(self._open(name, known) for name in vertex.when.stages):
            return StageState.WAITING
        label = f"{self.pipeline}.{vertex.name}"
        return StageState.READY if vertex.when.holds(outputs, label=label) else StageState.SKIPPED

    def _counts(self, vertex: Vertex, known: Mapping[str, StageState]) -> tuple[int, int]:
        """How many of a vertex's edges are taken, and how many still open."""
        taken = left = 0
        for edge in vertex.counted:
            if self._open(edge.source, known):
                left += 1
            elif known[edge.source] in _TAKEN[edge.kind]:
                taken += 1
        return taken, left

    def _open(self, name: str, known: Mapping[str, StageState]) -> bool:
        # What waits for a failure that stops the run is not skipped by it: a retry may still start it.
        state = known.get(name)
        return state is None or (state is StageState.FAILED and name not in self.handled)


def ordered(edges: Mapping[str, Iterable[str]]) -> tuple[list[str], list[str]]:
    """The names so that every source comes before its targets, as far as there are such; and a cycle, if any.

    Args:
        edges: the sources of each name, in written order.
    """
    done: list[str] = []
    left = {name: [each for each in sources if each in edges] for name, sources in edges.items()}
    placed: set[str] = set()
    while left:
        free = next((name for name, sources in left.items() if placed.issuperset(sources)), None)
        if free is None:
            return done, _cycle(left, placed)
        del left[free]
        placed.add(free)
        done.append(free)
    return done, []


def _cycle(left: Mapping[str, Sequence[str]], placed: set[str]) -> list[str]:
    """One cycle among names of which each waits for another one."""
    path: list[str] = []
    name = next(iter(left))
    while name not in path:
        path.append(name)
        name = next(each for each in left[name] if each not in placed)
    return [*path[path.index(name) :], name]
