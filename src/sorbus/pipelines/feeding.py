"""Feeding: loops that start many runs, and wait where the application has enough to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sorbus.errors.flow import BacklogFull
from sorbus.pipelines.resources.starting import Starter
from sorbus.scope import Scope


async def when_free[T](
    scope: Scope,
    start: Callable[[], Awaitable[T]],
    *,
    within: float | None = None,
    waits: Callable[[BacklogFull], object] | None = None,
) -> T:
    """Start a run, and wait for room first where the backlog of the application is full.

    `run = await when_free(scope, lambda: Run.start(scope, content_id=content.id, pipeline="reading"))`

    Those that wait in one process for one tenant are let in in their order. Inside a transaction nobody waits: it would
    be kept open, so the run is refused there as it is without this.

    Args:
        start: starts the run; it is called again after each refusal.
        within: seconds to wait at most; None for no limit.
        waits: told once, when it begins to wait.

    Raises:
        BacklogFull: there was no room in that time.
    """
    try:
        return await start()
    except BacklogFull as error:
        full = error
    if waits is not None:
        waits(full)
    limit = asyncio.timeout(within)
    try:
        async with limit:
            return await scope.get(Starter).waited(scope, start)
    except TimeoutError as error:
        if limit.expired():
            raise full from error
        raise
