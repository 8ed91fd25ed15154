"""The graph of a pipeline, drawn from its definition as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from sorbus.pipelines.definition.graph import ordered
from sorbus.web.drawing.places import HEIGHT, WIDTH, placed
from sorbus.web.formatting import lasting

LARGEST = 300
"""The most stages that are drawn; more are only listed."""

UNDO = ".undo"
"""What the name of a stage that undoes another one ends with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What kind of stage one is.

    Attributes:
        kind: `step`, `map`, `loop`, `nested`, `pause`, `signal` or `undo`.
        note: what it does, in a few words.
        many: whether it is several runs of another pipeline, one for each item of a list.
        action: the action that does its work; empty for one that only waits.
    """

    kind: str
    note: str
    action: str = ""
    many: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A stage that another one waits for.

    Attributes:
        kind: `needs`, `failure`, `decides` or `undo`.
    """

    name: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A pipeline as a definition has it.

    Attributes:
        stages: the data of each stage by name, in written order.
        sources: what each stage waits for.
    """

    stages: Mapping[str, Mapping[str, Any]]
    sources: Mapping[str, Sequence[Source]]

    def behind(self, name: str) -> frozenset[str]:
        """A stage and all that wait for it."""
        found = {name}
        while True:
            more = {each for each, sources in self.sources.items() if any(s.name in found for s in sources)}
            if more <= found:
                return frozenset(found)
            found |= more


NO_PLAN = Plan(stages={}, sources={})


def plan_of(stages: Iterable[Mapping[str, Any]], edges: Iterable[Sequence[str]]) -> Plan:
    """The plan in the row of a definition."""
    named = {str(each["name"]): each for each in stages}
    sources: dict[str, list[Source]] = {name: [] for name in named}
    for source, target, *kind in edges:
        if source in named and target in named:
            sources[target].append(Source(name=source, kind=kind[0] if kind else "needs"))
    return Plan(stages=named, sources=sources)


def shape_of(name: str, data: Mapping[str, Any] | None) -> Shape:
    """What kind of stage one is, by its data."""
    if data is None:
        return Shape(kind="undo", note="undoes") if name.endswith(UNDO) else Shape(kind="step", note="")
    if data.get("approval") is not None:
        return Shape(kind="signal", note="approval" + _within(data["approval"]))
    if data.get("signal") is not None:
        return Shape(kind="signal", note="awaits a value" + _within(data["signal"]))
    if data.get("pause") is not None:
        return Shape(kind="pause", note=f"pause, {_seconds(data['pause'])}")
    action = str(data.get("action") or "")
    if data.get("for_each") is not None:
        return Shape(kind="map", note="for each item", action=action)
    if data.get("repeat") is not None:
        rounds = cast("Mapping[str, Any]", data["repeat"]).get("at_most")
        return Shape(kind="loop", note=f"at most {rounds} rounds", action=action)
    if data.get("nested") is not None:
        inner = cast("Mapping[str, Any]", data["nested"])
        # Data of pipelines in code say how many at once, those of users say over what.
        many = "limit" in inner or inner.get("over") is not None
        what = inner.get("pipeline") or "a definition"
        return Shape(kind="nested", note=f"{'runs' if many else 'a run'} of {what}", many=many)
    return Shape(kind="step", note=action, action=action)


def _within(data: Mapping[str, Any]) -> str:
    seconds: float | None = data.get("within")
    return "" if seconds is None else f", within {_seconds(seconds)}"


def _seconds(seconds: float) -> str:
    return lasting(timedelta(seconds=seconds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A stage in the drawing, with its place."""

    name: str
    shape: Shape
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An edge in the drawing, as a path."""

    source: str
    target: str
    kind: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawn pipeline."""

    width: float
    height: float
    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]
    node_width: float = WIDTH
    node_height: float = HEIGHT


def chart_of(plan: Plan, further: Iterable[str] = ()) -> Chart | None:
    """Draw a pipeline; None when it is too large, or there is nothing to draw.

    Args:
        further: stages that a run has besides, such as those that undo others.
    """
    sources: dict[str, list[Source]] = {name: list(found) for name, found in plan.sources.items()}
    for name in further:
        undone = name.removesuffix(UNDO)
        known = name.endswith(UNDO) and undone in plan.stages
        sources.setdefault(name, [Source(name=undone, kind="undo")] if known else [])
    if not sources or len(sources) > LARGEST:
        return None
    names, _ = ordered({name: [each.name for each in found] for name, found in sources.items()})
    place = {name: index for index, name in enumerate(names)}
    kinds: dict[tuple[int, int], str] = {}
    for name in names:
        for each in sources[name]:
            kinds.setdefault((place[each.name], place[name]), each.kind)
    picture = placed(len(names), list(kinds))
    nodes = tuple(
        Node(name=name, shape=shape_of(name, plan.stages.get(name)), x=box.x, y=box.y)
        for name, box in zip(names, picture.boxes, strict=True)
    )
    lines = tuple(
        Line(source=names[one], target=names[other], kind=kind, path=picture.lines[one, other])
        for (one, other), kind in kinds.items()
    )
    return Chart(width=picture.width, height=picture.height, nodes=nodes, lines=lines)
