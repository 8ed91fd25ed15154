"""The time that one call of a stage's action may take, and the difference between its cancellation and ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from sorbus.errors.base import UnknownError
from sorbus.errors.pipelines import StageTimedOut


async def bounded(work: Awaitable[Any], *, pipeline: str, stage: str, seconds: float | None) -> Any:
    """What some work of a stage gives.

    Raises:
        StageTimedOut: it took longer than it may.
        UnknownError: something that it waited for was cancelled.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await work
    except TimeoutError as error:
        if limit.expired() and seconds is not None:
            raise StageTimedOut(pipeline, stage, seconds) from error
        raise
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # Nobody cancelled this run: something that the stage waited for was cancelled.
        raise UnknownError("The stage ended with a CancelledError of its own.") from error
