"""Live progress: what happens to runs is told to all nodes, a few times a second at most."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

_EVERY = 0.1
"""Seconds between two announcements of what moved."""

SAID = "said"
"""What is announced of a run to which something was said."""

Announce = Callable[[UUID, str, str], Any]
"""Tells of a run: its id, its tenant, and what happened."""


class Live:
    """Gathers the runs that have moved, and tells of each once for all that happened to it in the meantime.

    Subscribers are told that a run has moved, and read how it stands; so nothing is lost by telling less often.
    """

    def __init__(self, announce: Announce) -> None:
        self._announce = announce
        self._moved: dict[UUID, tuple[str, str]] = {}
        self._task: asyncio.Task[None] | None = None

    def touch(self, run_id: UUID, tenant: str, what: str) -> None:
        """Something has happened to a run; it is told soon."""
        self._moved[run_id] = (tenant, what)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._tell(), name="sorbus-pipelines-live")

    def say(self, run_id: UUID, tenant: str) -> None:
        """Something was said to a run; whoever conducts it should hear it at once."""
        self._announce(run_id, tenant, SAID)

    async def _tell(self) -> None:
        while self._moved:
            self._flush()
            await asyncio.sleep(_EVERY)

    def _flush(self) -> None:
        moved, self._moved = self._moved, {}
        for run_id, (tenant, what) in moved.items():
            self._announce(run_id, tenant, what)

    async def close(self) -> None:
        """Tell what waits, and stop."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._flush()
