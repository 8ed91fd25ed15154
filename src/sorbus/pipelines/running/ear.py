"""What is said to a run while its conductor waits for the work in hand."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING
from uuid import UUID

from sorbus.engine.notifications import Notification
from sorbus.errors.base import SorbusError
from sorbus.pipelines.running.events import EventKind

if TYPE_CHECKING:
    from sorbus.resource.application import Sorbus

logger = logging.getLogger(__name__)

_KINDS = frozenset(EventKind)


class Ear:
    """Listens to the words for one run from all nodes: values, permits, a pause.

    Args:
        run_id, tenant: the run.
    """

    def __init__(self, app: Sorbus, run_id: UUID, tenant: str) -> None:
        self.heard = asyncio.Event()
        self._app = app
        self._topic = f"run:{run_id}"
        self._tenant = tenant
        self._task = asyncio.get_running_loop().create_task(self._listen(), name="sorbus-pipelines-ear")

    async def close(self) -> None:
        """Stop listening."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self) -> None:
        try:
            scope = self._app.system_scope(tenant=self._tenant)
            async with self._app.subscribe(self._topic, scope) as events:
                # What was said before this moment was told to nobody.
                self.heard.set()
                async for event in events:
                    # What the conductor itself announces is no word.
                    if not isinstance(event, Notification) or event.action not in _KINDS:
                        self.heard.set()
        except SorbusError as error:
            # Without ears it hears at its next checkpoint.
            logger.warning("nothing is heard of what is said to a run: %s", error)
