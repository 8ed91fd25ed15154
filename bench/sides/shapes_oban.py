"""The shapes written directly on Oban, as its own documentation teaches: a job for each stage, in fast form.

What a stage of a chain gives travels in the arguments of the next job, which are durable: one statement. Those side
by side are enqueued in one transaction; each writes what it gives and counts the run's row down in one, and the one
that brings it to nothing enqueues the join in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import orjson
from oban import Job, Oban, worker
from oban.schema import install
from psycopg.types.json import Jsonb, set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool
from rows import uuid7
from serving import Command, serve
from shapes import CHAIN, DIAMOND, SIDES, TEXT, Clock, following, joining, opening, shape_commands

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


class ObanShapes:
    """Oban."""

    async def open(self, url: str) -> None:
        """Make the table and start the workers."""
        set_json_dumps(orjson.dumps)
        set_json_loads(orjson.loads)
        self.pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            url, min_size=20, max_size=20, open=False, kwargs={"autocommit": True}
        )
        await self.pool.open()
        await install(self.pool)
        await self.execute(TABLE)
        self.ended: dict[str, asyncio.Future[None]] = {}
        self.oban = Oban(pool=self.pool, queues={"shapes": 200})
        HERE.append(self)
        await self.oban.start()

    async def close(self) -> None:
        """Stop the workers."""
        await self.oban.stop()
        await self.pool.close()

    def commands(self) -> dict[str, Command]:
        """Those of the shapes."""
        return shape_commands({name: partial(self.run, name) for name in (CHAIN, DIAMOND)}, self.check)

    async def execute(self, statement: str, args: Sequence[Any] = ()) -> Any:
        """Run one statement; its first row, if it has any."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(statement, args)
            return await cursor.fetchone() if cursor.description else None

    async def finish(self, run: str, result: Any) -> None:
        """The run is complete."""
        await self.execute(FINISH, (Jsonb(result), run))
        self.ended[run].set_result(None)

    async def run(self, shape: str, number: int) -> float:
        """One run from its start to its completion, in seconds."""
        del number
        clock, run = Clock(), str(uuid7())
        waiting = self.ended[run] = asyncio.get_running_loop().create_future()
        head: Any = First if shape == CHAIN else Head
        async with self.pool.connection() as connection, connection.transaction():
            await connection.execute(START, (run, shape, SIDES))
            await self.oban.enqueue(head.new({"run": run, "text": TEXT}), conn=connection)
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


HERE: list[ObanShapes] = []


@worker(queue="shapes")
class First:
    """The first stage of a chain."""

    async def process(self, job: Job) -> None:
        """Do it, and enqueue what follows with what it gave."""
        following_job: Any = Second
        part = opening(job.args["text"])
        await HERE[0].oban.enqueue(following_job.new({"run": job.args["run"], "part": part}))


@worker(queue="shapes")
class Second:
    """The second."""

    async def process(self, job: Job) -> None:
        """Do it, and enqueue what follows with what it gave."""
        following_job: Any = Third
        part = following(job.args["part"])
        await HERE[0].oban.enqueue(following_job.new({"run": job.args["run"], "part": part}))


@worker(queue="shapes")
class Third:
    """The third."""

    async def process(self, job: Job) -> None:
        """Do it, and finish the run."""
        await HERE[0].finish(job.args["run"], following(job.args["part"]))


@worker(queue="shapes")
class Head:
    """The first stage of a diamond."""

    async def process(self, job: Job) -> None:
        """Do it, and enqueue the six."""
        side_job: Any = Side
        args = {"run": job.args["run"], "part": opening(job.args["text"])}
        here = HERE[0]
        async with here.pool.connection() as connection, connection.transaction():
            await here.oban.enqueue_many(*(side_job.new(args) for _ in range(SIDES)), conn=connection)


@worker(queue="shapes")
class Side:
    """One of the six."""

    async def process(self, job: Job) -> None:
        """Do it, write what it gave and count down; the last one enqueues the join."""
        join_job: Any = Join
        part, run, here = following(job.args["part"]), job.args["run"], HERE[0]
        async with here.pool.connection() as connection, connection.transaction():
            cursor = await connection.execute(GIVE, (Jsonb([part]), run))
            waits, parts = await cursor.fetchone()
            if waits == 0:
                await here.oban.enqueue(join_job.new({"run": run, "parts": parts}), conn=connection)


@worker(queue="shapes")
class Join:
    """The last stage of a diamond."""

    async def process(self, job: Job) -> None:
        """Do it, and finish the run."""
        await HERE[0].finish(job.args["run"], joining(job.args["parts"]))


if __name__ == "__main__":
    serve(ObanShapes())
