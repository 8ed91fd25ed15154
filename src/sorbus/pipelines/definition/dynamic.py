"""Pipelines as data: what users of an application compose of the stages that it offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from sorbus.errors.base import FrameworkError
from sorbus.errors.hints import did_you_mean, listed
from sorbus.errors.pipelines import InvalidDefinition
from sorbus.pipelines.definition.given import Approval
from sorbus.pipelines.definition.pipeline import Pipeline
from sorbus.pipelines.definition.stages import AnyAction, Stage
from sorbus.pipelines.definition.work import Await, ForEach, Once, Pause, Repeat, Work

MOST_STAGES = 200

Blocks = Mapping[str, AnyAction]
"""The actions that definitions may be made of, by name, as in `EmailAnalysis.extract`."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ForEachData(_Data):
    """The action runs for each item of a list."""

    over: str
    limit: int = Field(default=8, ge=1, le=1000)
    keep_going: bool = False


class RepeatData(_Data):
    """The action runs again until a condition holds."""

    until: dict[str, Any]
    at_most: int = Field(ge=1, le=1000)
    keep_last: bool = False


class ApprovalData(_Data):
    """Somebody has to say yes or no."""

    within: float | None = Field(default=None, gt=0)


class StageData(_Data):
    """One stage as data; the fields are those of `stage`, with other stages by their names."""

    name: str = Field(min_length=1, max_length=200)
    action: str | None = None
    takes: dict[str, str] = Field(default_factory=dict[str, str])
    attempts: int = Field(default=3, ge=1, le=100)
    timeout: float | None = Field(default=600.0, gt=0)
    delay: float = Field(default=0.0, ge=0)
    after: list[str] = Field(default_factory=list[str])
    when: dict[str, Any] | None = None
    join: Literal["all", "any", "settled"] | int = "all"
    on_failure: list[str] = Field(default_factory=list[str])
    may_fail: bool = False
    undo: str | None = None
    version: int = Field(default=1, ge=1)
    reuse: bool | None = None
    for_each: ForEachData | None = None
    repeat: RepeatData | None = None
    pause: float | None = Field(default=None, gt=0)
    approval: ApprovalData | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> StageData:
        waits = [self.pause, self.approval]
        if (self.action is None) == all(each is None for each in waits):
            raise ValueError("a stage has an `action`, a `pause` or an `approval`")
        if sum(each is not None for each in (self.for_each, self.repeat, *waits)) > 1:
            raise ValueError("a stage has one of `for_each`, `repeat`, `pause` and `approval`")
        return self


_STAGES: TypeAdapter[list[StageData]] = TypeAdapter(list[StageData])


def pipeline_from(
    stages: Sequence[Mapping[str, Any]], *, name: str, version: int, blocks: Blocks, description: str = ""
) -> Pipeline:
    """The pipeline in some data, checked as one in Python is.

    Raises:
        InvalidDefinition: it makes none; the path leads to the place.
    """
    if len(stages) > MOST_STAGES:
        raise InvalidDefinition(name, f"it has {len(stages)} stages; {MOST_STAGES} are allowed")
    try:
        read = _STAGES.validate_python(list(stages))
    except ValidationError as error:
        first = error.errors()[0]
        at = _way_to(list(stages), first["loc"])
        raise InvalidDefinition(name, first["msg"].removeprefix("Value error, "), at=at) from error
    made = [_stage(name, each, place, blocks) for place, each in enumerate(read)]
    try:
        return Pipeline.graph(name, stages=made, version=version, description=description)
    except FrameworkError as error:
        # What is the fault of a developer in code is that of the caller here.
        at = _place_of(error, name, [each.name for each in read])
        raise InvalidDefinition(name, error.message, at=at, hint=error.hint) from error


def _way_to(data: Any, location: Sequence[str | int]) -> tuple[str | int, ...]:
    """The part of a location that leads through the data itself, and not through the alternatives of a type."""
    way: list[str | int] = []
    for step in location:
        if not isinstance(data, (Mapping, list)):
            break
        way.append(step)
        data = _member(data, step)  # pyright: ignore[reportUnknownArgumentType]
    return tuple(way)


def _member(data: Any, step: str | int) -> Any:
    try:
        return data[step]
    except (KeyError, IndexError, TypeError):
        return None


def _place_of(error: FrameworkError, pipeline: str, stages: Sequence[str]) -> tuple[int, ...]:
    """The position of the stage that an error is about; of two with one name the second one's."""
    # Some paths begin with the pipeline's name, others with its parts.
    before = 1 if error.path[:1] == (pipeline,) else len(pipeline.split("."))
    found = [place for place, stage in enumerate(stages) if stage in error.path[before : before + 1]]
    return tuple(found[-1:])


def _stage(pipeline: str, data: StageData, place: int, blocks: Blocks) -> Stage:
    try:
        return Stage(
            name=data.name,
            action=None if data.action is None else _block(pipeline, data.action, (place, "action"), blocks),
            work=_work(data),
            attempts=data.attempts,
            timeout=data.timeout,
            takes=data.takes,
            after=tuple(data.after),
            when=data.when,
            join=data.join,
            on_failure=tuple(data.on_failure),
            may_fail=data.may_fail,
            delay=data.delay,
            undo=None if data.undo is None else _block(pipeline, data.undo, (place, "undo"), blocks),
            version=data.version,
            reuse=data.reuse,
        )
    except FrameworkError as error:
        raise InvalidDefinition(pipeline, error.message, at=(place,), hint=error.hint) from error


def _block(pipeline: str, name: str, at: tuple[str | int, ...], blocks: Blocks) -> AnyAction:
    if name not in blocks:
        why = f"there is no action `{name}` for it. It may use: {listed(blocks)}"
        raise InvalidDefinition(pipeline, why, at=at, hint=did_you_mean(name, blocks))
    return blocks[name]


def _work(data: StageData) -> Work:
    if data.for_each is not None:
        return ForEach(
            over=data.for_each.over, limit=data.for_each.limit, keep_going=data.for_each.keep_going
        )
    if data.repeat is not None:
        return Repeat(until=data.repeat.until, at_most=data.repeat.at_most, keep_last=data.repeat.keep_last)
    if data.pause is not None:
        return Pause(data.pause)
    if data.approval is not None:
        return Await(Approval, data.approval.within)
    return Once()
