"""Starting, cancelling and resuming runs: what belongs into the action's own transaction."""

from __future__ import annotations

from typing import Any, Protocol


class Starter(Protocol):
    """What the actions of `Run` need from the running pipelines."""

    def version_of(self, pipeline: str) -> int:
        """The current version of a pipeline; raises `NoSuchPipeline`."""
        ...

    async def enqueue(self, run: Any) -> None:
        """Write a run's stages (those that are not there yet) and the job that advances it."""
        ...

    async def cancel(self, run: Any) -> None:
        """Cancel a run's job."""
        ...
