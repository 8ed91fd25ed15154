"""From layers to coordinates: where each node stands, and the line of each edge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sorbus.web.drawing.layers import Layers, Link, layered

WIDTH = 176.0
HEIGHT = 48.0
"""The size of a node."""

_BETWEEN_RANKS = 56.0
_BETWEEN_NODES = 18.0
_BETWEEN_LINES = 14.0
_MARGIN = 12.0
_ROUNDS = 6
_STRAIGHT = 8.0
"""How much more a line that only passes a rank insists on being straight than a node does on its middle."""


@dataclass(frozen=True, slots=True)
class Box:
    """A node: its left upper corner, in pixels."""

    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A drawn graph.

    Attributes:
        boxes: the nodes, in the order in which they were given.
        lines: for each edge the path of its line, as SVG writes it.
        points: for each edge the points that its line passes, from left to right.
    """

    width: float
    height: float
    boxes: tuple[Box, ...]
    lines: Mapping[Link, str]
    points: Mapping[Link, tuple[tuple[float, float], ...]]


def placed(count: int, edges: Sequence[Link]) -> Picture:
    """Draw a graph from left to right: no node overlaps another one, and every edge leads rightwards.

    Args:
        count: the nodes are the numbers below it. Every edge leads from a lower to a higher number.
    """
    layers = layered(count, edges)
    middles = _middles(layers)
    top = min((middles[node] - _half(node, layers) for row in layers.rows for node in row), default=0.0)
    left = {
        node: _MARGIN + rank * (WIDTH + _BETWEEN_RANKS)
        for rank, row in enumerate(layers.rows)
        for node in row
    }
    middle = {node: round(value - top + _MARGIN, 1) for node, value in middles.items()}
    boxes = tuple(Box(left[node], middle[node] - HEIGHT / 2) for node in range(count))
    points = {edge: _points(way, left, middle) for edge, way in layers.ways.items()}
    bottom = max((middle[node] + _half(node, layers) for node in middle), default=0.0)
    return Picture(
        width=2 * _MARGIN
        + len(layers.rows) * (WIDTH + _BETWEEN_RANKS)
        - (_BETWEEN_RANKS if layers.rows else 0),
        height=round(bottom + _MARGIN, 1),
        boxes=boxes,
        lines={edge: _path(found) for edge, found in points.items()},
        points=points,
    )


def _half(node: int, layers: Layers) -> float:
    return HEIGHT / 2 if node < layers.real else 0.0


def _middles(layers: Layers) -> dict[int, float]:
    """The height at which each node's middle stands: near those of its neighbours."""
    neighbours: dict[int, list[int]] = {}
    for source, target in layers.links:
        neighbours.setdefault(source, []).append(target)
        neighbours.setdefault(target, []).append(source)
    middles: dict[int, float] = {}
    for row in layers.rows:
        middles |= _spread(row, dict.fromkeys(row, 0.0), layers)
    for turn in range(_ROUNDS):
        for row in layers.rows if turn % 2 == 0 else reversed(layers.rows):
            wanted: dict[int, float] = {}
            for node in row:
                near = [middles[each] for each in neighbours.get(node, ())]
                wanted[node] = sum(near) / len(near) if near else middles[node]
            middles |= _spread(row, wanted, layers)
    return middles


def _spread(row: Sequence[int], wanted: Mapping[int, float], layers: Layers) -> dict[int, float]:
    """The heights nearest to the wanted ones at which the nodes of a row keep their order and their distance.

    Least squares under these limits is a monotone regression, which pooling neighbours that violate it solves.
    """
    offsets = [0.0]
    for above, below in pairwise(row):
        real = below < layers.real or above < layers.real
        gap = _BETWEEN_NODES if real else _BETWEEN_LINES
        offsets.append(offsets[-1] + _half(above, layers) + _half(below, layers) + gap)
    pools: list[tuple[float, float, int]] = []  # the mean, the weight, how many
    for node, offset in zip(row, offsets, strict=True):
        weight = 1.0 if node < layers.real else _STRAIGHT
        pools.append((wanted[node] - offset, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (mean, weight, several), (other, more, count) = pools.pop(-2), pools.pop(-1)
            total = weight + more
            pools.append(((mean * weight + other * more) / total, total, several + count))
    means = [mean for mean, _, several in pools for _ in range(several)]
    return {node: mean + offset for node, mean, offset in zip(row, means, offsets, strict=True)}


def _points(
    way: Sequence[int], left: Mapping[int, float], middle: Mapping[int, float]
) -> tuple[tuple[float, float], ...]:
    """The points of an edge: the right side of its source, both sides of each rank it passes, its target's left."""
    first, *passed, last = way
    found = [(left[first] + WIDTH, middle[first])]
    for node in passed:
        found += [(left[node], middle[node]), (left[node] + WIDTH, middle[node])]
    return (*found, (left[last], middle[last]))


def _path(points: Sequence[tuple[float, float]]) -> str:
    """A line through points that leaves and enters each of them level."""
    (x, y), *rest = points
    parts = [f"M{x:g} {y:g}"]
    level = False
    for to_x, to_y in rest:
        if level or y == to_y:
            parts.append(f"L{to_x:g} {to_y:g}")
        else:
            half = (x + to_x) / 2
            parts.append(f"C{half:g} {y:g} {half:g} {to_y:g} {to_x:g} {to_y:g}")
        # Within a rank that it passes a line is level; between two ranks it bends.
        x, y, level = to_x, to_y, not level
    return "".join(parts)
