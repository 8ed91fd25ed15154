"""Graphs as text and as data: for errors, for people, and for the rows of definitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sorbus.pipelines.definition.graph import Edge, EdgeKind, Graph, Vertex
from sorbus.pipelines.definition.stages import Stage
from sorbus.pipelines.definition.work import Await, ForEach, Nested, Once, Pause, Repeat

_SIGNS = {EdgeKind.HARD: "", EdgeKind.SOFT: "?", EdgeKind.FAILURE: "!"}


def drawn(graph: Graph, *, mark: str = "") -> str:
    """The stages and what each waits for, one to a line; the marked one is pointed at.

    `?` stands behind a stage that may also be skipped or fail, `!` behind one whose failure is waited for.
    """
    width = max((len(each.name) for each in graph.vertices), default=0)
    lines: list[str] = []
    for each in graph.vertices:
        line = f"{each.name:<{width}}{_waits(each)}"
        lines.append(f"{line}   <-- here" if each.name == mark else line)
    return "\n".join(lines)


def _waits(vertex: Vertex) -> str:
    sources = dict.fromkeys(f"{edge.source}{_SIGNS[edge.kind]}" for edge in vertex.counted)
    join = "" if vertex.join == "all" or len(sources) < 2 else f"{vertex.join} of "
    waits = f" <- {join}{', '.join(sources)}" if sources else ""
    return f"{waits}   when {vertex.when}" if vertex.when is not None else waits


def to_data(stages: Sequence[Stage], graph: Graph) -> dict[str, Any]:
    """A pipeline as plain data; what is as usual is left out."""
    vertices = {each.name: each for each in graph.vertices}
    edges = [
        [edge.source, each.name, *([] if edge.kind in (EdgeKind.HARD, EdgeKind.SOFT) else [edge.kind.value])]
        for each in graph.vertices
        for edge in _once_each(each.edges)
    ]
    return {"stages": [_stage(each, vertices[each.name]) for each in stages], "edges": edges}


def _once_each(edges: Sequence[Edge]) -> list[Edge]:
    """One edge for each source: that a condition looks at it is no second one."""
    found: dict[str, Edge] = {}
    for edge in edges:
        if edge.source not in found or found[edge.source].kind is EdgeKind.DECIDES:
            found[edge.source] = edge
    return list(found.values())


def _stage(stage: Stage, vertex: Vertex) -> dict[str, Any]:
    data: dict[str, Any] = {"name": stage.name}
    if stage.action is not None:
        data |= {"action": action_name(stage.action), "attempts": stage.attempts}
    if vertex.when is not None:
        data["when"] = str(vertex.when)
    if stage.join != "all":
        data["join"] = stage.join
    if stage.may_fail:
        data["may_fail"] = True
    if stage.delay:
        data["delay"] = stage.delay
    if stage.undo is not None:
        data["undo"] = action_name(stage.undo)
    if stage.version != 1:
        data["version"] = stage.version
    if stage.reuse is not None:
        data["reuse"] = stage.reuse
    if stage.batch is not None:
        data["batch"] = asdict(stage.batch)
    return data | _work(stage)


def _work(stage: Stage) -> dict[str, Any]:
    match stage.work:
        case Once():
            return {}
        case ForEach(limit=limit, keep_going=keep_going):
            return {"for_each": {"limit": limit, "keep_going": keep_going}}
        case Repeat(at_most=at_most):
            return {"repeat": {"at_most": at_most}}
        case Pause(seconds):
            return {"pause": seconds}
        case Nested(pipeline, over=over, limit=limit, keep_going=keep_going):
            found: dict[str, Any] = {"pipeline": pipeline.name, "version": pipeline.version}
            if pipeline.definition_id is not None:
                found["definition"] = str(pipeline.definition_id)
            return {"nested": found if over is None else found | {"limit": limit, "keep_going": keep_going}}
        case Await(within=within):
            return {"signal": {"within": within}}


def action_name(action: Any) -> str:
    """Resource and action, as in `EmailAnalysis.extract`."""
    return f"{action.owner.__name__}.{action.name}"
