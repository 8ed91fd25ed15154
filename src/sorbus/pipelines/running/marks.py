"""Marks: what says of stages that last that they are running."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from sorbus.pipelines.resources.states import StageState
from sorbus.pipelines.running.looking import applied
from sorbus.pipelines.running.progress import SETTLED, Progress
from sorbus.pipelines.running.store import Change

AFTER = 0.05
"""Seconds after which a stage is said to be running. Of one that is over before, only its end is written."""


class Marks:
    """The marks of one run while it is in hand.

    Args:
        write: commits marks. Where they are not taken, the next checkpoint is not either.

    Attributes:
        turn: who writes a checkpoint of the run holds it: there is one at a time.
    """

    def __init__(self, progress: Progress, write: Callable[[Sequence[Change]], Awaitable[object]]) -> None:
        self._progress = progress
        self._write = write
        self._since: dict[str, float] = {}
        self.turn = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self, stage: str) -> None:
        """Work on a stage begins."""
        if stage in self._since or self._progress.stages[stage].state is StageState.RUNNING:
            return
        self._since[stage] = time.monotonic()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(AFTER, self._look)

    def end(self, stage: str) -> None:
        """Work on a stage is over."""
        self._since.pop(stage, None)

    def forget(self) -> None:
        """Nothing is under way any more."""
        self._since.clear()

    async def close(self) -> None:
        """Write nothing more. What is on its way cannot be called back, and must not meet the next lease's work."""
        self.forget()
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            await asyncio.wait([self._task])

    def _look(self) -> None:
        """Mark what has lasted, and look again when the next one has."""
        self._timer = None
        loop, now = asyncio.get_running_loop(), time.monotonic()
        if self._task is None and any(now - since >= AFTER for since in self._since.values()):
            self._task = loop.create_task(self._mark())
        if self._since:
            earliest = min(self._since.values())
            self._timer = loop.call_later(max(earliest + AFTER - now, AFTER / 2), self._look)

    async def _mark(self) -> None:
        try:
            async with self.turn:
                marks = self._lasting()
                # Before they are written: what ends meanwhile is noted behind them.
                for mark in marks:
                    applied(self._progress, mark)
                if marks:
                    await self._write(marks)
        finally:
            self._task = None

    def _lasting(self) -> list[Change]:
        now = time.monotonic()
        marks: list[Change] = []
        for name, since in [each for each in self._since.items() if now - each[1] >= AFTER]:
            del self._since[name]
            row = self._progress.stages[name]
            if row.state is not StageState.RUNNING and row.state not in SETTLED:
                marks.append(
                    Change(stage=name, state=StageState.RUNNING, attempt=row.attempt, took=now - since)
                )
        return marks
