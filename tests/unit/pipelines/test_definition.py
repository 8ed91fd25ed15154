"""Definitions are checked when they are declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

import pytest

from sorbus import Policies, Resource, Scope, action, actor_present, authorize_if, policy
from sorbus.errors.pipelines import (
    DuplicatePipeline,
    DuplicateStage,
    PipelineWithoutStages,
    StageInputMismatch,
    UnknownStageInput,
)
from sorbus.jobs import Jobs
from sorbus.pipelines import BUILTIN, Pipeline, Pipelines, StageContent, StageContext, email_analysis, stage


@dataclass(frozen=True, slots=True)
class Page:
    text: str


class Printer(Resource):
    """Stages for the definitions below."""

    @action.generic
    @classmethod
    async def scan(cls, scope: Scope, content: StageContent) -> Page:
        """From content to a page."""
        return Page(content.text)

    @action.generic
    @classmethod
    async def mend(cls, scope: Scope, scan: Page) -> Page:
        """From a page to a page."""
        return scan

    @action.generic
    @classmethod
    async def count(cls, scope: Scope, scan: str) -> int:
        """Takes what `scan` gives as another type."""
        return len(scan)

    @action.generic
    @classmethod
    async def bind(cls, scope: Scope, scam: Page) -> int:
        """Takes something misspelt."""
        return len(scam.text)

    @action.generic
    @classmethod
    async def tell(cls, scope: Scope, content: StageContent, scan: Page, mend: Page) -> Mapping[str, int]:
        """Takes all that came before."""
        return {"length": len(scan.text + mend.text + content.text)}

    policies = Policies(policy("generic", authorize_if(actor_present())))


def test_stages_in_order_with_their_inputs() -> None:
    made = Pipeline(
        "print", stages=[stage(Printer.scan), stage(Printer.mend), stage(Printer.tell, attempts=5)]
    )
    assert [each.name for each in made.stages] == ["scan", "mend", "tell"]
    assert [each.needs for each in made.stages] == [("content",), ("scan",), ("content", "scan", "mend")]
    assert made.to_data() == {
        "stages": [
            {"name": "scan", "action": "Printer.scan", "attempts": 3},
            {"name": "mend", "action": "Printer.mend", "attempts": 3},
            {"name": "tell", "action": "Printer.tell", "attempts": 5},
        ],
        "edges": [["scan", "mend"], ["scan", "tell"], ["mend", "tell"]],
    }
    found = made.stage("mend")
    assert found is not None
    assert found.name == "mend"
    assert made.stage("sand") is None


def test_two_stages_of_one_name_are_refused() -> None:
    with pytest.raises(DuplicateStage, match="two stages named `scan`"):
        Pipeline("print", stages=[stage(Printer.scan), stage(Printer.scan)])


def test_one_action_may_serve_two_stages_under_two_names() -> None:
    made = Pipeline("print", stages=[stage(Printer.scan), stage(Printer.scan, name="again")])
    assert [each.name for each in made.stages] == ["scan", "again"]


def test_a_stage_may_not_take_the_name_of_the_content() -> None:
    with pytest.raises(DuplicateStage, match="`content` is taken"):
        Pipeline("print", stages=[stage(Printer.scan, name="content")])


def test_an_input_that_nothing_gives_is_refused_with_what_there_is_and_the_near_name() -> None:
    with pytest.raises(UnknownStageInput) as caught:
        Pipeline("print", stages=[stage(Printer.scan), stage(Printer.bind)])
    assert "`scam`" in caught.value.message
    assert "content, scan" in caught.value.message.replace("`", "")
    assert caught.value.hint == "Did you mean `scan`?"
    assert caught.value.path == ("print", "bind", "scam")


def test_a_later_stage_cannot_be_an_input() -> None:
    with pytest.raises(UnknownStageInput):
        Pipeline("print", stages=[stage(Printer.mend), stage(Printer.scan)])


def test_an_input_of_another_type_is_refused_with_both_types() -> None:
    with pytest.raises(StageInputMismatch, match=r"takes `scan` as str; the stage `scan` gives Page"):
        Pipeline("print", stages=[stage(Printer.scan), stage(Printer.count)])


def test_a_pipeline_without_stages_is_refused() -> None:
    with pytest.raises(PipelineWithoutStages, match="`print` has no stages"):
        Pipeline("print", stages=[])


def test_two_pipelines_of_one_name_and_version_are_refused() -> None:
    other = Pipeline("email_analysis", stages=[stage(Printer.scan)])
    with pytest.raises(DuplicatePipeline, match="`email_analysis` with version 1"):
        Pipelines([*BUILTIN, other], jobs=Jobs())


def test_of_two_versions_the_higher_one_is_current() -> None:
    newer = Pipeline("email_analysis", version=2, stages=[stage(Printer.scan)])
    for order in ([newer, email_analysis], [email_analysis, newer]):
        parts = Pipelines(order, jobs=Jobs())
        assert parts.version_of("email_analysis") == 2
        assert set(parts.registry.pipelines) == {("email_analysis", 1), ("email_analysis", 2)}


def test_the_idempotency_key_is_the_same_for_every_attempt_and_another_for_each_stage() -> None:
    run = uuid4()

    def key(stage_name: str, attempt: int) -> str:
        return StageContext(run_id=run, stage=stage_name, attempt=attempt, tenant="t").idempotency_key

    assert key("scan", 1) == key("scan", 2) != key("mend", 1)


def test_the_pipelines_that_come_with_sorbus() -> None:
    assert {each.name: [stage.name for stage in each.stages] for each in BUILTIN} == {
        "email_analysis": ["extract", "classify", "summarize"],
        "document_extraction": ["parse", "extract"],
    }
