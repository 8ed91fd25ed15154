"""The suite `delivery`: another node, which writes at a steady rate by actions."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid4

from delivery_app import Person, State, Ticket, application
from serving import Command, serve


class WriterSide:
    """Writes tickets: every other one is new, the others are changed once each."""

    async def open(self, url: str) -> None:
        """Open the node."""
        self.stack = AsyncExitStack()
        self.app = await self.stack.enter_async_context(application(url))

    async def close(self) -> None:
        """Close it."""
        await self.stack.aclose()

    def commands(self) -> dict[str, Command]:
        """`prepare` what will be changed, and `write` at a rate."""
        return {"prepare": self.prepare, "write": self.write}

    async def prepare(self, *, people: list[list[str]], count: int) -> dict[str, Any]:
        """Write the tickets that will be changed.

        Args:
            people: the organisation and id of everybody who owns tickets, in turn.
        """
        self.owners = owners = [(UUID(org), UUID(person)) for org, person in people]
        self.there = {number: await self._add(owners, number, 0) for number in range(1, count, 2)}
        return {}

    async def write(self, *, rate: float, count: int) -> dict[str, Any]:
        """Write a number of events at a rate, event n on time `n / rate`."""
        owners, there = self.owners, self.there
        began, late = time.monotonic(), 0.0
        running: set[asyncio.Task[Any]] = set()
        for number in range(count):
            wait = began + number / rate - time.monotonic()
            late = max(late, -wait)
            if wait > 0:
                await asyncio.sleep(wait)
            made = (
                self._touch(owners, number, there[number]) if number in there else self._new(owners, number)
            )
            task = asyncio.create_task(made)
            running.add(task)
            task.add_done_callback(running.discard)
        if running:
            await asyncio.wait(running)
        return {"seconds": time.monotonic() - began, "late_ms": late * 1e3}

    async def _new(self, owners: list[tuple[UUID, UUID]], number: int) -> None:
        await self._add(owners, number, time.monotonic_ns())

    async def _add(self, owners: list[tuple[UUID, UUID]], number: int, stamp: int) -> Any:
        org, person = owners[number % len(owners)]
        return await Ticket.add(
            self.app.scope(actor=Person(uuid4()), tenant=org),
            owner_id=person,
            state=State.DRAFT if number % 4 > 1 else State.OPEN,
            title=f"Ticket {number}",
            number=number,
            stamp=stamp,
        )

    async def _touch(self, owners: list[tuple[UUID, UUID]], number: int, ticket: Any) -> None:
        org, _ = owners[number % len(owners)]
        await ticket.touch(self.app.scope(actor=Person(uuid4()), tenant=org), stamp=time.monotonic_ns())


if __name__ == "__main__":
    serve(WriterSide())
