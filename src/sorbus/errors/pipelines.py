"""Errors of pipelines: in their definitions, and in runs."""

from __future__ import annotations

from collections.abc import Iterable

from sorbus.errors.base import FrameworkError, Invalid, UnknownError
from sorbus.errors.hints import did_you_mean, listed


class DuplicateStage(FrameworkError):
    """Two stages of a pipeline bear one name."""

    code = "duplicate-stage"

    def __init__(self, pipeline: str, stage: str) -> None:
        super().__init__(
            f"The pipeline `{pipeline}` has two stages named `{stage}` (`content` is taken by the content itself).",
            path=(pipeline, stage),
            hint="Give one another name: `stage(action, name=…)`.",
        )


class UnknownStageInput(FrameworkError):
    """A stage takes something that no earlier stage gives."""

    code = "unknown-stage-input"

    def __init__(self, pipeline: str, stage: str, name: str, *, allowed: Iterable[str]) -> None:
        allowed = list(allowed)
        super().__init__(
            f"The stage `{stage}` of `{pipeline}` takes `{name}`, which no earlier stage gives. "
            f"It may take: {listed(allowed)}.",
            path=(pipeline, stage, name),
            hint=did_you_mean(name, allowed),
        )


class StageInputMismatch(FrameworkError):
    """A stage takes an earlier output as another type than it has."""

    code = "stage-input-mismatch"

    def __init__(self, pipeline: str, stage: str, name: str, *, wanted: str, given: str) -> None:
        super().__init__(
            f"The stage `{stage}` of `{pipeline}` takes `{name}` as {wanted}; the stage `{name}` gives {given}.",
            path=(pipeline, stage, name),
        )


class NoSuchPipeline(Invalid):
    """A run was asked of a pipeline that this application does not have."""

    code = "no-such-pipeline"

    def __init__(self, name: str, *, allowed: Iterable[str]) -> None:
        allowed = list(allowed)
        super().__init__(
            f"There is no pipeline `{name}`. Pipelines: {listed(allowed)}.",
            path=("input", "pipeline"),
            hint=did_you_mean(name, allowed),
        )


class NoSuchContent(Invalid):
    """A run was asked over content that the tenant does not have."""

    code = "no-such-content"

    def __init__(self) -> None:
        super().__init__(
            "The tenant has no content with this id.",
            path=("input", "content_id"),
            hint="Ingest the content first, in the same tenant.",
        )


class UnknownPipelineVersion(FrameworkError):
    """A run belongs to a definition that this process does not have, as after a deploy."""

    code = "unknown-pipeline-version"

    def __init__(self, name: str, version: int, *, known: Iterable[str]) -> None:
        super().__init__(
            f"This process has no version {version} of the pipeline `{name}`. It has: {listed(known)}.",
            path=(name,),
            hint="Deploy the version again and retry the run, or start a new run.",
        )


class StageTimedOut(UnknownError):
    """A stage took longer than its time limit."""

    code = "stage-timed-out"

    def __init__(self, pipeline: str, stage: str, seconds: float) -> None:
        super().__init__(
            f"The stage `{stage}` of `{pipeline}` took longer than {seconds:g} seconds.",
            path=(pipeline, stage),
            hint="Raise its limit with `stage(action, timeout=…)`.",
        )


class StageOutputTooLarge(Invalid):
    """A stage gave more than a checkpoint may hold."""

    code = "stage-output-too-large"

    def __init__(self, pipeline: str, stage: str, *, size: int, limit: int) -> None:
        super().__init__(
            f"The stage `{stage}` of `{pipeline}` gave {size} bytes; a checkpoint holds at most {limit}.",
            path=(pipeline, stage),
            hint="Store large results elsewhere and give a reference to them.",
        )


class CheckpointRefused(UnknownError):
    """A stage's checkpoint was refused twice although the lease holds and the stage is not done."""

    code = "checkpoint-refused"

    def __init__(self, pipeline: str, stage: str) -> None:
        super().__init__(
            f"The checkpoint of the stage `{stage}` of `{pipeline}` was refused twice: its row is not ready.",
            path=(pipeline, stage),
            hint="Look at the rows of `stage_runs`: something else than Sorbus has changed them.",
        )


class PipelineWithoutStages(FrameworkError):
    """A pipeline has no stage, so a run of it could never end."""

    code = "pipeline-without-stages"

    def __init__(self, pipeline: str) -> None:
        super().__init__(
            f"The pipeline `{pipeline}` has no stages.",
            path=(pipeline,),
            hint="Give it at least one: `Pipeline(name, stages=[stage(action)])`.",
        )


class DuplicatePipeline(FrameworkError):
    """Two pipelines of an application bear one name and one version."""

    code = "duplicate-pipeline"

    def __init__(self, pipeline: str, version: int) -> None:
        super().__init__(
            f"Two pipelines are named `{pipeline}` with version {version}.",
            path=(pipeline,),
            hint="Give one another name, or raise the version of the newer one.",
        )


class RunKeepsDying(UnknownError):
    """A run's process died again and again while it worked on the run."""

    code = "run-keeps-dying"

    def __init__(self, pipeline: str) -> None:
        super().__init__(
            f"The process that worked on this run of `{pipeline}` died every time.",
            hint="Look at the memory that its stages need, then retry the run.",
        )


class PipelinesNotStarted(FrameworkError):
    """A run was started in an application without the pipelines component."""

    code = "pipelines-not-started"

    def __init__(self) -> None:
        super().__init__(
            "This application has no `Pipelines` component, so nothing could run the pipeline.",
            hint="Build it with `pipeline_application(…)`, or add `Pipelines(…)` and `Jobs()` to its components.",
        )
