"""Starting, cancelling and resuming runs: what belongs into the action's own transaction."""

from __future__ import annotations

from typing import Any

from sorbus.errors.pipelines import PipelinesNotStarted


class Starter:
    """What the actions of `Run` need from the running pipelines; the component `Pipelines` is the one there is."""

    def version_of(self, pipeline: str) -> int:
        """The current version of a pipeline.

        Raises:
            NoSuchPipeline: the application has none of this name.
        """
        raise PipelinesNotStarted

    async def enqueue(self, run: Any) -> None:
        """Write a run's stages (those that are not there yet) and the job that advances it."""
        raise PipelinesNotStarted

    async def cancel(self, run: Any) -> None:
        """Cancel a run's job."""
        raise PipelinesNotStarted
