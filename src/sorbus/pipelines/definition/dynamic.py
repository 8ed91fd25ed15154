"""Pipelines as data: what users of an application compose of the stages that it offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from sorbus.errors.base import FrameworkError
from sorbus.errors.hints import did_you_mean, listed
from sorbus.errors.pipelines import InvalidDefinition
from sorbus.pipelines.definition.batch import Batch
from sorbus.pipelines.definition.given import Approval
from sorbus.pipelines.definition.pipeline import Pipeline
from sorbus.pipelines.definition.stages import AnyAction, Stage, side_by_side
from sorbus.pipelines.definition.work import Await, ForEach, Nested, Once, Pause, Repeat, Work

MOST_STAGES = 200
MOST_IN_ALL = 2000
DEEPEST = 8

Blocks = Mapping[str, AnyAction]
"""The actions that definitions may be made of, by name, as in `EmailAnalysis.extract`."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BatchData(_Data):
    """The action works on many items at once."""

    size: int = Field(ge=1, le=10_000)
    within: float = Field(default=0.05, ge=0, le=60)


class ForEachData(_Data):
    """The action runs for each item of a list."""

    over: str
    limit: int | None = Field(default=None, ge=1, le=1000)
    keep_going: bool = False


class RepeatData(_Data):
    """The action runs again until a condition holds."""

    until: dict[str, Any]
    at_most: int = Field(ge=1, le=1000)
    keep_last: bool = False


class NestedData(_Data):
    """A run of another pipeline, or one for each item of a list: one in code, or another definition."""

    pipeline: str | None = None
    version: int | None = Field(default=None, ge=1)
    definition: UUID | None = None
    given: str | None = None
    over: str | None = None
    limit: int = Field(default=8, ge=1, le=1000)
    keep_going: bool = False

    @model_validator(mode="after")
    def _one_place(self) -> NestedData:
        if (self.pipeline is None) == (self.definition is None):
            raise ValueError("a nested run has a `pipeline` or a `definition`")
        if self.definition is not None and self.version is not None:
            raise ValueError("a `definition` has its version")
        return self


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
    batch: BatchData | None = None
    for_each: ForEachData | None = None
    repeat: RepeatData | None = None
    pause: float | None = Field(default=None, gt=0)
    approval: ApprovalData | None = None
    nested: NestedData | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> StageData:
        others = [self.pause, self.approval, self.nested]
        if (self.action is None) == all(each is None for each in others):
            raise ValueError("a stage has an `action`, a `pause`, an `approval` or a `nested` run")
        if sum(each is not None for each in (self.for_each, self.repeat, *others)) > 1:
            raise ValueError("a stage has one of `for_each`, `repeat`, `pause`, `approval` and `nested`")
        return self


_STAGES: TypeAdapter[list[StageData]] = TypeAdapter(list[StageData])


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What definitions may be made of.

    Attributes:
        blocks: actions.
        pipelines: those in code, by name and version.
        current: the current ones of these, by name.
        definitions: other definitions of the same tenant, as far as they are named.
    """

    blocks: Blocks
    pipelines: Mapping[tuple[str, int], Pipeline] = field(default_factory=dict[tuple[str, int], Pipeline])
    current: Mapping[str, Pipeline] = field(default_factory=dict[str, Pipeline])
    definitions: Mapping[UUID, Pipeline] = field(default_factory=dict[UUID, Pipeline])

    def inner(self, pipeline: str, data: NestedData, at: tuple[str | int, ...]) -> Pipeline:
        """The pipeline that a stage is a run of.

        Raises:
            InvalidDefinition: there is none.
        """
        if data.definition is not None:
            if data.definition in self.definitions:
                return self.definitions[data.definition]
            why = f"there is no definition {data.definition} for it"
            raise InvalidDefinition(pipeline, why, at=(*at, "definition"))
        name = data.pipeline or ""
        known = self.current.get(name)
        if known is None:
            why = f"there is no pipeline `{name}` for it. It may use: {listed(self.current)}"
            raise InvalidDefinition(
                pipeline, why, at=(*at, "pipeline"), hint=did_you_mean(name, self.current)
            )
        found = known if data.version is None else self.pipelines.get((name, data.version))
        if found is None:
            versions = [str(number) for each, number in self.pipelines if each == name]
            why = f"`{name}` has no version {data.version}. Versions: {listed(versions)}"
            raise InvalidDefinition(pipeline, why, at=(*at, "version"))
        return found


def definitions_in(stages: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """The other definitions that some data names, whether or not it is valid."""
    found: set[UUID] = set()
    for stage in stages:
        nested: Any = stage.get("nested")
        name = cast("Mapping[str, Any]", nested).get("definition") if isinstance(nested, Mapping) else None
        with suppress(ValueError):
            found.add(UUID(str(name)))
    return found


def pinned(stages: Sequence[Mapping[str, Any]], pipeline: Pipeline) -> list[dict[str, Any]]:
    """The data of a pipeline with the versions of what is nested in it, which it keeps."""
    made: list[dict[str, Any]] = []
    for data, stage in zip(stages, pipeline.stages, strict=True):
        each = dict(data)
        if isinstance(stage.work, Nested) and each["nested"].get("definition") is None:
            each["nested"] = {**each["nested"], "version": stage.work.pipeline.version}
        made.append(each)
    return made


def pipeline_from(
    stages: Sequence[Mapping[str, Any]],
    *,
    name: str,
    version: int,
    offer: Offer,
    description: str = "",
    definition_id: UUID | None = None,
) -> Pipeline:
    """The pipeline in some data, checked as one in Python is.

    Args:
        definition_id: its row, when it has one.

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
    made = [_stage(name, each, place, offer) for place, each in enumerate(read)]
    _check_size(name, made)
    try:
        return Pipeline.graph(
            name, stages=made, version=version, description=description, definition_id=definition_id
        )
    except FrameworkError as error:
        # What is the fault of a developer in code is that of the caller here.
        at = _place_of(error, name, [each.name for each in read])
        raise InvalidDefinition(name, error.message, at=at, hint=error.hint) from error


def _check_size(name: str, stages: Sequence[Stage]) -> None:
    """Definitions in definitions could be made to have more stages than anybody can run."""
    inner = [each.work.pipeline for each in stages if isinstance(each.work, Nested)]
    total = len(stages) + sum(each.size for each in inner)
    if total > MOST_IN_ALL:
        why = f"it has {total} stages with those of the runs inside it; {MOST_IN_ALL} are allowed"
        raise InvalidDefinition(name, why)
    if max((each.depth for each in inner), default=0) >= DEEPEST:
        raise InvalidDefinition(name, f"its runs are nested more than {DEEPEST} levels deep")


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


def _stage(pipeline: str, data: StageData, place: int, offer: Offer) -> Stage:
    blocks = offer.blocks
    try:
        return Stage(
            name=data.name,
            action=None if data.action is None else _block(pipeline, data.action, (place, "action"), blocks),
            work=_work(pipeline, data, place, offer),
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
            batch=_batch(data),
        )
    except FrameworkError as error:
        raise InvalidDefinition(pipeline, error.message, at=(place,), hint=error.hint) from error


def _block(pipeline: str, name: str, at: tuple[str | int, ...], blocks: Blocks) -> AnyAction:
    if name not in blocks:
        why = f"there is no action `{name}` for it. It may use: {listed(blocks)}"
        raise InvalidDefinition(pipeline, why, at=at, hint=did_you_mean(name, blocks))
    return blocks[name]


def _batch(data: StageData) -> Batch | None:
    return None if data.batch is None else Batch(data.batch.size, within=data.batch.within)


def _work(pipeline: str, data: StageData, place: int, offer: Offer) -> Work:
    if data.nested is not None:
        return Nested(
            offer.inner(pipeline, data.nested, (place, "nested")),
            given=data.nested.given,
            over=data.nested.over,
            limit=data.nested.limit,
            keep_going=data.nested.keep_going,
        )
    if data.for_each is not None:
        most = side_by_side(_batch(data)) if data.for_each.limit is None else data.for_each.limit
        return ForEach(over=data.for_each.over, limit=most, keep_going=data.for_each.keep_going)
    if data.repeat is not None:
        return Repeat(until=data.repeat.until, at_most=data.repeat.at_most, keep_last=data.repeat.keep_last)
    if data.pause is not None:
        return Pause(data.pause)
    if data.approval is not None:
        return Await(Approval, data.approval.within)
    return Once()
