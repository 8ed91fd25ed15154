"""A compiled decision says what evaluation says, for random conditions with nulls."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorbus.expressions.evaluate import Environment, Unevaluable, evaluate
from sorbus.expressions.nodes import ActorRef, Call, Const, Exists, Node, Param, Ref
from sorbus.policies.deciding import decider
from sorbus.policies.rows import DICT_ROW

TRUTHS = [True, False, None]
NUMBERS = [0, 1, 2, None]
NUMERIC = st.sampled_from([Ref("n"), Ref("m"), Param(0, int), Param(1, int), Const(0), Const(1), Const(None)])
LEAVES = st.one_of(
    st.sampled_from([Ref("a"), Ref("b"), *map(Const, TRUTHS)]),
    st.builds(
        lambda operator, one, other: Call(operator, (one, other)),
        st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge", "distinct"]),
        NUMERIC,
        NUMERIC,
    ),
    NUMERIC.map(lambda each: Call("is_null", (each,))),
    st.lists(st.sampled_from([0, 1, 2]), max_size=2).flatmap(
        lambda items: NUMERIC.map(lambda each: Call("in", (each, Const(tuple(items)))))
    ),
)
CONDITIONS: st.SearchStrategy[Node] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda args: Call("and", tuple(args))),
        st.lists(inner, min_size=1, max_size=3).map(lambda args: Call("or", tuple(args))),
        inner.map(lambda each: Call("not", (each,))),
        inner.map(lambda each: Call("is_true", (each,))),
    ),
    max_leaves=8,
)


@settings(max_examples=400)
@given(
    allowed=st.one_of(st.none(), CONDITIONS),
    masks=st.lists(CONDITIONS, max_size=3),
    row=st.fixed_dictionaries(
        {
            "a": st.sampled_from(TRUTHS),
            "b": st.sampled_from(TRUTHS),
            "n": st.sampled_from(NUMBERS),
            "m": st.sampled_from(NUMBERS),
        }
    ),
    values=st.tuples(st.sampled_from(NUMBERS), st.sampled_from(NUMBERS)),
)
def test_it_decides_as_evaluation_does(
    allowed: Node | None, masks: list[Node], row: dict[str, Any], values: tuple[Any, ...]
) -> None:
    environment = Environment(rows=DICT_ROW, params=values)
    wanted: int | None = None
    if allowed is None or evaluate(allowed, row, environment) is True:
        hidden = [evaluate(each, row, environment) is not True for each in masks]
        wanted = sum(1 << place for place, each in enumerate(hidden) if each)
    assert decider(allowed, masks)(row, values) == wanted


@pytest.mark.parametrize(
    "node",
    [
        ActorRef("id"),
        Exists("members"),
        Ref("a", ("owner",)),
        Ref("a", outer=1),
        Call("lower", (Ref("a"),)),
        Call("eq", (Ref("a"), ActorRef("id"))),
        Call("in", (Ref("n"), Ref("m"))),
    ],
)
def test_what_it_does_not_know_is_refused(node: Node) -> None:
    with pytest.raises(Unevaluable):
        decider(node, [])
