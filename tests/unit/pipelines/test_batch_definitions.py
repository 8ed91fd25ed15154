"""Stages that work on many items at once, checked when they are declared."""

from __future__ import annotations

from typing import Any

import pytest

from sorbus import Resource, Scope, action
from sorbus.errors.flow import StageNotBatched
from sorbus.errors.pipelines import BadStageOption, StageInputMismatch
from sorbus.pipelines import Batch, Pipeline, StageContent, for_each, pause, stage
from sorbus.pipelines.definition.stages import Stage


class Work(Resource):
    """Stages."""

    @action.generic
    @classmethod
    async def split(cls, scope: Scope, content: StageContent) -> list[str]:
        """A list."""
        return content.text.split()

    @action.generic
    @classmethod
    async def vectors(cls, scope: Scope, item: list[str]) -> list[list[float]]:
        """For many."""
        return [[0.0] for _ in item]

    @action.generic
    @classmethod
    async def sizes(cls, scope: Scope, vectors: list[list[list[float]]]) -> list[int]:
        """For many, of what `vectors` gives for one run."""
        return [len(each) for each in vectors]

    @action.generic
    @classmethod
    async def count(cls, scope: Scope, vectors: list[list[float]]) -> int:
        """For one run."""
        return len(vectors)

    @action.generic
    @classmethod
    async def numbers(cls, scope: Scope, item: list[int]) -> list[int]:
        """For many numbers."""
        return item

    @action.generic
    @classmethod
    async def total(cls, scope: Scope, item: list[str]) -> int:
        """One answer for many."""
        return len(item)


def over(action: Any, **options: Any) -> list[Stage]:
    """A list, and a stage for its items."""
    return [stage(Work.split), for_each(action, over=lambda split: split, batch=Batch(32), **options)]


def test_what_it_gives_and_takes_is_what_is_for_one_item() -> None:
    made = Pipeline(
        "good", stages=[*over(Work.vectors), stage(Work.count), stage(Work.sizes, batch=Batch(8))]
    )
    assert made.plans["vectors"].gives == list[list[float]]
    assert (made.plans["count"].gives, made.plans["sizes"].gives) == (int, int)
    assert made.to_data()["stages"][1]["batch"] == {"size": 32, "within": 0.05, "at_once": 4}


def test_what_is_no_list_is_refused_and_the_place_is_drawn() -> None:
    with pytest.raises(StageNotBatched) as caught:
        Pipeline("bad", stages=[*over(Work.vectors), stage(Work.split, name="again", batch=Batch(8))])
    assert caught.value.path == ("bad", "again", "content")
    assert str(caught.value) == (
        "The stage `again` of `bad` has a `batch`, and its action takes `content` as StageContent. "
        "Allowed: a `list[…]`, with a member for each item.\n"
        "split  \nvectors\nagain     <-- here Make it a list, or leave out `batch=`."
    )


def test_an_answer_that_is_no_list_is_refused() -> None:
    with pytest.raises(StageNotBatched, match="its action returns int"):
        Pipeline("bad", stages=over(Work.total))


def test_items_of_another_type_are_refused() -> None:
    with pytest.raises(StageInputMismatch, match=r"takes `item` as int; the list `split` gives str"):
        Pipeline("bad", stages=over(Work.numbers))


def test_an_action_that_works_on_many_does_not_fit_without_a_batch() -> None:
    with pytest.raises(StageInputMismatch, match=r"takes `item` as list\[str\]"):
        Pipeline("bad", stages=[stage(Work.split), for_each(Work.vectors, over=lambda split: split)])


@pytest.mark.parametrize(
    ("batch", "option"),
    [
        (Batch(0), "size"), (Batch(10_001), "size"), (Batch(1, within=-0.1), "within"),
        (Batch(1, within=float("nan")), "within"), (Batch(1, within=61), "within"), (Batch(1, at_once=0), "at_once"),
    ],
)  # fmt: skip
def test_values_that_are_not_allowed_are_refused(batch: Batch, option: str) -> None:
    with pytest.raises(BadStageOption) as caught:
        stage(Work.vectors, batch=batch)
    assert caught.value.path == ("vectors", f"batch.{option}")


def test_a_stage_that_waits_has_no_batch() -> None:
    waits = pause("rest", seconds=1)
    with pytest.raises(BadStageOption, match="None, where it waits"):
        Stage(name="rest", action=None, work=waits.work, batch=Batch(2))


def test_a_list_has_room_for_eight_calls_unless_something_else_is_said() -> None:
    def limit_of(made: Stage) -> object:
        return getattr(made.work, "limit", None)

    assert limit_of(over(Work.vectors)[1]) == 8 * 32
    assert limit_of(over(Work.vectors, limit=5)[1]) == 5
    assert limit_of(for_each(Work.vectors, over=lambda split: split)) == 8
