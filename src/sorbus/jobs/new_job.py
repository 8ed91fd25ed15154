"""A job that is to be inserted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

import msgspec

from sorbus.errors.jobs import BadJobOption, JobNotJson, NoSuchJobOption

UNIQUE_KEY = "unique_key"
UNIQUE_SCOPE = "unique_scope"
CANCEL_REQUESTED = "cancel_requested"
TIMEOUT = "timeout"
# an escaped NUL, but not an escaped backslash before the letters u0000
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
RESERVED_META = frozenset({UNIQUE_KEY, UNIQUE_SCOPE, CANCEL_REQUESTED, TIMEOUT})


class UniqueScope(StrEnum):
    """Among which jobs a unique key is unique."""

    UNFINISHED = "unfinished"
    """Jobs that wait or run: a new one is accepted as soon as the other has finished."""

    ALWAYS = "always"
    """All jobs in the table, also finished ones until they are pruned."""


class JobState(StrEnum):
    """The state of a job, as Oban stores it."""

    AVAILABLE = "available"
    SCHEDULED = "scheduled"
    SUSPENDED = "suspended"
    EXECUTING = "executing"
    RETRYABLE = "retryable"
    COMPLETED = "completed"
    DISCARDED = "discarded"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class JobRef:
    """The answer of an insert.

    Attributes:
        id: the job's id; for a job that was not inserted, the id of the one that holds its unique key.
        inserted: False when an earlier job holds the unique key.
    """

    id: int
    inserted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    queue: str = "default"
    priority: int = 0
    max_attempts: int = 20
    scheduled_at: datetime | None = None
    schedule_in: float | None = None
    timeout: float | None = None
    unique_key: str | None = None
    unique_scope: UniqueScope = UniqueScope.UNFINISHED
    unique_period: timedelta | None = None
    tags: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class NewJob(_Options):
    """A job to insert with `insert_job`: which handler runs it, with which arguments, when.

    Attributes:
        worker: the stable name of the handler, as registered with `JobRunner(handlers=…)`.
        args: the arguments, stored as JSON.
        queue: the queue that runs it.
        priority: 0 (first) to 9 (last).
        max_attempts: how often it is tried before it is discarded, 1 to 32767.
        scheduled_at: the earliest start, with a time zone; or
        schedule_in: the earliest start in seconds from the insert. Not both.
        timeout: the longest an attempt may take, in seconds; None for no limit.
        unique_key: at most one job with this key is accepted within `unique_scope`.
        unique_scope: among unfinished jobs, or among all that are still in the table.
        unique_period: the key is unique within windows of this length only (aligned to the Unix epoch).
        tags: free words to find it by.
        meta: free data that travels with it, such as `actor`, `tenant` and `trace`.

    Raises:
        BadJobOption: a value that is not allowed; the message says what is.
    """

    worker: str = field(kw_only=False)
    args: Mapping[str, Any] = field(default_factory=dict[str, Any], kw_only=False)

    def __post_init__(self) -> None:
        for name, value in (("worker", self.worker), ("queue", self.queue)):
            if not value.strip():
                raise BadJobOption(name, value, allowed="a name")
        if not 0 <= self.priority <= 9:
            raise BadJobOption("priority", self.priority, allowed="between 0 and 9")
        if not 1 <= self.max_attempts <= 32767:
            raise BadJobOption("max_attempts", self.max_attempts, allowed="between 1 and 32767")
        self._check_times()
        taken = RESERVED_META & self.meta.keys()
        if taken:
            raise BadJobOption(
                "meta", sorted(taken), allowed="free of the reserved keys " + ", ".join(sorted(RESERVED_META))
            )

    def _check_times(self) -> None:
        if self.scheduled_at is not None and self.scheduled_at.tzinfo is None:
            raise BadJobOption("scheduled_at", self.scheduled_at, allowed="a time with a time zone")
        if self.scheduled_at is not None and self.schedule_in is not None:
            raise BadJobOption(
                "schedule_in", self.schedule_in, allowed="left out when `scheduled_at` is given"
            )
        if self.schedule_in is not None and self.schedule_in < 0:
            raise BadJobOption("schedule_in", self.schedule_in, allowed="a number of seconds, 0 or more")
        if self.timeout is not None and self.timeout <= 0:
            raise BadJobOption("timeout", self.timeout, allowed="a number of seconds above 0")
        if self.unique_period is not None and self.unique_period.total_seconds() < 1:
            raise BadJobOption("unique_period", self.unique_period, allowed="at least a second")
        if self.unique_period is not None and self.unique_key is None:
            raise BadJobOption(
                "unique_period", self.unique_period, allowed="given together with `unique_key`"
            )

    @classmethod
    def from_options(
        cls, worker: str, args: Mapping[str, Any] | None = None, options: Mapping[str, Any] | None = None
    ) -> Self:
        """A job from options that are only known as data, as in a configuration file.

        Raises:
            NoSuchJobOption: an option that does not exist; the message lists the ones that do.
            BadJobOption: a value that is not allowed.
        """
        allowed = [each.name for each in fields(_Options)]
        for name in options or {}:
            if name not in allowed:
                raise NoSuchJobOption(name, allowed)
        return cls(worker, args or {}, **(options or {}))

    def args_json(self) -> str:
        """The arguments as JSON text.

        Raises:
            JobNotJson: they cannot be stored as JSON.
        """
        return _json(self.worker, "args", self.args)

    def meta_json(self) -> str:
        """The meta as JSON text, with the time limit; the unique key is added by the insert.

        Raises:
            JobNotJson: it cannot be stored as JSON.
        """
        meta = self.meta if self.timeout is None else {**self.meta, TIMEOUT: self.timeout}
        return _json(self.worker, "meta", meta)


def _json(worker: str, name: str, value: Mapping[str, Any]) -> str:
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise JobNotJson(worker, name, str(error)) from error
    if _NUL.search(text):
        raise JobNotJson(worker, name, "it holds a NUL character")
    return text
