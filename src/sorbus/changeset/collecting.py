"""The changeset of the running body, so that `require(expression, …)` finds it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from sorbus.changeset.changeset import Changeset

_running: ContextVar[Changeset | None] = ContextVar("sorbus_changeset", default=None)


@contextmanager
def collecting(changeset: Changeset) -> Generator[None]:
    """What is required inside the block is required of this changeset."""
    token = _running.set(changeset)
    try:
        yield
    finally:
        _running.reset(token)


def running() -> Changeset | None:
    """The changeset whose body runs in this task, or None."""
    return _running.get()
