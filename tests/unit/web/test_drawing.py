"""Graphs are drawn so that they can be read: nothing overlaps, everything leads to the right."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from sorbus.web.charts import chart_of, plan_of
from sorbus.web.drawing.layers import Link, crossings, layered
from sorbus.web.drawing.places import HEIGHT, WIDTH, placed


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[Link]]:
    """A number of nodes, and edges from lower to higher ones."""
    count = draw(st.integers(1, 14))
    pairs = list(combinations(range(count), 2))
    edges = draw(st.lists(st.sampled_from(pairs), max_size=30)) if pairs else []
    return count, edges


DIAMOND = (4, [(0, 1), (0, 2), (1, 3), (2, 3), (0, 3)])


@given(graphs())
@example(DIAMOND)
def test_no_two_nodes_overlap_and_all_lie_inside(graph: tuple[int, list[Link]]) -> None:
    count, edges = graph
    picture = placed(count, edges)
    assert len(picture.boxes) == count
    for one, other in combinations(picture.boxes, 2):
        beside = abs(one.x - other.x) >= WIDTH
        above = abs(one.y - other.y) >= HEIGHT
        assert beside or above, (one, other)
    for box in picture.boxes:
        assert 0 <= box.x <= picture.width - WIDTH
        assert 0 <= box.y <= picture.height - HEIGHT


@given(graphs())
@example(DIAMOND)
def test_every_edge_leads_rightwards_from_its_source_to_its_target(graph: tuple[int, list[Link]]) -> None:
    count, edges = graph
    picture = placed(count, edges)
    assert set(picture.points) == set(edges)
    for (source, target), points in picture.points.items():
        xs = [x for x, _ in points]
        assert xs == sorted(set(xs)), points
        start, end = picture.boxes[source], picture.boxes[target]
        assert points[0] == (start.x + WIDTH, start.y + HEIGHT / 2)
        assert points[-1] == (end.x, end.y + HEIGHT / 2)


@given(graphs())
@example(DIAMOND)
def test_no_edge_runs_through_a_node(graph: tuple[int, list[Link]]) -> None:
    count, edges = graph
    picture = placed(count, edges)
    for (source, target), points in picture.points.items():
        # Between two ranks there are no nodes; the level pieces, every second one, pass a rank.
        for (left, y), (right, _) in list(pairwise(points))[1::2]:
            for number, box in enumerate(picture.boxes):
                if number in {source, target} or box.x >= right or box.x + WIDTH <= left:
                    continue
                assert not box.y < y < box.y + HEIGHT, (source, target, number)


@given(graphs())
def test_ranks_hold_each_node_once_and_links_join_neighbouring_ranks(graph: tuple[int, list[Link]]) -> None:
    layers = layered(*graph)
    place = {node: rank for rank, row in enumerate(layers.rows) for node in row}
    assert sorted(node for row in layers.rows for node in row) == list(range(len(place)))
    assert all(place[target] == place[source] + 1 for source, target in layers.links)


def test_crossings_are_untangled_where_they_can_be() -> None:
    edges = [(0, 5), (1, 4), (2, 3)]
    assert crossings([[0, 1, 2], [3, 4, 5]], edges) == 3
    layers = layered(6, edges)
    assert crossings(layers.rows, layers.links) == 0


def test_a_chain_is_a_straight_line() -> None:
    picture = placed(4, [(0, 1), (1, 2), (2, 3)])
    assert len({box.y for box in picture.boxes}) == 1
    assert all("C" not in line for line in picture.lines.values())


def test_a_definition_is_drawn_whatever_the_order_of_its_stages() -> None:
    plan = plan_of([{"name": "b", "action": "R.b"}, {"name": "a", "action": "R.a"}], [["a", "b"]])
    chart = chart_of(plan)
    assert chart is not None
    places = {node.name: node.x for node in chart.nodes}
    assert places["a"] < places["b"]
    assert plan.behind("a") == {"a", "b"}
    assert plan.behind("b") == {"b"}


def test_what_undoes_a_stage_hangs_on_it() -> None:
    plan = plan_of([{"name": "book", "action": "R.book", "undo": "R.free"}], [])
    chart = chart_of(plan, ["book", "book.undo"])
    assert chart is not None
    assert [(line.source, line.target, line.kind) for line in chart.lines] == [("book", "book.undo", "undo")]
    assert next(node for node in chart.nodes if node.name == "book.undo").shape.kind == "undo"


def test_edges_to_stages_that_are_not_there_are_left_out_and_too_large_a_graph_is_not_drawn() -> None:
    assert plan_of([{"name": "a"}], [["gone", "a"], ["a", "gone"]]).sources == {"a": []}
    many = plan_of([{"name": f"s{number}"} for number in range(301)], [])
    assert chart_of(many) is None
    assert chart_of(plan_of([], [])) is None


def test_the_kinds_of_stages_are_told_from_their_data() -> None:
    stages = [
        {"name": "ask", "approval": {}},
        {"name": "hear", "signal": {"within": 86400}},
        {"name": "rest", "pause": 90},
        {"name": "each", "action": "R.each", "for_each": {"limit": 4}},
        {"name": "again", "action": "R.again", "repeat": {"at_most": 3}},
        {"name": "plain", "action": "R.plain"},
    ]
    chart = chart_of(plan_of(stages, []))
    assert chart is not None
    assert {node.name: (node.shape.kind, node.shape.note) for node in chart.nodes} == {
        "ask": ("signal", "approval"),
        "hear": ("signal", "awaits a value, within 1 d"),
        "rest": ("pause", "pause, 1 min 30 s"),
        "each": ("map", "for each item"),
        "again": ("loop", "at most 3 rounds"),
        "plain": ("step", "R.plain"),
    }
