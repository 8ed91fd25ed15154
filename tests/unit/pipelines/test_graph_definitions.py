"""Graphs are checked when they are declared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from sorbus import Policies, Resource, Scope, action, actor_present, authorize_if, policy
from sorbus.errors.base import FrameworkError
from sorbus.errors.pipelines import (
    BadCondition,
    BadStageOption,
    NoSuchOutput,
    PipelineCycle,
    StageInputMismatch,
    UnknownStage,
    UnknownStageInput,
    UnreachableStage,
)
from sorbus.pipelines import (
    Pipeline,
    Stage,
    StageContent,
    StageFailure,
    approval,
    for_each,
    nested,
    pause,
    repeat,
    signal,
    stage,
)


@dataclass(frozen=True, slots=True)
class Page:
    text: str
    lines: list[str]


class Press(Resource):
    """Stages for the definitions below."""

    @action.generic
    @classmethod
    async def scan(cls, scope: Scope, content: StageContent) -> Page:
        return Page(content.text, [])

    @action.generic
    @classmethod
    async def mend(cls, scope: Scope, scan: Page) -> Page:
        return scan

    @action.generic
    @classmethod
    async def shout(cls, scope: Scope, input: str) -> str:
        return input.upper()

    @action.generic
    @classmethod
    async def table(cls, scope: Scope, content: StageContent) -> list[int]:
        return []

    @action.generic
    @classmethod
    async def maybe(cls, scope: Scope, scan: Page | None) -> int:
        return 0

    @action.generic
    @classmethod
    async def wrong(cls, scope: Scope, scan: int | None) -> int:
        return 0

    @action.generic
    @classmethod
    async def line(cls, scope: Scope, item: str) -> int:
        return len(item)

    @action.generic
    @classmethod
    async def number(cls, scope: Scope, item: int) -> int:
        return item

    @action.generic
    @classmethod
    async def sorry(cls, scope: Scope, failure: StageFailure) -> str:
        return failure.code

    @action.generic
    @classmethod
    async def again(cls, scope: Scope, again: Page | None) -> Page:
        return again or Page("", [])

    policies = Policies(policy("generic", authorize_if(actor_present())))


scan = stage(Press.scan)


def graph(*stages: Stage, **options: Any) -> Pipeline:
    return Pipeline.graph("print", stages=stages, **options)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: graph(scan, pause("rest", seconds=1, after=pause("scam", seconds=1))),
            UnknownStage,
            "`scam`",
        ),
        (lambda: graph(scan, stage(Press.mend, join="any")), StageInputMismatch, "or nothing when it starts"),
        (lambda: graph(scan, stage(Press.wrong)), StageInputMismatch, "takes `scan` as"),
        (
            lambda: graph(scan, for_each(Press.mend, over=lambda scan: scan.lines)),
            UnknownStageInput,
            "`item`",
        ),
        (
            lambda: graph(scan, for_each(Press.number, over=lambda scan: scan.lines)),
            StageInputMismatch,
            "as int",
        ),
        (
            lambda: graph(scan, for_each(Press.line, over=lambda scan: scan.text)),
            StageInputMismatch,
            "a list",
        ),
        (lambda: graph(scan, stage(Press.mend, when=lambda scan: scan.txt == "")), NoSuchOutput, "no `txt`"),
        (lambda: graph(scan, stage(Press.mend, when=lambda scan: True)), BadCondition, "always True"),
        (
            lambda: graph(scan, stage(Press.mend, when=lambda scan: scan.text == "" and scan.text == "a")),
            BadCondition,
            "uses `and`, `or`, `not` or `if`",
        ),
        (lambda: graph(scan, stage(Press.sorry)), UnknownStageInput, "takes `failure`"),
        (lambda: graph(scan, pause("rest", seconds=1, after=scan, join=3)), UnreachableStage, "<-- here"),
        (
            lambda: graph(scan, pause("rest", seconds=1, after=scan, on_failure=scan)),
            UnreachableStage,
            "done and to have failed",
        ),
        (
            lambda: graph(stage(Press.scan, undo=Press.mend, name="other")),
            UnknownStageInput,
            r"`other\.undo`",
        ),
        (
            lambda: graph(
                pause("a", seconds=1, after=pause("b", seconds=1)),
                pause("b", seconds=1, after=pause("a", seconds=1)),
            ),
            PipelineCycle,
            r"a -> b -> a\.\na <- b   <-- here\nb <- a",
        ),
    ],
)
def test_a_graph_that_cannot_run_is_refused(
    make: Callable[[], Pipeline], error: type[FrameworkError], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "option"),
    [
        (lambda: stage(Press.scan, name="a.b"), "name"),
        (lambda: stage(Press.scan, attempts=0), "attempts"),
        (lambda: stage(Press.scan, timeout=0), "timeout"),
        (lambda: stage(Press.scan, delay=-1), "delay"),
        (lambda: stage(Press.scan, join=0), "join"),
        (lambda: for_each(Press.line, over="scan.lines", limit=0), "limit"),
        (lambda: repeat(Press.again, until={}, at_most=0), "at_most"),
        (lambda: pause("rest", seconds=0), "seconds"),
        (lambda: signal("word", str, within=0), "within"),
        (lambda: graph(scan, priority=10), "priority"),
        (lambda: graph(scan, side_by_side=0), "side_by_side"),
    ],
)
def test_an_option_out_of_range_is_refused(make: Callable[[], Any], option: str) -> None:
    with pytest.raises(BadStageOption) as caught:
        make()
    assert caught.value.path[1] == option


def test_a_rich_graph_as_text_and_as_data() -> None:
    yes = approval("yes", within=60, after=scan)
    lines = for_each(Press.line, over=lambda scan: scan.lines, limit=2, keep_going=True)
    made = graph(
        scan,
        yes,
        lines,
        stage(Press.maybe, when=lambda yes: yes.approved),
        stage(Press.sorry, on_failure=yes),
    )
    drawing = made.draw().splitlines()
    assert [each.split(" when ")[0].rstrip() for each in drawing] == [
        "scan",
        "yes   <- scan",
        "line  <- scan",
        "maybe <- scan?",
        "sorry <- yes!",
    ]
    data = made.to_data()
    assert data["edges"] == [
        ["scan", "yes"],
        ["scan", "line"],
        ["scan", "maybe"],
        ["yes", "maybe", "decides"],
        ["yes", "sorry", "failure"],
    ]
    assert data["stages"][1:3] == [
        {"name": "yes", "signal": {"within": 60}},
        {"name": "line", "action": "Press.line", "attempts": 3, "for_each": {"limit": 2, "keep_going": True}},
    ]


def test_a_nested_pipeline_takes_and_gives_what_it_declares() -> None:
    inner = Pipeline("inner", input=str, stages=[stage(Press.shout)])
    outer = Pipeline.graph(
        "outer", stages=[scan, nested(inner, over=lambda scan: scan.lines, keep_going=True)]
    )
    assert outer.plans["inner"].gives == list[str | None]
    assert outer.inner == (inner,)
    assert outer.to_data()["stages"][1]["nested"] == {
        "pipeline": "inner", "version": 1, "limit": 8, "keep_going": True,
    }  # fmt: skip
    assert outer.draw().splitlines()[1] == "inner <- scan"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "takes `input` as str; the stage gives nothing"),
        (
            {"given": lambda scan: scan.lines},
            r"takes `input` as str; the place `scan.lines` gives list\[str\]",
        ),
        ({"over": lambda table: table}, r"takes `input` as str; the list `table` gives int"),
    ],
)
def test_a_nested_pipeline_is_given_what_it_takes(options: Any, message: str) -> None:
    inner = Pipeline("inner", input=str, stages=[stage(Press.shout)])
    with pytest.raises(StageInputMismatch, match=message):
        Pipeline.graph("outer", stages=[scan, stage(Press.table), nested(inner, **options)])


def test_what_takes_nothing_is_given_nothing_and_not_in_two_ways() -> None:
    inner = Pipeline("inner", stages=[scan])
    with pytest.raises(StageInputMismatch, match="as nothing"):
        Pipeline.graph("outer", stages=[scan, nested(inner, given=lambda scan: scan.lines)])
    with pytest.raises(BadStageOption, match="nothing beside `over`"):
        nested(inner, given="scan.lines", over="scan.lines")
    with pytest.raises(UnknownStage, match="output"):
        Pipeline("other", stages=[scan], output="spilt")
    with pytest.raises(UnknownStageInput):
        Pipeline("none", stages=[stage(Press.shout)])
