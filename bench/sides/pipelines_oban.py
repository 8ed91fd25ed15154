"""The pipelines suite written directly on Oban, as its own documentation teaches.

One job for each stage; its output is saved and the next job enqueued in one transaction. The work in a stage is the
same functions of ours, with the same scripted model and without recording the calls.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from mail import METADATA, TEXT, TITLE, scripted_client
from oban import Job, Oban, worker
from oban.schema import install
from psycopg.types.json import Jsonb, set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool
from pydantic import TypeAdapter
from rows import uuid7
from serving import Command, burst, idle, serve

from sorbus.llm.tasks import Classification, Entities, Summary, classify_mail, extract_entities, summarize
from sorbus.pipelines.sources import quoted_reply_removed

TABLES = """
CREATE TABLE contents (
    id uuid PRIMARY KEY, title text NOT NULL, text text NOT NULL, metadata jsonb NOT NULL
);
CREATE TABLE runs (
    id uuid PRIMARY KEY, content_id uuid NOT NULL REFERENCES contents, state text NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT now(), finished_at timestamptz
);
CREATE TABLE outputs (
    run_id uuid REFERENCES runs ON DELETE CASCADE, stage text, output jsonb NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (run_id, stage)
);
CREATE TABLE results (run_id uuid PRIMARY KEY REFERENCES runs ON DELETE CASCADE, data jsonb NOT NULL)
"""
START = "INSERT INTO runs (id, content_id, state) VALUES (%s, %s, 'running')"
LOAD = "SELECT c.title, c.text, c.metadata FROM runs r JOIN contents c ON c.id = r.content_id WHERE r.id = %s"
SAVE = "INSERT INTO outputs (run_id, stage, output) VALUES (%s, %s, %s)"
RESULT = (
    "INSERT INTO results (run_id, data) SELECT run_id, jsonb_object_agg(stage, output) FROM outputs "
    "WHERE run_id = %s GROUP BY run_id"
)
FINISH = "UPDATE runs SET state = 'completed', finished_at = now() WHERE id = %s"

Task = Callable[[str, str, dict[str, Any]], Awaitable[Any]]


class Chain:
    """The stages and what they need."""

    def __init__(self, pool: AsyncConnectionPool[Any], oban: Oban) -> None:
        self.pool = pool
        self.oban = oban
        self.ended: dict[UUID, asyncio.Future[None]] = {}

    async def stage(self, job: Job, name: str, task: Task, kind: TypeAdapter[Any], following: Any) -> None:
        """Run one stage; save its output and enqueue what follows in one transaction."""
        run_id = UUID(job.args["run_id"])
        async with self.pool.connection() as connection:
            title, text, metadata = await (await connection.execute(LOAD, (run_id,))).fetchone()
        output = kind.dump_python(await task(title, text, metadata), mode="json")
        async with self.pool.connection() as connection, connection.transaction():
            await connection.execute(SAVE, (run_id, name, Jsonb(output)))
            if following is not None:
                await self.oban.enqueue(following.new(job.args), conn=connection)
            else:
                await connection.execute(RESULT, (run_id,))
                await connection.execute(FINISH, (run_id,))
        if following is None:
            self.ended.setdefault(run_id, asyncio.get_running_loop().create_future()).set_result(None)


CLIENT = scripted_client(None)
CHAINS: dict[str, Chain] = {}


def said(text: str) -> str:
    """What the writer says, without the history."""
    return quoted_reply_removed(text) or text


def headers(title: str, metadata: dict[str, Any]) -> dict[str, str]:
    """The headers that the tasks read."""
    return {"From": metadata["from"], "Subject": title}


async def extract(title: str, text: str, metadata: dict[str, Any]) -> Entities:
    """The first task."""
    return await extract_entities(CLIENT, said(text), headers=headers(title, metadata), stage="extract")


async def classify(title: str, text: str, metadata: dict[str, Any]) -> Classification:
    """The second task."""
    del metadata
    return await classify_mail(CLIENT, said(text), subject=title, stage="classify")


async def summary(title: str, text: str, metadata: dict[str, Any]) -> Summary:
    """The third task."""
    return await summarize(CLIENT, said(text), headers=headers(title, metadata), stage="summarize")


ENTITIES, CLASSIFICATION, SUMMARY = TypeAdapter(Entities), TypeAdapter(Classification), TypeAdapter(Summary)


@worker(queue="chain")
class Extract:
    """The first stage."""

    async def process(self, job: Job) -> None:
        """Do it."""
        await CHAINS["chain"].stage(job, "extract", extract, ENTITIES, Classify)


@worker(queue="chain")
class Classify:
    """The second stage."""

    async def process(self, job: Job) -> None:
        """Do it."""
        await CHAINS["chain"].stage(job, "classify", classify, CLASSIFICATION, Summarize)


@worker(queue="chain")
class Summarize:
    """The third stage."""

    async def process(self, job: Job) -> None:
        """Do it."""
        await CHAINS["chain"].stage(job, "summarize", summary, SUMMARY, None)


class ObanPipelines:
    """Oban."""

    async def open(self, url: str) -> None:
        """Make the tables and start the workers."""
        set_json_dumps(orjson.dumps)
        set_json_loads(orjson.loads)
        self.pool: AsyncConnectionPool[Any] = AsyncConnectionPool(url, min_size=10, max_size=10, open=False)
        await self.pool.open()
        await install(self.pool)
        async with self.pool.connection() as connection:
            for statement in TABLES.split(";\n"):
                await connection.execute(statement)
        self.oban = Oban(pool=self.pool, queues={"chain": 200})
        CHAINS["chain"] = self.chains = Chain(self.pool, self.oban)
        await self.oban.start()

    async def close(self) -> None:
        """Stop the workers."""
        await self.oban.stop()
        await self.pool.close()

    def commands(self) -> dict[str, Command]:
        """`prepare`, `check`, `burst` and `idle`."""
        return {
            "prepare": self.prepare,
            "check": self.check,
            "burst": partial(burst, self.chain),
            "idle": partial(idle, self.chain),
        }

    async def prepare(self, *, contents: int) -> dict[str, Any]:
        """Write the mails."""
        self.contents = [uuid7() for _ in range(contents)]
        async with self.pool.connection() as connection:
            for key in self.contents:
                insert = "INSERT INTO contents (id, title, text, metadata) VALUES (%s, %s, %s, %s)"
                await connection.execute(insert, (key, TITLE, TEXT, Jsonb(METADATA)))
        return {}

    async def chain(self, number: int) -> float:
        """One run from its start to its completion, in seconds."""
        started = time.perf_counter()
        first: Any = Extract
        run_id, content = uuid7(), self.contents[number % len(self.contents)]
        waiting = self.chains.ended[run_id] = asyncio.get_running_loop().create_future()
        async with self.pool.connection() as connection, connection.transaction():
            await connection.execute(START, (run_id, content))
            await self.oban.enqueue(first.new({"run_id": str(run_id)}), conn=connection)
        await waiting
        del self.chains.ended[run_id]
        return time.perf_counter() - started

    async def check(self) -> dict[str, Any]:
        """What one run finds, and whether all that were started are complete."""
        await self.chain(0)
        async with self.pool.connection() as connection:
            newest = "SELECT data FROM results ORDER BY run_id DESC LIMIT 1"
            (result,) = await (await connection.execute(newest)).fetchone()
            left = "SELECT count(*) FROM runs WHERE state <> 'completed'"
            (unfinished,) = await (await connection.execute(left)).fetchone()
        return {"result": result, "unfinished": unfinished}


if __name__ == "__main__":
    serve(ObanPipelines())
