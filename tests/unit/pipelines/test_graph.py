"""The rule: what may start and what is skipped, from nothing but what is settled."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorbus.pipelines.definition.graph import Edge, EdgeKind, Graph, Join, Vertex
from sorbus.pipelines.resources.states import StageState

DONE, SKIPPED, FAILED = StageState.DONE, StageState.SKIPPED, StageState.FAILED
HARD, SOFT, FAILURE = EdgeKind.HARD, EdgeKind.SOFT, EdgeKind.FAILURE

Outcome = tuple[Mapping[str, StageState], frozenset[str]]


@pytest.mark.parametrize(
    ("kind", "state", "ready"),
    [
        (HARD, DONE, True),
        (HARD, SKIPPED, False),
        (HARD, FAILED, False),
        (SOFT, DONE, True),
        (SOFT, SKIPPED, True),
        (SOFT, FAILED, True),
        (FAILURE, FAILED, True),
        (FAILURE, DONE, False),
        (FAILURE, SKIPPED, False),
    ],
)
def test_an_edge_is_taken_or_missed(kind: EdgeKind, state: StageState, ready: bool) -> None:
    graph = Graph("p", (Vertex(name="a", may_fail=True), Vertex(name="b", edges=(Edge("a", kind),))))
    assert graph.frontier({}, {}).ready == ["a"]
    found = graph.frontier({"a": state}, {})
    assert (found.ready, found.skipped) == ((["b"], []) if ready else ([], ["b"]))


@pytest.mark.parametrize(
    ("join", "states", "verdict"),
    [
        ("all", [DONE, None, DONE], "waits"),
        ("all", [DONE, DONE, DONE], "ready"),
        ("all", [SKIPPED, None, None], "skipped"),
        ("any", [None, DONE, None], "ready"),
        ("any", [SKIPPED, SKIPPED, None], "waits"),
        ("any", [SKIPPED, FAILED, SKIPPED], "skipped"),
        (2, [DONE, None, None], "waits"),
        (2, [DONE, None, DONE], "ready"),
        (2, [SKIPPED, FAILED, None], "skipped"),
        ("settled", [DONE, FAILED, None], "waits"),
        ("settled", [DONE, FAILED, SKIPPED], "ready"),
        ("settled", [SKIPPED, FAILED, SKIPPED], "skipped"),
    ],
)
def test_a_join_counts_the_edges_taken(join: Join, states: list[StageState | None], verdict: str) -> None:
    sources = tuple(Vertex(name=name, may_fail=True) for name in "abc")
    graph = Graph("p", (*sources, Vertex(name="z", edges=tuple(map(Edge, "abc")), join=join)))
    found = graph.frontier({n: s for n, s in zip("abc", states, strict=True) if s is not None}, {})
    assert {"ready": "z" in found.ready, "skipped": "z" in found.skipped}.get(verdict, True)
    assert ("z" in found.ready) + ("z" in found.skipped) == (verdict != "waits")


def test_a_skip_travels_on() -> None:
    graph = Graph("p", (Vertex(name="a"), *(Vertex(name=b, edges=(Edge(a),)) for a, b in ("ab", "bc", "cd"))))
    assert graph.frontier({"a": SKIPPED}, {}).skipped == ["b", "c", "d"]


def test_a_failure_that_nobody_handles_skips_nothing() -> None:
    graph = Graph("p", (Vertex(name="a"), Vertex(name="b", edges=(Edge("a"),))))
    found = graph.frontier({"a": FAILED}, {})
    assert (found.ready, found.skipped, found.failed) == ([], [], ["a"])


def test_a_failure_is_handled_by_another_stage() -> None:
    graph = Graph(
        "p",
        (
            Vertex(name="a"),
            Vertex(name="b", edges=(Edge("a"),)),
            Vertex(name="c", edges=(Edge("a", FAILURE),)),
        ),
    )
    found = graph.frontier({"a": FAILED}, {})
    assert (found.ready, found.skipped, found.failed) == (["c"], ["b"], [])


@st.composite
def graphs(draw: st.DrawFn, joins: tuple[Join, ...] = ("all", "any", "settled", 2)) -> Graph:
    vertices: list[Vertex] = []
    for place in range(draw(st.integers(1, 10))):
        sources = draw(st.sets(st.integers(0, place - 1), max_size=3)) if place else set[int]()
        edges = tuple(Edge(f"s{i}", draw(st.sampled_from([HARD, SOFT, FAILURE]))) for i in sorted(sources))
        join = draw(st.sampled_from(joins))
        vertices.append(
            Vertex(
                name=f"s{place}",
                edges=edges,
                join=join if join != 2 or len(edges) >= 2 else "all",
                may_fail=draw(st.booleans()),
            )
        )
    return Graph("p", tuple(vertices))


def played(graph: Graph, doomed: frozenset[str], order: Random) -> Outcome:
    """What a run comes to whose ready stages settle in a random order, and what was ever skipped."""
    settled: dict[str, StageState] = {}
    skipped: set[str] = set()
    while True:
        found = graph.frontier(settled, {})
        assert not skipped.intersection(found.ready), "a skipped stage is never ready"
        skipped.update(found.skipped)
        settled.update(dict.fromkeys(found.skipped, SKIPPED))
        assert graph.frontier(settled, {}).ready == found.ready, "the skips were all found at once"
        if not found.ready:
            return settled, frozenset(skipped)
        name = order.choice(found.ready)
        settled[name] = FAILED if name in doomed else DONE


def modelled(graph: Graph, doomed: frozenset[str]) -> dict[str, str]:
    """The states in the order of the graph, when everything before a stage is waited for."""
    caught = {each.name for each in graph.vertices if each.may_fail}
    caught |= {e.source for each in graph.vertices for e in each.edges if e.kind == "failure"}
    states: dict[str, str] = {}
    for each in graph.vertices:
        yes = no = open_ = 0
        for edge in each.edges:
            state = states[edge.source]
            if state == "blocked" or (state == "failed" and edge.source not in caught):
                open_ += 1
            elif edge.kind == "soft" or state == {"hard": "done", "failure": "failed"}[edge.kind]:
                yes += 1
            else:
                no += 1
        enough = {"all": no == 0 and not open_, "settled": yes > 0 and not open_}[str(each.join)]
        hopeless = no > 0 if each.join == "all" else yes == 0 and not open_
        if not each.edges or enough:
            states[each.name] = "failed" if each.name in doomed else "done"
        else:
            states[each.name] = "skipped" if hopeless else "blocked"
    return states


NAMES = [f"s{place}" for place in range(10)]


@given(graphs(("all", "settled")), st.frozensets(st.sampled_from(NAMES)), st.integers(), st.integers())
def test_the_end_is_the_models_in_whatever_order_stages_settle(
    graph: Graph, doomed: frozenset[str], one: int, other: int
) -> None:
    expected = {n: s for n, s in modelled(graph, doomed).items() if s != "blocked"}
    for seed in (one, other):
        assert {n: s.value for n, s in played(graph, doomed, Random(seed))[0].items()} == expected


@given(graphs(), st.frozensets(st.sampled_from(NAMES)), st.integers())
def test_every_stage_settles_or_stands_behind_an_unhandled_failure(
    graph: Graph, doomed: frozenset[str], seed: int
) -> None:
    settled, _ = played(graph, doomed, Random(seed))
    blocked: set[str] = {n for n, s in settled.items() if s is FAILED and n not in graph.handled}
    for each in graph.vertices:
        if each.name not in settled:
            assert blocked.intersection(edge.source for edge in each.edges), each
            blocked.add(each.name)
