"""Conditions are recorded once, and decided on outputs as plain data."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypedDict

import pytest
from pydantic import BaseModel

from sorbus.errors.pipelines import BadCondition, ConditionUndecided, NoSuchOutput
from sorbus.expressions.build import now, tenant
from sorbus.pipelines.definition.conditions import condition_of, selection_of


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Rank(Enum):
    LOW = 1
    HIGH = 2


@dataclass
class Verdict:
    label: str
    score: float | None
    ok: bool
    colour: Colour
    rank: Rank
    length: int


class Model(BaseModel):
    verdict: Verdict


class Typed(TypedDict):
    models: list[Model]


TYPES: dict[str, Any] = {
    "judge": Verdict,
    "model": Model,
    "typed": Typed,
    "plain": dict[str, Any],
    "several": list[Verdict],
    "anything": Any,
    "text": str,
}
JUDGED = {"label": "spam", "score": None, "ok": False, "colour": "red", "rank": 2, "length": 4}
OUTPUTS: dict[str, Any] = {
    "judge": JUDGED,
    "model": {"verdict": JUDGED},
    "typed": {"models": [{"verdict": {}}, {"verdict": JUDGED}]},
    "plain": {"a": {"b": [{"c": "x"}]}, "text": "x"},
    "several": [JUDGED],
    "anything": {"text": "x", "list": [1]},
    "text": "x",
}


def holds(function: Callable[..., Any], outputs: dict[str, Any]) -> bool:
    return condition_of(function, TYPES, label="p.s").holds(outputs, label="p.s")


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda judge: judge.label == "spam", True),
        (lambda judge: judge.label != "spam", False),
        (lambda judge: ~judge.ok, True),
        (lambda judge: judge["length"] > 3, True),
        (lambda judge: judge.colour == Colour.RED, True),
        (lambda judge: judge.colour.is_in([Colour.BLUE]), False),
        (lambda judge: judge.rank > Rank.LOW, True),
        (lambda judge: judge.score > 0.5, False),
        (lambda judge: ~(judge.score > 0.5), False),
        (lambda judge: (judge.score > 0.5) | (judge.label == "spam"), True),
        (lambda judge: judge.score.is_null(), True),
        (lambda model: model.verdict.label == "spam", True),
        (lambda typed: typed.models[1].verdict.rank == Rank.HIGH, True),
        (lambda typed: typed.models[-1].verdict.label == "spam", True),
        (lambda typed: typed.models[7].verdict.label == "spam", False),
        (lambda plain: plain.a.b[0].c == "x", True),
        (lambda plain: plain.a.no.such == "x", False),
        (lambda plain: ~(plain.a.no.such == "x"), False),
        (lambda several: several[0].label == "spam", True),
        (lambda text: text == "x", True),
        (lambda judge, text: (judge.label == "spam") & (text == "y"), False),
        (lambda anything: anything.text == 3, False),
    ],
)
def test_a_condition_holds_or_not(function: Callable[..., Any], expected: bool) -> None:
    assert holds(function, OUTPUTS) is expected


def test_the_output_of_a_stage_that_is_not_there_is_unknown() -> None:
    assert not holds(lambda judge: judge.label == "spam", {})
    assert not holds(lambda judge: judge.label != "spam", {})
    assert holds(lambda judge: judge.label.is_null(), {})


def test_a_declared_field_of_another_kind_is_unknown() -> None:
    assert not holds(lambda judge: judge.score > 0.5, {"judge": {"score": "high"}})
    assert not holds(lambda judge: ~(judge.score > 0.5), {"judge": {"score": "high"}})


@pytest.mark.parametrize(
    "function",
    [
        lambda anything: anything.text > 3,
        lambda anything: anything.list < 3,
        lambda plain: plain.text > 3,
        lambda anything: anything.list.lower_case() == "z",
    ],
)
def test_what_cannot_be_compared_is_undecided(function: Callable[..., Any]) -> None:
    with pytest.raises(ConditionUndecided, match=r"of `p\.s` cannot be decided"):
        holds(function, OUTPUTS)


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda judge: judge.label == datetime.now(UTC), "a value of type datetime"),
        (lambda jugde: jugde.ok, "it takes `jugde`"),
        (lambda judge: judge.length > 3, "it fails on the outputs"),
        (lambda judge: "spam", "a value of type str instead of a condition"),
        (lambda judge: True, "it is always True"),
    ],
)
def test_what_is_no_condition_is_refused(function: Callable[..., Any], why: str) -> None:
    with pytest.raises(BadCondition, match=why):
        condition_of(function, TYPES, label="p.s")


def test_a_field_that_there_is_not_is_refused_with_the_nearest() -> None:
    with pytest.raises(NoSuchOutput, match=r"no `lable` in the output `typed\.models\.0\.verdict`") as caught:
        condition_of(lambda typed: typed.models[0].verdict.lable == "x", TYPES, label="p.s")
    assert caught.value.hint == "Did you mean `label`?"
    with pytest.raises(NoSuchOutput, match="It has no fields"):
        condition_of(lambda text: text.label == "x", TYPES, label="p.s")


def test_a_place_is_found_in_outputs() -> None:
    place = selection_of(lambda typed: typed.models[-1].verdict, TYPES, label="p.s")
    assert (str(place), place.type) == ("typed.models.-1.verdict", Verdict)
    assert place.of(OUTPUTS) == JUDGED
    assert place.of({"typed": {"models": []}}) is None
    assert place.of({}) is None
    with pytest.raises(BadCondition, match="instead of a place"):
        selection_of(lambda judge: judge.ok == True, TYPES, label="p.s")  # noqa: E712  # an expression


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda judge: judge.label > 3, "compares a text with something else"),
        (lambda judge: judge.score == "high", "compares a text with something else"),
        (lambda judge: judge.label, "is no yes or no"),
        (lambda judge: ~judge.label, "is no yes or no"),
        (lambda judge: (judge.score > 1) & judge.label, "is no yes or no"),
        (lambda judge: judge.score > 1 and judge.score < 2, "uses `and`, `or`, `not` or `if`"),
        (lambda judge: now() > now(), "is no output"),
        (lambda judge: judge.label == tenant(), "is no output"),
        (lambda judge: sum(judge.label), "is not iterable"),
        (lambda judge: {}["x"], "KeyError"),
    ],
)
def test_a_condition_is_a_yes_or_no_of_outputs_alone(function: Callable[..., Any], why: str) -> None:
    with pytest.raises(BadCondition, match=re.escape(why)):
        condition_of(function, TYPES, label="p.s")
