"""Charts of state machines as text: Mermaid and DOT."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum

from sorbus.extensions.state_machine.graph import Graph


def label(state: Enum) -> str:
    """A state as charts show it."""
    return str(state.value)


def mermaid(graph: Graph) -> str:
    """The graph as a Mermaid state diagram (`stateDiagram-v2`)."""
    return "\n".join(_mermaid_lines(graph)) + "\n"


def _mermaid_lines(graph: Graph) -> Iterator[str]:
    yield "stateDiagram-v2"
    names = {state: _identifier(state.name) for state in graph.states}
    for state, name in names.items():
        if label(state) != name:
            yield f"    state {_quoted(label(state))} as {name}"
    for state in graph.initial:
        yield f"    [*] --> {names[state]}"
    for source, target, actions in graph.merged():
        yield f"    {names[source]} --> {names[target]}: {', '.join(actions)}"
    for state in graph.final:
        yield f"    {names[state]} --> [*]"


def dot(graph: Graph) -> str:
    """The graph in the language of Graphviz."""
    return "\n".join(_dot_lines(graph)) + "\n"


def _dot_lines(graph: Graph) -> Iterator[str]:
    yield f"digraph {_quoted(graph.name)} {{"
    yield "    rankdir=LR;"
    yield '    node [shape=box, style=rounded, fontname="sans-serif"];'
    yield '    edge [fontname="sans-serif", fontsize=10];'
    for state in graph.states:
        options = ", peripheries=2" if state in graph.final else ""
        options += ", style=dashed" if state in graph.deprecated else ""
        yield f"    {_quoted(state.name)} [label={_quoted(label(state))}{options}];"
    for state in graph.initial:
        start = _quoted(f"start {state.name}")
        yield f'    {start} [shape=point, label=""];'
        yield f"    {start} -> {_quoted(state.name)};"
    for source, target, actions in graph.merged():
        yield f"    {_quoted(source.name)} -> {_quoted(target.name)} [label={_quoted(', '.join(actions))}];"
    yield "}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _identifier(name: str) -> str:
    return re.sub(r"\W", "_", name.lower())
