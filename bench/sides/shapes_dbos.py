"""The shapes on DBOS: asynchronous workflows of steps, started in the process, whose outputs DBOS records."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import shapes
from dbos import DBOS, DBOSConfig
from serving import Command, serve
from shapes import CHAIN, DIAMOND, SIDES, TEXT, Clock, shape_commands

POOL = 10


@DBOS.step()
async def opening(text: str) -> shapes.Part:
    """The first."""
    return shapes.opening(text)


@DBOS.step()
async def following(part: shapes.Part) -> shapes.Part:
    """One in the middle."""
    return shapes.following(part)


@DBOS.step()
async def joining(parts: list[shapes.Part]) -> shapes.Part:
    """The last of a diamond."""
    return shapes.joining(parts)


@DBOS.workflow()
async def chain(text: str) -> shapes.Part:
    """Three steps."""
    return await following(await following(await opening(text)))


@DBOS.workflow()
async def diamond(text: str) -> shapes.Part:
    """One, six side by side, one. Started in the same order each time, as DBOS asks for."""
    part = await opening(text)
    parts = await asyncio.gather(*(following(part) for _ in range(SIDES)))
    return await joining(list(parts))


WORKFLOWS: dict[str, Any] = {CHAIN: chain, DIAMOND: diamond}


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
        DBOS(config=config)
        DBOS.launch()

    async def close(self) -> None:
        """Stop it."""
        DBOS.destroy()

    def commands(self) -> dict[str, Command]:
        """Those of the shapes."""
        return shape_commands({name: partial(self.run, name) for name in WORKFLOWS}, self.check)

    async def run(self, shape: str, number: int) -> float:
        """One run from its start to its completion, in seconds."""
        del number
        clock = Clock()
        handle = await DBOS.start_workflow_async(WORKFLOWS[shape], TEXT)
        await handle.get_result()
        return clock.seconds()

    async def check(self) -> dict[str, Any]:
        """What a run of each shape finds, and how many are not complete."""
        found: dict[str, Any] = {}
        for name, workflow in WORKFLOWS.items():
            handle = await DBOS.start_workflow_async(workflow, TEXT)
            found[name] = await handle.get_result()
        unfinished = await DBOS.list_workflows_async(
            status=["PENDING", "ENQUEUED", "ERROR"], load_input=False
        )
        return {**found, "unfinished": len(unfinished)}


if __name__ == "__main__":
    serve(DbosShapes())
