"""Patience: statements that may meet somebody's transaction over the same rows in another order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sorbus.data_layers.postgres.faults import translate_limited
from sorbus.errors.database import Deadlock

_DEADLOCKS = 4


async def patient[Found](work: Callable[[], Awaitable[Found]]) -> Found:
    """Do work in the database, and do it again after a deadlock: it did nothing then.

    Args:
        work: one statement, or one transaction.

    Raises:
        SorbusError: what the database says otherwise; a Deadlock after four of them.
    """
    for left in reversed(range(_DEADLOCKS)):
        try:
            return await work()
        except Exception as error:
            known = translate_limited(error)
            if isinstance(known, Deadlock) and left:
                continue
            if known is None:
                raise
            raise known from error
    raise AssertionError("the last attempt answers or raises")
