"""Errors of pipelines: in their definitions, and in runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

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

    def __init__(
        self,
        pipeline: str,
        stage: str,
        name: str,
        *,
        allowed: Iterable[str],
        wanted: bool = False,
        mapped: bool = False,
    ) -> None:
        allowed = list(allowed)
        what = f"takes `{name}`, which no earlier stage gives. It may take"
        if wanted:
            what = f"must take `{name}`. It takes"
        if mapped:
            what = f"has `{name}` in its `takes`, which is no parameter of its action. It takes"
        message = f"The stage `{stage}` of `{pipeline}` {what}: {listed(allowed)}."
        super().__init__(message, path=(pipeline, stage, name), hint=did_you_mean(name, allowed))


class StageInputMismatch(FrameworkError):
    """A stage takes an earlier output as another type than it has."""

    code = "stage-input-mismatch"

    def __init__(
        self, pipeline: str, stage: str, name: str, *, wanted: str, given: str, source: str = ""
    ) -> None:
        giver = source or f"the stage `{name}`"
        super().__init__(
            f"The stage `{stage}` of `{pipeline}` takes `{name}` as {wanted}; {giver} gives {given}.",
            path=(pipeline, stage, name),
        )


class UnknownStage(FrameworkError):
    """A stage waits for a stage that its pipeline does not have."""

    code = "unknown-stage"

    def __init__(self, pipeline: str, stage: str, name: str, *, allowed: Iterable[str]) -> None:
        others = [each for each in allowed if each != stage]
        super().__init__(
            f"The stage `{stage}` of `{pipeline}` waits for `{name}`, which is no other stage of it. "
            f"Stages: {listed(others)}.",
            path=(pipeline, stage, name),
            hint=did_you_mean(name, others),
        )


class PipelineCycle(FrameworkError):
    """Stages of a pipeline wait for each other, so none of them could start."""

    code = "pipeline-cycle"

    def __init__(self, pipeline: str, cycle: Sequence[str], *, drawing: str) -> None:
        super().__init__(
            f"Stages of `{pipeline}` wait for each other: {' -> '.join(cycle)}.\n{drawing}",
            path=(pipeline, *cycle[:1]),
            hint="Take one of these edges away. Work that goes round is a stage made with `repeat(…)`.",
        )


class UnreachableStage(FrameworkError):
    """A stage of a pipeline could never start."""

    code = "unreachable-stage"

    def __init__(self, pipeline: str, stage: str, why: str, *, drawing: str) -> None:
        super().__init__(
            f"The stage `{stage}` of `{pipeline}` can never start: {why}.\n{drawing}",
            path=(pipeline, stage),
            hint="Look at its `join`, its `after` and its `on_failure`.",
        )


class BadStageOption(FrameworkError):
    """An option of a stage or a pipeline has a value that is not allowed."""

    code = "bad-stage-option"

    def __init__(self, name: str, option: str, value: object, *, allowed: str) -> None:
        super().__init__(
            f"`{name}` has {option}={value!r}. Allowed: {allowed}.",
            path=(name, option),
        )


class BadCondition(FrameworkError):
    """A condition, or the place of a list, is not made of the outputs of earlier stages."""

    code = "bad-condition"

    def __init__(self, label: str, why: str, *, allowed: Iterable[str] = (), name: str = "") -> None:
        allowed = list(allowed)
        may = f" It may take: {listed(allowed)}." if allowed else ""
        super().__init__(
            f"A condition of `{label}` cannot be read: {why}.{may}",
            path=tuple(label.split(".")),
            hint=did_you_mean(name, allowed)
            if name
            else "Compare outputs with plain values, combine with `&`, `|` and `~`: "
            '`lambda judge: judge.label == "support"`.',
        )


class NoSuchOutput(FrameworkError):
    """A condition names a field that the output of a stage does not have."""

    code = "no-such-output"

    def __init__(self, where: str, name: str, *, allowed: Iterable[str]) -> None:
        allowed = list(allowed)
        has = f"It has: {listed(allowed)}." if allowed else "It has no fields."
        super().__init__(
            f"There is no `{name}` in the output `{where}`. {has}",
            path=(*where.split("."), name),
            hint=did_you_mean(name, allowed),
        )


class InvalidDefinition(Invalid):
    """A pipeline that was given as data is none."""

    code = "invalid-definition"

    def __init__(self, pipeline: str, why: str, *, at: tuple[str | int, ...] = (), hint: str = "") -> None:
        super().__init__(
            f"`{pipeline}` is no pipeline: {why.rstrip('.')}.", path=("input", "stages", *at), hint=hint
        )


class ReservedPipeline(Invalid):
    """A definition was given the name of a pipeline that the application has in its code."""

    code = "reserved-pipeline"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The application has a pipeline `{name}` of its own.",
            path=("input", "name"),
            hint="Choose another name.",
        )


class BadFork(Invalid):
    """A run cannot be forked like that."""

    code = "bad-fork"

    def __init__(self, name: str, why: str, *, at: tuple[str, ...], allowed: Iterable[str] = ()) -> None:
        allowed = list(allowed)
        may = f" Stages: {listed(allowed)}." if allowed else ""
        super().__init__(
            f"The run cannot be forked at `{name}`: {why}.{may}",
            path=("input", *at),
            hint=did_you_mean(name, allowed),
        )


class ConditionUndecided(UnknownError):
    """A condition cannot be decided on the outputs of a run."""

    code = "condition-undecided"
    retryable = False

    def __init__(self, label: str, condition: str, why: str) -> None:
        super().__init__(
            f"The condition `{condition}` of `{label}` cannot be decided on these outputs: {why}.",
            path=tuple(label.split(".")),
            hint="Give the stage that it looks at a return type with fields, so that the types are known.",
        )


class NestedRunFailed(UnknownError):
    """A stage is a run of another pipeline, and that one has failed."""

    code = "nested-run-failed"
    retryable = False

    def __init__(
        self, pipeline: str, stage: str, *, run: object, state: str, error: Mapping[str, Any] | None = None
    ) -> None:
        why = (error or {}).get("message")
        super().__init__(
            f"The run {run} that the stage `{stage}` of `{pipeline}` is has {state}{f': {why}' if why else '.'}",
            path=(pipeline, stage),
            hint="See that run. Retrying this one goes on with it.",
        )


class NoSuchItems(Invalid):
    """A stage runs for each item of a list, and there is no list in the output."""

    code = "no-such-items"

    def __init__(self, pipeline: str, stage: str, place: str, *, found: str) -> None:
        super().__init__(
            f"The stage `{stage}` of `{pipeline}` runs for each item of `{place}`, which is {found} and no list.",
            path=(pipeline, stage),
        )


class RoundsUsedUp(Invalid):
    """A stage was repeated as often as it may be, and its condition does not hold yet."""

    code = "rounds-used-up"

    def __init__(self, pipeline: str, stage: str, *, rounds: int, condition: str) -> None:
        super().__init__(
            f"After {rounds} rounds of the stage `{stage}` of `{pipeline}`, `{condition}` does not hold.",
            path=(pipeline, stage),
            hint="Raise `at_most`, or go on with the last round by `keep_last=True`.",
        )


class NothingGiven(UnknownError):
    """A stage waited for somebody to give a value, and nobody did in time."""

    code = "nothing-given"
    retryable = False

    def __init__(self, pipeline: str, stage: str, *, seconds: float) -> None:
        super().__init__(
            f"Nobody gave the stage `{stage}` of `{pipeline}` its value within {seconds:g} seconds.",
            path=(pipeline, stage),
            hint="Retry the run to wait once more, or handle it by a stage with `on_failure`.",
        )


class NothingAwaited(Invalid):
    """A value was given to a run that does not wait for it."""

    code = "nothing-awaited"

    def __init__(self, stage: str, *, why: str, allowed: Iterable[str]) -> None:
        allowed = list(allowed)
        waits = f"It still waits for: {listed(allowed)}." if allowed else "It waits for nothing."
        super().__init__(
            f"The run takes no value for `{stage}`: {why}. {waits}",
            path=("input", "stage"),
            hint=did_you_mean(stage, allowed),
        )


class IdempotencyKeyReused(Invalid):
    """A run was asked for with the idempotency key of a run that was started with other inputs.

    Attributes:
        run_id: the run that has the key.
    """

    code = "idempotency-key-reused"

    def __init__(self, key: str, run_id: UUID) -> None:
        self.run_id = run_id
        super().__init__(
            f"The idempotency key `{key}` belongs to the run {run_id}, which was started with other inputs.",
            path=("input", "idempotency_key"),
            hint="Give each piece of work a key of its own, and repeat a request with the inputs that it had.",
        )


class NothingToReuse(Invalid):
    """A run was to be replayed that has left nothing which another one could reuse."""

    code = "nothing-to-reuse"

    def __init__(self, run_id: UUID, pipeline: str) -> None:
        super().__init__(
            f"The run {run_id} of `{pipeline}` has left no output that another run could reuse.",
            path=("input", "replay_of"),
            hint="Start runs with `reuse=True`, or declare `Pipeline(…, fingerprints=True)`; "
            "this one can be done again by `Run.start`.",
        )


class InnerRunHasNoBudget(Invalid):
    """Somebody wanted to set what a run inside another one may spend."""

    code = "inner-run-budget"

    def __init__(self, run_id: UUID, payer_id: UUID) -> None:
        super().__init__(
            f"The run {run_id} has no budget of its own: it is inside {payer_id}, which pays for its calls.",
            path=("input", "id"),
            hint=f"Raise the budget of the run {payer_id}.",
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


class NoSuchDefinition(Invalid):
    """A run was asked of a definition from which the tenant can start none."""

    code = "no-such-definition"

    def __init__(self, definition: UUID | str, *, why: str) -> None:
        super().__init__(
            f"No run can be started from the definition {definition}: {why}.",
            path=("input", "definition_id"),
            hint="`Definition.named(scope, name)` gives the versions of a pipeline.",
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


class BadLimit(FrameworkError):
    """A limit has a value that is not allowed, or bears the name of another one."""

    code = "bad-limit"

    def __init__(self, name: str, why: str, *, allowed: str) -> None:
        super().__init__(f"The limit `{name}` cannot be: {why}. Allowed: {allowed}.", path=(name,))
