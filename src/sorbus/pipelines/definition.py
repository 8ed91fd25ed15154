"""Static definitions: typed stages in written order, checked when they are declared."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sorbus.errors.pipelines import (
    DuplicateStage,
    PipelineWithoutStages,
    StageInputMismatch,
    UnknownStageInput,
)
from sorbus.resource.actions import GenericAction

CONTENT = "content"
"""The parameter of a stage that takes the content itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageContext:
    """What a running stage may ask its scope for: `scope.get(StageContext)`.

    Attributes:
        run_id, stage: where it stands; together the idempotency key of whatever it does outside the database.
        attempt: the number of this attempt, from 1.
    """

    run_id: UUID
    stage: str
    attempt: int
    tenant: str

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt at this stage of this run."""
        return f"{self.run_id}:{self.stage}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageContent:
    """The content of a run, as its stages get it."""

    id: UUID
    source_type: str
    title: str
    text: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage: a generic action whose parameters are `content` and the outputs of earlier stages by name.

    Attributes:
        name: unique in its pipeline.
        attempts: how often it is tried before the run fails.
        timeout: seconds that one attempt may take; None for no limit.
    """

    name: str
    action: GenericAction[Any, Any]
    attempts: int = 3
    timeout: float | None = 600.0

    @property
    def needs(self) -> tuple[str, ...]:
        """The names of its parameters after `cls` and `scope`."""
        return tuple(inspect.signature(self.action.function).parameters)[2:]


def stage(
    action: GenericAction[Any, Any], *, name: str = "", attempts: int = 3, timeout: float | None = 600.0
) -> Stage:
    """A stage of a pipeline; its name is the action's unless given."""
    return Stage(name=name or action.name, action=action, attempts=attempts, timeout=timeout)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline: its stages run one after the other, each on the content and on what came before.

    Args:
        name: how runs refer to it.
        version: raise it when stages change; a run keeps the version that it started with.
        stages: in the order in which they run.

    Raises:
        PipelineWithoutStages: it has none.
        DuplicateStage: two stages bear one name.
        UnknownStageInput: a stage takes something that is neither the content nor an earlier stage.
        StageInputMismatch: a stage takes an earlier output as another type than it has.
    """

    name: str
    stages: Sequence[Stage] = field(kw_only=True)
    version: int = field(default=1, kw_only=True)
    description: str = field(default="", kw_only=True)
    queue: str = field(default="pipelines", kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(self.stages))
        if not self.stages:
            raise PipelineWithoutStages(self.name)
        earlier: dict[str, Any] = {}
        for each in self.stages:
            if each.name in earlier or each.name == CONTENT:
                raise DuplicateStage(self.name, each.name)
            self._check_inputs(each, earlier)
            earlier[each.name] = _annotation(each.action, "return")

    def _check_inputs(self, each: Stage, earlier: Mapping[str, Any]) -> None:
        for need in each.needs:
            if need == CONTENT:
                continue
            if need not in earlier:
                raise UnknownStageInput(self.name, each.name, need, allowed=[CONTENT, *earlier])
            wanted = _annotation(each.action, need)
            if wanted != earlier[need]:
                raise StageInputMismatch(
                    self.name, each.name, need, wanted=_shown(wanted), given=_shown(earlier[need])
                )

    def stage(self, name: str) -> Stage | None:
        """The stage of a name."""
        return next((each for each in self.stages if each.name == name), None)

    def to_data(self) -> dict[str, Any]:
        """The definition as plain data, as its row holds it."""
        return {
            "stages": [
                {
                    "name": each.name,
                    "action": f"{each.action.owner.__name__}.{each.action.name}",
                    "attempts": each.attempts,
                }
                for each in self.stages
            ],
            "edges": [[a.name, b.name] for a, b in zip(self.stages, self.stages[1:], strict=False)],
        }


def _annotation(action: GenericAction[Any, Any], name: str) -> Any:
    found = action.function.__annotations__.get(name)
    if isinstance(found, str):
        found = inspect.get_annotations(action.function, eval_str=True).get(name)
    return found


def _shown(annotation: Any) -> str:
    return getattr(annotation, "__name__", str(annotation))
