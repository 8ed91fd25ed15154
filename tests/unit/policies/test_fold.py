"""Policies are folded to yes, no or a condition, and explained as data."""

from __future__ import annotations

import itertools
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorbus import Scope
from sorbus.expressions.evaluate import Environment, evaluate
from sorbus.expressions.nodes import FALSE, NULL, TRUE, ActorRef, Call, Const, InputRef, Node, Ref
from sorbus.policies import fold as folding
from sorbus.policies.explain import explain, refusal
from sorbus.policies.fold import PolicyProgram, all_of, any_of, negated, surely
from sorbus.policies.rows import DICT_ROW
from sorbus.resource.assembly import assemble
from sorbus.schema.policies import CheckSpec, Effect, PolicySpec
from sorbus.testing.conformance.people import Gate, People
from sorbus.testing.conformance.rules import FACTS, TRUTHS, allowed, policy_sets, strictly

SPEC = assemble("test", [People]).by_class[Gate]
ROW, OTHER, ACTS = Ref("a"), Ref("b"), ActorRef("")
A, FI, AU, FU = Effect.AUTHORIZE_IF, Effect.FORBID_IF, Effect.AUTHORIZE_UNLESS, Effect.FORBID_UNLESS


def policy(*checks: tuple[Effect, Node], bypass: bool = False) -> PolicySpec:
    made = tuple(CheckSpec(effect=effect, condition=condition) for effect, condition in checks)
    return PolicySpec(actions=frozenset({"read"}), checks=made, bypass=bypass)


def program(*policies: PolicySpec) -> PolicyProgram:
    return PolicyProgram(replace(SPEC, policies=policies), "read")


def folded(*policies: PolicySpec, **inputs: Any) -> Node:
    made = program(*policies)
    return made.fold(made.variant(Scope(actor=None), inputs))


@pytest.mark.parametrize(
    ("effect", "value", "wanted"),
    [
        (A, TRUE, TRUE), (A, FALSE, FALSE), (A, NULL, FALSE),
        (FI, TRUE, FALSE), (FI, FALSE, FALSE), (FI, NULL, FALSE),
        (AU, TRUE, FALSE), (AU, FALSE, TRUE), (AU, NULL, FALSE),
        (FU, TRUE, FALSE), (FU, FALSE, FALSE), (FU, NULL, FALSE),
    ],
)  # fmt: skip
def test_one_check_alone(effect: Effect, value: Node, wanted: Node) -> None:
    assert folded(policy((effect, value))) == wanted


@pytest.mark.parametrize(
    ("first", "value", "wanted"),
    [
        (FI, TRUE, FALSE), (FI, FALSE, TRUE), (FI, NULL, TRUE),
        (FU, TRUE, TRUE), (FU, FALSE, FALSE), (FU, NULL, FALSE),
    ],
)  # fmt: skip
def test_a_check_before_one_that_authorises(first: Effect, value: Node, wanted: Node) -> None:
    assert folded(policy((first, value), (A, TRUE))) == wanted


def test_the_first_check_that_decides_wins() -> None:
    assert folded(policy((A, TRUE), (FI, TRUE))) == TRUE
    assert folded(policy((FI, TRUE), (A, TRUE))) == FALSE
    assert folded(policy((A, ROW), (FI, TRUE))) == ROW


def test_all_policies_that_apply_must_allow() -> None:
    assert folded(policy((A, TRUE)), policy((A, FALSE))) == FALSE
    assert folded(policy((A, ROW)), policy((A, OTHER))) == Call("and", (ROW, OTHER))
    assert folded(policy((A, ROW)), policy((A, TRUE))) == ROW


def test_a_bypass_shields_only_what_comes_after_it() -> None:
    forbids, opens = policy((FI, TRUE)), policy((A, TRUE), bypass=True)
    assert folded(opens, forbids) == TRUE
    assert folded(forbids, opens) == FALSE
    assert folded(opens) == TRUE
    assert folded(policy((A, FALSE), bypass=True)) == FALSE, "a bypass that does not open is no policy"
    assert folded(policy((A, ROW), bypass=True), forbids) == ROW


def test_nothing_that_applies_means_no() -> None:
    assert folded() == FALSE
    assert program().policies == ()
    other = PolicySpec(actions=frozenset({"place"}), checks=(CheckSpec(effect=A, condition=TRUE),))
    assert program(other).fold(()) == FALSE


@settings(max_examples=400)
@given(policies=policy_sets, facts=st.sampled_from(FACTS))
def test_folding_never_changes_the_decision(
    policies: list[PolicySpec], facts: tuple[bool | None, ...]
) -> None:
    inputs = dict(zip("xyz", facts, strict=True))
    node = folded(*policies, **inputs)
    reference = strictly(policies, inputs)
    for values in FACTS:
        row = dict(zip("abc", values, strict=True))
        decision = evaluate(node, row, Environment(rows=DICT_ROW, inputs=inputs)) is True
        assert decision is allowed(reference, row, inputs), (node, row)


@given(policies=policy_sets)
def test_what_is_known_before_the_row_is_not_asked_of_it(policies: list[PolicySpec]) -> None:
    for facts in itertools.islice(FACTS, 0, None, 5):
        node = folded(*policies, **dict(zip("xyz", facts, strict=True)))
        assert "InputRef" not in repr(node)


@pytest.mark.parametrize("simplify", [all_of, any_of])
def test_simplifying_keeps_the_truth_value(simplify: Any) -> None:
    operator = "and" if simplify is all_of else "or"
    for values in itertools.product(TRUTHS, TRUTHS):
        args = tuple(Const(each) for each in values)
        environment = Environment(rows=DICT_ROW)
        wanted = evaluate(Call(operator, args), {}, environment)
        assert evaluate(simplify(args), {}, environment) is wanted
    assert simplify((ROW, ROW)) == ROW
    assert simplify((Call(operator, (ROW, OTHER)), OTHER)) == Call(operator, (ROW, OTHER))


def test_negation_and_certainty() -> None:
    assert [negated((Const(each),)) for each in TRUTHS] == [FALSE, TRUE, NULL]
    assert [surely((Const(each),)) for each in TRUTHS] == [TRUE, FALSE, FALSE]
    assert surely((ROW,)) == Call("is_true", (ROW,))


def test_a_decision_is_folded_once_for_callers_that_are_alike() -> None:
    made = program(policy((A, Call("and", (ACTS, ROW)))))
    variants = {made.variant(Scope(actor=SimpleNamespace(name=name))) for name in "abc"}
    assert len(variants) == 1
    (variant,) = variants
    assert made.fold(variant) is made.fold(variant)
    assert made.fold(made.variant(Scope())) == FALSE


def test_the_cache_of_decisions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "_LARGEST_CACHE", 4)
    made = program(policy((A, Call("or", (InputRef("x"), InputRef("y"), InputRef("z"))))))
    for facts in FACTS:
        made.fold(made.variant(Scope(), dict(zip("xyz", facts, strict=True))))
        assert len(made._folded) <= 4


def test_an_explanation_tells_each_check() -> None:
    made = program(
        policy((A, Call("eq", (ActorRef("role"), Const("admin")))), bypass=True),
        policy((FU, ACTS), (A, Call("eq", (ROW, ActorRef("id"))))),
    )
    scope = Scope(actor=SimpleNamespace(role="reader", id=7))
    told = explain(made, scope)
    assert (told.resource, told.action, told.allowed) == ("Gate", "read", None)
    assert [each.outcome for each in told.policies] == ["false", "depends on the row"]
    assert [check.outcome for check in told.policies[1].checks] == ["true", "depends on the row"]
    assert told.policies[0].checks[0].condition == "actor.role == 'admin'"
    assert "bypass 1: false" in str(told)
    assert told.to_dict()["policies"][1]["checks"][1]["effect"] == "authorize_if"
    assert explain(made, Scope(actor=SimpleNamespace(role="admin", id=7))).allowed is True
    assert explain(made, Scope()).allowed is False
    assert explain(made, Scope()).policies[0].checks[0].outcome == "unknown"


def test_a_refusal_says_why() -> None:
    nothing = PolicyProgram(replace(SPEC, policies=None), "read")
    assert "no policies section" in str(refusal(nothing, Scope()))
    assert "no policy applies" in str(refusal(program(), Scope()))
    error = refusal(program(policy((A, ROW))), Scope())
    assert "rows where a" in str(error)
    assert error.breakdown.policies[0].checks[0].condition == "a"
