"""The shapes written directly on Procrastinate: a task for each stage that defers the next one with what it gave.

The join of a diamond is counted in a row, on the connections of the same size of pool.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import orjson
from procrastinate import App, PsycopgConnector
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool
from rows import uuid7
from serving import Command, serve
from shapes import CHAIN, DIAMOND, SIDES, TEXT, Clock, Part, following, joining, opening, shape_commands

TABLE = """
CREATE TABLE IF NOT EXISTS runs (
    id uuid PRIMARY KEY, shape text NOT NULL, state text NOT NULL, waits integer NOT NULL DEFAULT 0,
    parts jsonb NOT NULL DEFAULT '[]', result jsonb, inserted_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
)
"""
START = "INSERT INTO runs (id, shape, state, waits) VALUES (%s, %s, 'running', %s)"
GIVE = "UPDATE runs SET waits = waits - 1, parts = parts || %s WHERE id = %s RETURNING waits, parts"
FINISH = "UPDATE runs SET state = 'completed', result = %s, finished_at = now() WHERE id = %s"
LAST = "SELECT result FROM runs WHERE shape = %s ORDER BY inserted_at DESC LIMIT 1"
CONCURRENT = 200


async def autocommit(connection: Any) -> None:
    """Single statements need no transaction around them."""
    await connection.set_autocommit(True)


class ProcrastinateShapes:
    """Procrastinate."""

    async def open(self, url: str) -> None:
        """Make the tables and start the worker."""
        self.pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            url, min_size=20, max_size=20, open=False, configure=autocommit
        )
        self.ended: dict[str, asyncio.Future[None]] = {}
        connector = PsycopgConnector(
            json_dumps=orjson.dumps, json_loads=orjson.loads, pool_factory=lambda **_: self.pool
        )
        self.app = App(connector=connector)
        self.register()
        await self.app.open_async()
        await self.app.schema_manager.apply_schema_async()
        await self.execute(TABLE)
        self.worker = asyncio.create_task(
            self.app.run_worker_async(concurrency=CONCURRENT, install_signal_handlers=False)
        )

    async def close(self) -> None:
        """Stop the worker."""
        self.worker.cancel()
        with suppress(asyncio.CancelledError):
            await self.worker
        await self.app.close_async()

    def register(self) -> None:
        """The tasks."""
        task = self.app.task

        @task(name="first")
        async def first(run: str, text: str) -> None:
            await second.defer_async(run=run, part=opening(text))

        @task(name="second")
        async def second(run: str, part: Part) -> None:
            await third.defer_async(run=run, part=following(part))

        @task(name="third")
        async def third(run: str, part: Part) -> None:
            await self.finish(run, following(part))

        @task(name="head")
        async def head(run: str, text: str) -> None:
            args = {"run": run, "part": opening(text)}
            await side.batch_defer_async(*(args for _ in range(SIDES)))

        @task(name="side")
        async def side(run: str, part: Part) -> None:
            async with self.pool.connection() as connection, connection.transaction():
                cursor = await connection.execute(GIVE, (Jsonb([following(part)], dumps=orjson.dumps), run))
                waits, parts = await cursor.fetchone()
                if waits == 0:
                    await join.configure(connection=connection).defer_async(run=run, parts=parts)

        @task(name="join")
        async def join(run: str, parts: list[Part]) -> None:
            await self.finish(run, joining(parts))

        self.heads = {CHAIN: first, DIAMOND: head}

    def commands(self) -> dict[str, Command]:
        """Those of the shapes."""
        return shape_commands({name: partial(self.run, name) for name in (CHAIN, DIAMOND)}, self.check)

    async def execute(self, statement: str, args: Sequence[Any] = ()) -> Any:
        """Run one statement; its first row, if it has any."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(statement, args)
            return await cursor.fetchone() if cursor.description else None

    async def finish(self, run: str, result: Part) -> None:
        """The run is complete."""
        await self.execute(FINISH, (Jsonb(result, dumps=orjson.dumps), run))
        self.ended[run].set_result(None)

    async def run(self, shape: str, number: int) -> float:
        """One run from its start to its completion, in seconds."""
        del number
        clock, run = Clock(), str(uuid7())
        waiting = self.ended[run] = asyncio.get_running_loop().create_future()
        async with self.pool.connection() as connection, connection.transaction():
            await connection.execute(START, (run, shape, SIDES))
            await self.heads[shape].configure(connection=connection).defer_async(run=run, text=TEXT)
        await waiting
        del self.ended[run]
        return clock.seconds()

    async def check(self) -> dict[str, Any]:
        """What the newest run of each shape has found, and how many are not complete."""
        found: dict[str, Any] = {}
        for name in (CHAIN, DIAMOND):
            await self.run(name, 0)
            (found[name],) = await self.execute(LAST, (name,))
        (unfinished,) = await self.execute("SELECT count(*) FROM runs WHERE state <> 'completed'")
        return {**found, "unfinished": unfinished}


if __name__ == "__main__":
    serve(ProcrastinateShapes())
