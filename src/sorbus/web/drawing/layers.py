"""From a graph to layers: the rank of each node, and an order within each rank with few crossings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

_SWEEPS = 8

type Link = tuple[int, int]
"""An edge between two nodes, by their numbers; the second lies behind the first."""


@dataclass(frozen=True, slots=True)
class Layers:
    """Nodes in ranks.

    Attributes:
        rows: the numbers of the nodes of each rank, in order. Numbers from `real` on stand for the places at which
            an edge passes a rank.
        links: the edges, each from one rank to the next.
        ways: for each edge of the graph, the numbers that it passes, its ends included.
        real: how many nodes the graph has.
    """

    rows: tuple[tuple[int, ...], ...]
    links: tuple[Link, ...]
    ways: Mapping[Link, tuple[int, ...]]
    real: int


def layered(count: int, edges: Iterable[Link]) -> Layers:
    """Put nodes into ranks, so that every edge leads from one to a later one.

    Args:
        count: the nodes are the numbers below it. Every edge leads from a lower to a higher number.
    """
    unique = list(dict.fromkeys(edges))
    ranks = _ranks(count, unique)
    rows: list[list[int]] = [[] for _ in range(max(ranks, default=-1) + 1)]
    for node, rank in enumerate(ranks):
        rows[rank].append(node)
    links: list[Link] = []
    ways: dict[Link, tuple[int, ...]] = {}
    following = count
    for source, target in unique:
        way = [source]
        for rank in range(ranks[source] + 1, ranks[target]):
            rows[rank].append(following)
            way.append(following)
            following += 1
        way.append(target)
        links.extend(pairwise(way))
        ways[source, target] = tuple(way)
    return Layers(tuple(map(tuple, _untangled(rows, links))), tuple(links), ways, count)


def _ranks(count: int, edges: Sequence[Link]) -> list[int]:
    """The length of the longest way to each node."""
    ranks = [0] * count
    for source, target in sorted(edges, key=lambda edge: edge[1]):
        ranks[target] = max(ranks[target], ranks[source] + 1)
    # A node without a source stands right before what waits for it, and not far to the left.
    entered = {target for _, target in edges}
    for node in range(count):
        behind = [ranks[target] for source, target in edges if source == node]
        if node not in entered and behind:
            ranks[node] = min(behind) - 1
    return ranks


def _untangled(rows: list[list[int]], links: Sequence[Link]) -> list[list[int]]:
    """The rows in the order with the fewest crossings that sweeping to and fro finds."""
    before: dict[int, list[int]] = {}
    behind: dict[int, list[int]] = {}
    for source, target in links:
        before.setdefault(target, []).append(source)
        behind.setdefault(source, []).append(target)
    best, fewest = [list(row) for row in rows], crossings(rows, links)
    current = [list(row) for row in rows]
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        forth = sweep % 2 == 0
        places = range(1, len(current)) if forth else range(len(current) - 2, -1, -1)
        for rank in places:
            fixed = current[rank - 1 if forth else rank + 1]
            current[rank] = _by_neighbours(current[rank], fixed, before if forth else behind)
        found = crossings(current, links)
        if found < fewest:
            best, fewest = [list(row) for row in current], found
    return best


def _by_neighbours(row: list[int], fixed: Sequence[int], links: Mapping[int, list[int]]) -> list[int]:
    """A row sorted by the mean place of each node's neighbours; one without any keeps its place."""
    place = {node: index for index, node in enumerate(fixed)}

    def mean(entry: tuple[int, int]) -> float:
        index, node = entry
        found = [place[each] for each in links.get(node, ()) if each in place]
        return sum(found) / len(found) if found else float(index)

    return [node for _, node in sorted(enumerate(row), key=mean)]


def crossings(rows: Sequence[Sequence[int]], links: Sequence[Link]) -> int:
    """How many pairs of links cross."""
    place = {node: (rank, index) for rank, row in enumerate(rows) for index, node in enumerate(row)}
    by_rank: dict[int, list[Link]] = {}
    for source, target in links:
        rank, index = place[source]
        by_rank.setdefault(rank, []).append((index, place[target][1]))
    return sum(_inversions([target for _, target in sorted(found)]) for found in by_rank.values())


def _inversions(values: list[int]) -> int:
    """How many pairs stand in the wrong order."""
    if len(values) < 2:
        return 0
    middle = len(values) // 2
    left, right = values[:middle], values[middle:]
    found = _inversions(left) + _inversions(right)
    left.sort()
    right.sort()
    index = 0
    for value in left:
        while index < len(right) and right[index] < value:
            index += 1
        found += index
    return found
