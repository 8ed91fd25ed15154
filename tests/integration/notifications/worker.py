"""A node that writes durable letters and dies between the commit and the relay: `worker.py URL COUNT`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from tests.integration.notifications.post import Registered, application

from sorbus.data_layers.postgres.outbox import PostgresOutbox


def die(self: PostgresOutbox) -> None:
    """What runs right after the commit."""
    os.kill(os.getpid(), signal.SIGKILL)


async def main(url: str, count: int) -> None:
    """Write all but the last as usual, in one transaction, and die at its commit."""
    async with application(url) as app:
        hub = app._hub
        assert hub is not None
        assert hub.outbox is not None
        PostgresOutbox.wake = die  # type: ignore[method-assign]
        async with app.transaction():
            for number in range(count):
                await Registered.write(app.system_scope(), box="a", number=number)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
