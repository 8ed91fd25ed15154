"""Runs inside runs: how a stage starts its runs, and how they tell it that they have ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

from sorbus.errors.base import SorbusError
from sorbus.errors.inputs import InvalidAction
from sorbus.pipelines.resources.run import Run
from sorbus.pipelines.resources.states import OPEN_RUNS
from sorbus.pipelines.running.looking import Birth
from sorbus.pipelines.running.progress import Progress
from sorbus.scope import Scope

if TYPE_CHECKING:
    from sorbus.resource.application import Sorbus

logger = logging.getLogger(__name__)

_EVERY = 0.05
"""Seconds between two words to the outer runs of a process."""


async def bear(app: Sorbus, progress: Progress, births: Sequence[Birth]) -> None:
    """Start the runs of a stage; one that has been started by a former holder of the lease is the one that counts.

    Raises:
        InvalidAction: one cannot be started.
    """
    scope = app.system_scope(tenant=progress.tenant)
    await asyncio.gather(*(_bear(scope, progress, each) for each in births))


async def _bear(scope: Scope, progress: Progress, birth: Birth) -> None:
    try:
        await Run.nest(
            scope,
            parent_id=progress.id,
            payer_id=progress.payer_id or progress.id,
            parent_stage=birth.stage,
            parent_index=birth.index,
            content_id=progress.content.id,
            pipeline=birth.pipeline.name,
            pipeline_version=birth.pipeline.version,
            definition_id=birth.pipeline.definition_id,
            input=birth.given,
            reuse=progress.reuse or None,
            model=progress.model,
        )
    except InvalidAction:
        place = (Run.parent_stage == birth.stage) & (Run.parent_index == birth.index)
        if not await Run.query(scope).where(Run.parent_id == progress.id, place).exists():
            raise


async def abandon(app: Sorbus, run_id: UUID, tenant: str) -> int:
    """Cancel the runs that are still open inside a run that has ended; returns how many."""
    scope = app.system_scope(tenant=tenant)
    left = await Run.query(scope).where(Run.parent_id == run_id, Run.state.is_in(list(OPEN_RUNS))).all()
    for each in left:
        with suppress(SorbusError):  # it has ended in the meantime
            await each.cancel(scope)
    return len(left)


class Parents:
    """Tells outer runs that an inner one has ended, many with one statement.

    What is not told is found by the repair.

    Args:
        tell: lets some runs know that they may go on.
    """

    def __init__(self, tell: Callable[[Sequence[UUID]], Awaitable[None]]) -> None:
        self._tell = tell
        self._waiting: set[UUID] = set()
        self._task: asyncio.Task[None] | None = None

    def wake(self, run_id: UUID) -> None:
        """Tell a run soon. Returns at once."""
        self._waiting.add(run_id)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="sorbus-pipelines-parents")

    async def close(self) -> None:
        """Tell what waits, and stop."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=5)
            self._task.cancel()

    async def _run(self) -> None:
        while self._waiting:
            runs, self._waiting = sorted(self._waiting), set()
            await self._tell(runs)
            await asyncio.sleep(_EVERY)
