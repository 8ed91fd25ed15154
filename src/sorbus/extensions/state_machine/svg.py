"""Charts of state machines as SVG: states in columns by their distance from the start, drawn without any tool."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import Enum
from html import escape

from sorbus.extensions.state_machine.charts import label
from sorbus.extensions.state_machine.graph import Graph

BOX_HEIGHT = 36
COLUMN_GAP = 130
ROW_GAP = 58
MARGIN = 40
LETTER = 8.0
"""The width of a letter at the font size that is used, generously."""

STYLE = (
    "text{font:13px sans-serif;fill:#222}.way{font-size:11px;fill:#555}"
    "rect{fill:#f6f7f9;stroke:#57606a}.inner{fill:none}.old{stroke-dasharray:4 3}"
    "path{fill:none;stroke:#57606a}.tip,.start{fill:#57606a;stroke:none}"
)

Place = tuple[float, float, float]
"""Left, top and width of a state's box."""


def svg(graph: Graph) -> str:
    """The graph as one SVG element with a title; every text in it is escaped."""
    places = _places(graph)
    width = max((left + wide for left, _, wide in places.values()), default=0) + MARGIN
    bows = sum(1 for source, target, _ in graph.merged() if _bow(places, source, target))
    height = max((top for _, top, _ in places.values()), default=0) + BOX_HEIGHT + MARGIN + 26 * bows
    body = "".join((*_ways(graph, places), *_boxes(graph, places)))
    title = escape(f"{graph.name}: {graph.attribute}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img" aria-label="{title}">'
        f"<title>{title}</title><style>{STYLE}</style>"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto-start-reverse"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>'
        f"{body}</svg>\n"
    )


def _columns(graph: Graph) -> list[list[Enum]]:
    """The states by their distance from the initial ones; what nothing reaches comes first."""
    distance = dict.fromkeys(graph.initial, 0)
    waiting = deque(graph.initial)
    while waiting:
        state = waiting.popleft()
        for edge in graph.leaving(state):
            if edge.target not in distance:
                distance[edge.target] = distance[state] + 1
                waiting.append(edge.target)
    columns: dict[int, list[Enum]] = {}
    for state in graph.states:
        columns.setdefault(distance.get(state, 0), []).append(state)
    return [columns[number] for number in sorted(columns)]


def _places(graph: Graph) -> dict[Enum, Place]:
    found: dict[Enum, Place] = {}
    left = float(MARGIN)
    for column in _columns(graph):
        width = max(60.0, *(len(label(state)) * LETTER + 24 for state in column))
        for row, state in enumerate(column):
            found[state] = (left, MARGIN + row * ROW_GAP, width)
        left += width + COLUMN_GAP
    return found


def _boxes(graph: Graph, places: dict[Enum, Place]) -> Iterator[str]:
    for state, (left, top, width) in places.items():
        old = ' class="old"' if state in graph.deprecated else ""
        yield f'<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{BOX_HEIGHT}" rx="8"{old}/>'
        if state in graph.final:
            yield (
                f'<rect class="inner" x="{left + 3:g}" y="{top + 3:g}" width="{width - 6:g}" '
                f'height="{BOX_HEIGHT - 6}" rx="6"/>'
            )
        if state in graph.initial:
            yield f'<circle class="start" cx="{left - 24:g}" cy="{top + BOX_HEIGHT / 2:g}" r="5"/>'
            yield (
                f'<path marker-end="url(#tip)" d="M{left - 19:g} {top + BOX_HEIGHT / 2:g}L{left:g} '
                f'{top + BOX_HEIGHT / 2:g}"/>'
            )
        yield (
            f'<text x="{left + width / 2:g}" y="{top + 23:g}" text-anchor="middle">{escape(label(state))}</text>'
        )


def _bow(places: dict[Enum, Place], source: Enum, target: Enum) -> bool:
    """Whether a way leads back, or stays where it is, and so goes round below."""
    return places[target][0] <= places[source][0]


def _ways(graph: Graph, places: dict[Enum, Place]) -> Iterator[str]:
    lowest = max((top for _, top, _ in places.values()), default=0.0) + BOX_HEIGHT
    bows = 0
    for source, target, actions in graph.merged():
        text = escape(", ".join(actions))
        left, top, width = places[source]
        to_left, to_top, to_width = places[target]
        if _bow(places, source, target):
            bows += 1
            below = lowest + 26 * bows
            start, end = left + width * 0.65, to_left + to_width * 0.35
            yield (
                f'<path marker-end="url(#tip)" d="M{start:g} {top + BOX_HEIGHT:g}V{below:g}H{end:g}'
                f'V{to_top + BOX_HEIGHT:g}"/>'
            )
            yield (
                f'<text class="way" x="{(start + end) / 2:g}" y="{below - 4:g}" text-anchor="middle">{text}</text>'
            )
            continue
        start, middle, end = left + width, top + BOX_HEIGHT / 2, to_left
        to_middle = to_top + BOX_HEIGHT / 2
        bend = (end - start) / 2
        yield (
            f'<path marker-end="url(#tip)" d="M{start:g} {middle:g}C{start + bend:g} {middle:g} '
            f'{end - bend:g} {to_middle:g} {end:g} {to_middle:g}"/>'
        )
        yield (
            f'<text class="way" x="{start + bend:g}" y="{(middle + to_middle) / 2 - 5:g}" '
            f'text-anchor="middle">{text}</text>'
        )
