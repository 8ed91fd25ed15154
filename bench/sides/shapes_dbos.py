"""The shapes on DBOS: workflows of steps, started in the process, whose outputs DBOS records.

The chain is written with plain functions, each run in a thread, which is half as quick again as the asynchronous kind.
What goes side by side has to be asynchronous; as plain steps, one after the other, it would be twice as quick.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import shapes
from dbos import DBOS, DBOSConfig
from serving import Command, serve
from shapes import CHAIN, DIAMOND, SIDES, TEXT, Clock, shape_commands

POOL = 10
RUNS = 200


@DBOS.step()
def first(text: str) -> shapes.Part:
    """The first of a chain."""
    return shapes.opening(text)


@DBOS.step()
def following(part: shapes.Part) -> shapes.Part:
    """The second and the third."""
    return shapes.following(part)


@DBOS.workflow()
def chain(text: str) -> shapes.Part:
    """Three steps."""
    return following(following(first(text)))


@DBOS.step()
async def head(text: str) -> shapes.Part:
    """The first of a diamond."""
    return shapes.opening(text)


@DBOS.step()
async def side(part: shapes.Part) -> shapes.Part:
    """One of the six."""
    return shapes.following(part)


@DBOS.step()
async def join(parts: list[shapes.Part]) -> shapes.Part:
    """The last of a diamond."""
    return shapes.joining(parts)


@DBOS.workflow()
async def diamond(text: str) -> shapes.Part:
    """One, six side by side, one. Started in the same order each time, as DBOS asks for."""
    part = await head(text)
    parts = await asyncio.gather(*(side(part) for _ in range(SIDES)))
    return await join(list(parts))


class DbosShapes:
    """DBOS."""

    async def open(self, url: str) -> None:
        """Make its tables and launch it."""
        config: DBOSConfig = {
            "name": "bench",
            "system_database_url": url.replace("postgresql://", "postgresql+psycopg://"),
            "sys_db_pool_size": POOL,
            "log_level": "WARNING",
        }
        self.threads = ThreadPoolExecutor(RUNS)
        DBOS(config=config)
        DBOS.launch()

    async def close(self) -> None:
        """Stop it."""
        DBOS.destroy()
        self.threads.shutdown()

    def commands(self) -> dict[str, Command]:
        """Those of the shapes."""
        return shape_commands({name: partial(self.run, name) for name in (CHAIN, DIAMOND)}, self.check)

    async def run(self, shape: str, number: int) -> float:
        """One run from its start to its completion, in seconds."""
        del number
        clock = Clock()
        await self.result(shape)
        return clock.seconds()

    async def result(self, shape: str) -> shapes.Part:
        """Start a run and wait for what it finds."""
        if shape == CHAIN:
            start = partial(DBOS.start_workflow, chain, TEXT)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self.threads, lambda: start().get_result())
        handle = await DBOS.start_workflow_async(diamond, TEXT)
        return await handle.get_result()

    async def check(self) -> dict[str, Any]:
        """What a run of each shape finds, and how many are not complete."""
        found: dict[str, Any] = {name: await self.result(name) for name in (CHAIN, DIAMOND)}
        unfinished = await DBOS.list_workflows_async(
            status=["PENDING", "ENQUEUED", "ERROR"], load_input=False
        )
        return {**found, "unfinished": len(unfinished)}


if __name__ == "__main__":
    serve(DbosShapes())
