"""A run in the hands of its conductor: its rows, and what is known of them since."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sorbus.pipelines.definition.given import StageContent
from sorbus.pipelines.resources.states import RunState, StageState

SETTLED = frozenset({StageState.DONE, StageState.SKIPPED, StageState.FAILED})
"""The states that a stage does not leave while its run goes on."""


@dataclass(slots=True)
class ItemRow:
    """One item of a map, or one round of a loop.

    Attributes:
        attempt: how many attempts have failed.
        wake_at: when it may start; None for at once.
        output: as plain data.
    """

    state: StageState
    attempt: int = 0
    wake_at: datetime | None = None
    output: Any = None


@dataclass(slots=True)
class StageRow:
    """One stage.

    Attributes:
        attempt: how many attempts have failed.
        wake_at: when it may start, or when it has waited long enough; None for at once, or for never.
        given: whether somebody has given it its value.
        output: as plain data; of a stage that is given a value, that value.
    """

    state: StageState
    attempt: int = 0
    wake_at: datetime | None = None
    given: bool = False
    output: Any = None
    error: Any = None


@dataclass(slots=True)
class ChildRow:
    """A run that a stage of this one is.

    Attributes:
        state: that of the run.
        result: its outputs by stage, when it is completed.
    """

    id: UUID
    state: RunState
    result: dict[str, Any] | None = None
    error: Any = None


@dataclass(slots=True, kw_only=True)
class Progress:
    """A run in this process's hands.

    Attributes:
        definition_id: the row that it was started from; None for a pipeline in code.
        model: the model of its stages; None for the usual one.
        reuse: whether it takes outputs of earlier runs.
        fresh: whether nobody has had it in hand before, so that there can be no earlier model calls to replay.
        budgeted: whether a budget of its own or of its tenant held when it was looked at.
        own_budget: whether that was one of its own, or of the outermost run around it.
        signals: how many signals it had when it was looked at.
        paused: whether nothing is to start.
        looked_at: the time at which it was looked at, by the clock of the database.
        stages: its stages by name, those that are done in the order in which they were.
        items: the items of its stages by position.
        parent_id: the run that it is a stage of.
        payer_id: the outermost run around it.
        input: what it was started with, as plain data.
        children: the runs that its stages are, by position.
    """

    id: UUID
    tenant: str
    pipeline: str
    version: int
    definition_id: UUID | None
    model: str | None
    reuse: bool
    fresh: bool
    budgeted: bool
    own_budget: bool
    signals: int
    paused: bool
    content: StageContent
    looked_at: datetime
    stages: dict[str, StageRow] = field(default_factory=dict[str, StageRow])
    items: dict[str, dict[int, ItemRow]] = field(default_factory=dict[str, dict[int, ItemRow]])
    parent_id: UUID | None = None
    payer_id: UUID | None = None
    input: Any = None
    children: dict[str, dict[int, ChildRow]] = field(default_factory=dict[str, dict[int, ChildRow]])
    _since: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        """The time by the clock of the database, which sets the times that a run waits for.

        The clock of this machine may be hours off, or jump; only how much of it has passed is used.
        """
        return self.looked_at + timedelta(seconds=time.monotonic() - self._since)

    @property
    def settled(self) -> dict[str, StageState]:
        """The states of the stages that have settled."""
        return {name: each.state for name, each in self.stages.items() if each.state in SETTLED}

    @property
    def outputs(self) -> dict[str, Any]:
        """The outputs of the stages that are done, as plain data."""
        return {name: each.output for name, each in self.stages.items() if each.state is StageState.DONE}
