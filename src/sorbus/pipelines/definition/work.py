"""What a stage does with its action: once, for each item, again and again, a wait, a run of another pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

type When = Callable[..., Any] | Mapping[str, Any]
"""A condition on outputs: `lambda judge: judge.label == "support"`, or the same as data."""

type Where = Callable[..., Any] | str
"""A place in an output: `lambda split: split.parts`, or `"split.parts"`."""


@dataclass(frozen=True, slots=True)
class Once:
    """The action runs once."""


ONCE = Once()


@dataclass(frozen=True, slots=True, kw_only=True)
class ForEach:
    """The action runs for each item of a list; the stage gives the list of what it gave.

    Attributes:
        over: the place of the list.
        limit: how many items run side by side.
        keep_going: an item that fails for good is None in the list, instead of failing the stage.
    """

    over: Where
    limit: int = 8
    keep_going: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """The action runs again on what it gave, until a condition holds; the stage gives the last.

    Attributes:
        at_most: the number of rounds.
        keep_last: what to do when the condition still does not hold then: give the last, or fail.
    """

    until: When
    at_most: int
    keep_last: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing runs for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Await:
    """The run waits until somebody gives a value: `Run.give(scope, run_id=…, stage=…, value=…)`.

    Attributes:
        type: what the value must be.
        within: seconds after which the stage fails; None for no limit.
    """

    type: Any
    within: float | None = None


class Inner(Protocol):
    """A pipeline, as a stage that is a run of it sees it."""

    @property
    def name(self) -> str:
        """How runs refer to it."""
        ...

    @property
    def version(self) -> int:
        """Its version."""
        ...

    @property
    def input(self) -> Any:
        """The type of what a run is started with; None for nothing."""
        ...

    @property
    def output(self) -> str:
        """The stage whose output it gives."""
        ...

    @property
    def size(self) -> int:
        """How many stages it has, with those of the runs inside it."""
        ...

    @property
    def depth(self) -> int:
        """How many levels of runs it makes."""
        ...

    @property
    def definition_id(self) -> UUID | None:
        """The row that it is read from; None for one in code."""
        ...

    @property
    def gives(self) -> Any:
        """The type of that output."""
        ...


@dataclass(frozen=True, slots=True)
class Nested:
    """A run of another pipeline, or one for each item of a list; the stage gives what they gave.

    Attributes:
        pipeline: the other pipeline.
        given: the place of its input; None for none.
        over: the place of the list whose items are the inputs.
        limit: how many of those runs are open at once.
        keep_going: a run that fails is None in the list, instead of failing the stage.
    """

    pipeline: Inner
    given: Where | None = None
    over: Where | None = None
    limit: int = 8
    keep_going: bool = False


type Work = Once | ForEach | Repeat | Pause | Await | Nested
