"""Stages: what a pipeline is made of, and the functions that declare them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypedDict, Unpack

from sorbus.errors.pipelines import BadStageOption
from sorbus.jobs.backoff import Backoff
from sorbus.pipelines.definition.batch import Batch
from sorbus.pipelines.definition.given import Approval
from sorbus.pipelines.definition.graph import Join
from sorbus.pipelines.definition.work import (
    ONCE,
    Await,
    ForEach,
    Inner,
    Nested,
    Pause,
    Repeat,
    When,
    Where,
    Work,
)
from sorbus.resource.actions import GenericAction

CONTENT = "content"
"""The parameter of a stage that takes the content itself."""

ITEM = "item"
"""The parameter that takes the item, of a stage that runs for each item of a list."""

FAILURE = "failure"
"""The parameter that takes what went wrong, of a stage that starts on a failure."""

INPUT = "input"
"""The parameter that takes what the run was started with, of a pipeline that declares an input."""

RESERVED = frozenset({CONTENT, ITEM, FAILURE, INPUT})

type AnyAction = GenericAction[Any, Any]

_LONGEST_NAME = 200
# Ten years: a moment that dates can hold, whenever it is counted from.
_LONGEST_WAIT = 10 * 366 * 86_400
_LARGEST_BATCH = 10_000
_LONGEST_GATHERING = 60.0
_SIDE_BY_SIDE = 8
DEFAULT_BACKOFF = Backoff(base=1.0, cap=300.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage. Make it with `stage`, `for_each`, `repeat`, `nested`, `pause`, `signal` or `approval`.

    Attributes:
        name: unique in its pipeline.
        action: a generic action whose parameters are `content` and the outputs of other stages by name; None for one
            that only waits.
        attempts: how often it is tried before it fails; each item and each round counts for itself.
        timeout: seconds that one attempt may take; None for no limit.
        backoff: how long it waits after an attempt that failed.
        takes: from which stage a parameter takes its value, where its name is not that of the stage.
        after: further stages that must be done first.
        when: a condition on earlier outputs; where it does not hold, the stage is skipped.
        join: how many of the stages before it must be done.
        on_failure: the stages on whose failure it starts.
        may_fail: its failure stops nothing; what needs its output is skipped.
        delay: seconds between the moment it may start and its start.
        undo: a generic action that undoes what it did, when the run fails later; it may take the stage's own output.
        version: a mark of what the action does; raise it when that changes, so that no earlier output is reused.
        reuse: whether another run may take its output instead of doing it again. None: unless its action is one with
            `transaction=True`, or asks for its idempotency key.
        batch: its action works on many items at once: of many runs, and of its list. None: on one.
    """

    name: str
    action: AnyAction | None
    work: Work = ONCE
    attempts: int = 3
    timeout: float | None = 600.0
    backoff: Backoff = DEFAULT_BACKOFF
    takes: Mapping[str, str] = MappingProxyType({})
    after: tuple[str, ...] = ()
    when: When | None = None
    join: Join = "all"
    on_failure: tuple[str, ...] = ()
    may_fail: bool = False
    delay: float = 0.0
    undo: AnyAction | None = None
    version: int = 1
    reuse: bool | None = None
    batch: Batch | None = None

    def __post_init__(self) -> None:
        fits = bool(self.name) and "." not in self.name and len(self.name) <= _LONGEST_NAME
        _check(self.name, "name", self.name, f"1 to {_LONGEST_NAME} characters without a dot", fits)
        _check(self.name, "attempts", self.attempts, "1 or more", self.attempts >= 1)
        _check(
            self.name, "delay", self.delay, f"0 to {_LONGEST_WAIT} seconds", 0 <= self.delay <= _LONGEST_WAIT
        )
        _check(self.name, "version", self.version, "1 or more", self.version >= 1)
        bound = self.undo is not None or self.action is None
        _check(
            self.name,
            "reuse",
            self.reuse,
            "None or False, where it waits or can be undone",
            not (bound and self.reuse),
        )
        if self.batch is not None:
            self._check_batch(self.batch)
        if self.timeout is not None:
            _check(self.name, "timeout", self.timeout, "more than 0 seconds, or None", self.timeout > 0)
        if isinstance(self.join, int):
            _check(self.name, "join", self.join, "1 or more, 'all', 'any' or 'settled'", self.join >= 1)
        match self.work:
            case ForEach(limit=limit) | Nested(limit=limit):
                _check(self.name, "limit", limit, "1 or more", limit >= 1)
            case Repeat(at_most=rounds):
                _check(self.name, "at_most", rounds, "1 or more", rounds >= 1)
            case Pause(seconds):
                allowed = f"more than 0, and at most {_LONGEST_WAIT}"
                _check(self.name, "seconds", seconds, allowed, 0 < seconds <= _LONGEST_WAIT)
            case Await(within=within) if within is not None:
                allowed = f"more than 0 seconds and at most {_LONGEST_WAIT}, or None"
                _check(self.name, "within", within, allowed, 0 < within <= _LONGEST_WAIT)
            case _:
                pass

    def _check_batch(self, batch: Batch) -> None:
        _check(self.name, "batch", batch, "None, where it waits", self.action is not None)
        _check(self.name, "batch.size", batch.size, "1 to 10000", 1 <= batch.size <= _LARGEST_BATCH)
        allowed = f"0 to {_LONGEST_GATHERING:g} seconds"
        _check(self.name, "batch.within", batch.within, allowed, 0 <= batch.within <= _LONGEST_GATHERING)
        _check(self.name, "batch.at_once", batch.at_once, "1 or more", batch.at_once >= 1)

    @property
    def waits(self) -> bool:
        """Whether it waits for a time or for a value before anything is done."""
        return self.delay > 0 or isinstance(self.work, (Pause, Await))

    @property
    def reusable(self) -> bool:
        """Whether its output may serve another run, as far as its declaration says."""
        if self.action is None or self.undo is not None or self.reuse is False:
            return False
        return self.reuse is True or not self.action.options.get("transaction")

    @property
    def needs(self) -> tuple[str, ...]:
        """The names of its parameters after `cls` and `scope`."""
        return () if self.action is None else parameters(self.action)

    def source(self, parameter: str) -> str:
        """The stage whose output a parameter takes."""
        return self.takes.get(parameter, parameter)


def parameters(action: AnyAction) -> tuple[str, ...]:
    """The names of an action's parameters after `cls` and `scope`."""
    return tuple(inspect.signature(action.function).parameters)[2:]


def _check(stage: str, option: str, value: object, allowed: str, fits: bool) -> None:
    if not fits:
        raise BadStageOption(stage, option, value, allowed=allowed)


type Stages = Stage | Sequence[Stage]
"""One stage or several."""


def names_of(stages: Stages) -> tuple[str, ...]:
    """The names of one stage or several."""
    return (stages.name,) if isinstance(stages, Stage) else tuple(each.name for each in stages)


def stage(
    action: AnyAction,
    *,
    name: str = "",
    attempts: int = 3,
    timeout: float | None = 600.0,
    backoff: Backoff = DEFAULT_BACKOFF,
    takes: Mapping[str, Stage] | None = None,
    after: Stages = (),
    when: When | None = None,
    join: Join = "all",
    on_failure: Stages = (),
    may_fail: bool = False,
    delay: float = 0.0,
    undo: AnyAction | None = None,
    version: int = 1,
    reuse: bool | None = None,
    batch: Batch | None = None,
    work: Work = ONCE,
) -> Stage:
    """A stage of a pipeline; its name is the action's unless given. The options are those of `Stage`.

    Raises:
        BadStageOption: a value that is not allowed; the message says what is.
    """
    return Stage(
        name=name or action.name,
        action=action,
        work=work,
        attempts=attempts,
        timeout=timeout,
        backoff=backoff,
        takes={name: each.name for name, each in (takes or {}).items()},
        after=names_of(after),
        when=when,
        join=join,
        on_failure=names_of(on_failure),
        may_fail=may_fail,
        delay=delay,
        undo=undo,
        version=version,
        reuse=reuse,
        batch=batch,
    )


class StageOptions(TypedDict, total=False):
    """The options of `stage`, for the functions that make special stages."""

    name: str
    attempts: int
    timeout: float | None
    backoff: Backoff
    takes: Mapping[str, Stage] | None
    after: Stages
    when: When | None
    join: Join
    on_failure: Stages
    may_fail: bool
    delay: float
    undo: AnyAction | None
    version: int
    reuse: bool | None
    batch: Batch | None


class WaitOptions(TypedDict, total=False):
    """The options of stages that only wait."""

    after: Stages
    when: When | None
    join: Join
    on_failure: Stages
    may_fail: bool


def for_each(
    action: AnyAction,
    *,
    over: Where,
    limit: int | None = None,
    keep_going: bool = False,
    **options: Unpack[StageOptions],
) -> Stage:
    """A stage that runs its action for each item of a list, some side by side.

    The action takes the item as `item`; the stage gives the list of what it gave, in the order of the items.

    Args:
        over: where the list is: `lambda split: split.parts`.
        limit: how many items run side by side; by default 8, and 8 times as many as one call takes with a `batch`.
        keep_going: an item that fails for good is None in the list, instead of failing the stage.
        options: those of `stage`.
    """
    most = side_by_side(options.get("batch")) if limit is None else limit
    return stage(action, work=ForEach(over=over, limit=most, keep_going=keep_going), **options)


def side_by_side(batch: Batch | None) -> int:
    """How many items of a list run side by side where nothing is said about it."""
    return _SIDE_BY_SIDE if batch is None else _SIDE_BY_SIDE * batch.size


def repeat(
    action: AnyAction,
    *,
    until: When,
    at_most: int,
    keep_last: bool = False,
    **options: Unpack[StageOptions],
) -> Stage:
    """A stage that runs its action again and again; each round is committed.

    The action takes what the last round gave by the stage's own name; in the first round that is None.

    Args:
        until: the condition on the stage's own output that ends it: `lambda improve: improve.score > 0.8`.
        at_most: the number of rounds.
        keep_last: give the last round's output when the condition still does not hold then, instead of failing.
        options: those of `stage`.
    """
    return stage(action, work=Repeat(until=until, at_most=at_most, keep_last=keep_last), **options)


def nested(
    pipeline: Inner,
    *,
    name: str = "",
    given: Where | None = None,
    over: Where | None = None,
    limit: int = 8,
    keep_going: bool = False,
    **options: Unpack[WaitOptions],
) -> Stage:
    """A stage that is a run of another pipeline over the same content, and gives what that one gives.

    The other run has a row, a page and checkpoints of its own, and any node may carry it. No process is kept busy by
    the wait for it. Where it fails, the stage fails; retrying the outer run goes on with the inner one.

    Args:
        name: the other pipeline's unless given.
        given: the place of what the other run is started with: `lambda read: read.order`.
        over: where a list is, for one run for each of its items; the stage gives the list of what they gave.
        limit: how many of those runs are open at once.
        keep_going: a run that fails is None in the list, instead of failing the stage.
        options: `after`, `when`, `join`, `on_failure` and `may_fail` of `stage`.

    Raises:
        BadStageOption: a value that is not allowed, or both `given` and `over`.
    """
    stage_name = name or pipeline.name
    _check(stage_name, "given", given, "nothing beside `over`", given is None or over is None)
    return _waiting(stage_name, Nested(pipeline, given, over, limit, keep_going), options)


def _waiting(name: str, work: Work, options: WaitOptions) -> Stage:
    return Stage(
        name=name,
        action=None,
        work=work,
        attempts=1,
        timeout=None,
        after=names_of(options.get("after", ())),
        when=options.get("when"),
        join=options.get("join", "all"),
        on_failure=names_of(options.get("on_failure", ())),
        may_fail=options.get("may_fail", False),
    )


def pause(name: str, *, seconds: float, **options: Unpack[WaitOptions]) -> Stage:
    """A stage that waits. No process is kept busy by it, and it may last for months.

    Args:
        options: `after`, `when`, `join`, `on_failure` and `may_fail` of `stage`.
    """
    return _waiting(name, Pause(seconds), options)


def signal(name: str, kind: Any, *, within: float | None = None, **options: Unpack[WaitOptions]) -> Stage:
    """A stage that waits until somebody gives a value of a type: `Run.give(scope, run_id=…, stage=name, value=…)`.

    Args:
        kind: the type of the value: it is the stage's output.
        within: seconds after which it fails; None for no limit.
        options: `after`, `when`, `join`, `on_failure` and `may_fail` of `stage`.
    """
    return _waiting(name, Await(kind, within), options)


def approval(name: str, *, within: float | None = None, **options: Unpack[WaitOptions]) -> Stage:
    """A stage that waits for somebody's yes or no: a `signal` of the type `Approval`."""
    return signal(name, Approval, within=within, **options)
