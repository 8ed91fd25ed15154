"""Asking again: back-off with jitter, the wait that a provider demands, and the next model of a chain."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sorbus.errors.base import FrameworkError, SorbusError
from sorbus.errors.llm import AllModelsFailed, ModelError, ModelUnavailable, PromptTooLong, RateLimited
from sorbus.llm.config import Retries


@dataclass(slots=True)
class Attempts:
    """How often a provider was asked so far."""

    count: int = 0


async def retrying[T](ask: Callable[[], Awaitable[T]], *, retries: Retries, attempts: Attempts) -> T:
    """The answer of the first attempt that succeeds.

    Only a broken connection, a server error and a rate limit are tried again: a time limit that has passed, a
    refused request or a wrong key would end the same way.

    Raises:
        ModelUnavailable, RateLimited: the attempts ran out, or the provider demands a longer wait than is
            allowed.
    """
    while True:
        attempts.count += 1
        try:
            return await ask()
        except (ModelUnavailable, RateLimited) as error:
            seconds = wait_before(attempts.count + 1, retries=retries, demanded=error.retry_after)
            if seconds is None:
                raise error.after(attempts.count) from error
        await asyncio.sleep(seconds)


async def first_answer[T](names: Sequence[str], ask: Callable[[str], Awaitable[T]]) -> T:
    """The answer of the first model of a chain that gives one.

    Raises:
        AllModelsFailed: none does; of a chain of one, its own error.
    """
    failed: list[tuple[str, SorbusError]] = []
    for name in names:
        try:
            return await ask(name)
        except (ModelError, FrameworkError, PromptTooLong) as error:
            if len(names) == 1:
                raise
            failed.append((name, error))
    raise AllModelsFailed(failed) from failed[-1][1]


def wait_before(attempt: int, *, retries: Retries, demanded: float | None) -> float | None:
    """Seconds to wait before an attempt (the second is 2), or None when it must not be made."""
    if attempt > retries.attempts:
        return None
    if demanded is not None:
        return demanded if demanded <= retries.max_wait else None
    longest = min(retries.cap, retries.base * 2.0 ** (attempt - 2))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  # jitter, not a secret
