"""Evaluation follows SQL's three-valued logic."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from sorbus.errors.authorization import WrongActor
from sorbus.expressions.evaluate import Environment, Unevaluable, actor_value, evaluate
from sorbus.expressions.nodes import (
    NULL,
    TRUE,
    ActorRef,
    Aggregated,
    AggregateKind,
    Call,
    Const,
    Exists,
    InputRef,
    Node,
    Param,
    Ref,
    TenantRef,
)
from sorbus.expressions.operators import OPERATORS
from sorbus.policies.rows import DICT_ROW, NO_ROWS

T, F, U = True, False, None
TRUTHS = (T, F, U)


def value(node: Node, row: dict[str, Any] | None = None, **given: Any) -> Any:
    return evaluate(node, row or {}, Environment(rows=DICT_ROW, **given))


def call(operator: str, *args: Any) -> Any:
    return value(Call(operator, tuple(Const(each) for each in args)))


@pytest.mark.parametrize(("left", "right"), list(itertools.product(TRUTHS, TRUTHS)))
def test_and_or_and_not_have_the_truth_tables_of_sql(left: bool | None, right: bool | None) -> None:
    conjunction = {
        (T, T): T, (T, F): F, (T, U): U, (F, T): F, (F, F): F, (F, U): F, (U, T): U, (U, F): F, (U, U): U,
    }  # fmt: skip
    assert call("and", left, right) is conjunction[left, right]
    negated = {T: F, F: T, U: U}
    assert call("not", left) is negated[left]
    assert call("or", left, right) is negated[conjunction[negated[left], negated[right]]]


@pytest.mark.parametrize(
    "operator",
    [name for name, rule in OPERATORS.items() if rule.strict and name != "now"],
)
def test_a_strict_operator_of_null_is_null(operator: str) -> None:
    assert call(operator, None) is None
    assert call(operator, None, "x") is None
    assert call(operator, "x", None) is None


@pytest.mark.parametrize(
    ("needle", "hay", "wanted"),
    [
        (1, (1, 2), T),
        (3, (1, 2), F),
        (1, (1, None), T),
        (3, (1, None), U),
        (None, (1,), U),
        (None, (), F),
        (1, (), F),
        (1, None, U),
    ],
)
def test_in_with_nulls(needle: Any, hay: Any, wanted: bool | None) -> None:
    assert call("in", needle, hay) is wanted


def test_nulls_can_be_told_apart() -> None:
    assert call("is_null", None) is True
    assert call("is_null", 0) is False
    assert call("is_true", None) is False
    assert call("distinct", None, None) is False
    assert call("distinct", None, 1) is True
    assert call("coalesce", None, None, 3) == 3
    assert call("coalesce", None) is None


def test_if_takes_what_is_unknown_for_false_and_leaves_the_other_branch_alone() -> None:
    broken = Ref("missing")
    assert value(Call("if", (NULL, broken, Const(2)))) == 2
    assert value(Call("if", (TRUE, Const(1), broken))) == 1


def test_a_decided_condition_asks_no_further() -> None:
    broken = Ref("missing")
    assert value(Call("or", (TRUE, broken))) is True
    assert value(Call("and", (Const(False), broken))) is False
    with pytest.raises(Unevaluable):
        value(Call("and", (TRUE, broken)))


@pytest.mark.parametrize(
    ("operator", "args", "wanted"),
    [
        ("contains", ("100%", "0%"), True),
        ("contains", ("abc", "%"), False),
        ("starts_with", ("a_c", "a_"), True),
        ("ends_with", ("abc", ""), True),
        ("trim", ("  a \t", " "), "a \t"),
        ("length", ("üa",), 2),
        ("concat", ("a", "b"), "ab"),
        ("upper", ("ab",), "AB"),
        ("lower", ("AB",), "ab"),
    ],
)
def test_text(operator: str, args: tuple[Any, ...], wanted: Any) -> None:
    assert call(operator, *args) == wanted


def test_what_an_expression_may_refer_to() -> None:
    actor = SimpleNamespace(role="admin")
    assert value(ActorRef("role"), actor=actor) == "admin"
    assert value(ActorRef("role")) is None
    assert value(ActorRef(""), actor=actor) is True
    assert value(ActorRef("")) is False
    assert value(TenantRef(), tenant=3) == 3
    assert value(InputRef("x"), inputs={"x": 1}) == 1
    assert value(InputRef("x")) is None
    assert value(Param(1, int), params=[1, 2]) == 2
    assert value(Ref("a"), {"a": 5}) == 5
    with pytest.raises(WrongActor, match="Did you mean `role`"):
        actor_value(actor, "rule")


def test_now_is_when_the_transaction_began() -> None:
    began = datetime(2030, 1, 1, tzinfo=UTC)
    assert value(Call("now", ()), now=began) == began
    before = datetime.now(UTC)
    assert before <= value(Call("now", ())) <= datetime.now(UTC)


@pytest.mark.parametrize(
    "node",
    [
        Ref("a", ("parent",)),
        Ref("a", outer=1),
        Ref("b"),
        Exists("children"),
        Aggregated(AggregateKind.COUNT, "children"),
    ],
)
def test_what_is_not_at_hand_is_not_guessed(node: Node) -> None:
    with pytest.raises(Unevaluable):
        value(node, {"a": 1})
    with pytest.raises(Unevaluable):
        evaluate(node, None, Environment(rows=NO_ROWS))
