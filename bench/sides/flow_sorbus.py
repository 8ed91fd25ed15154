"""Three forms of the same three stages on Sorbus: a job for each, a run of a pipeline, one stage that does all."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from mail import scripted_client
from serving import Command, burst, serve
from shapes import TEXT, Clock, following, opening
from shapes_sorbus import CONCURRENT, Part

from sorbus import Domain, Policies, Resource, Scope, action, actor_present, authorize_if, policy
from sorbus.jobs import JobContext, Jobs, NewJob, insert_job
from sorbus.pipelines import Content, Pipeline, Pipelines, Run, StageContent, pipeline_application, stage
from sorbus.pipelines.running.events import EventKind, RunEvent
from sorbus.types.uuid7 import uuid7

TABLE = """
CREATE TABLE IF NOT EXISTS flow_runs (
    id uuid PRIMARY KEY, state text NOT NULL DEFAULT 'running', outputs jsonb NOT NULL DEFAULT '[]'
)
"""
KEEP = "UPDATE flow_runs SET outputs = outputs || $2::jsonb, state = $3 WHERE id = $1"
LAST = 2
SECONDS = {"work": 0.0}
"""How long each stage waits for the outside world."""


async def work(number: int, part: dict[str, Any]) -> dict[str, Any]:
    """What a stage does."""
    if SECONDS["work"]:
        await asyncio.sleep(SECONDS["work"])
    return following(part) if number else opening(part["text"])


class Flow(Resource):
    """The stages."""

    @action.generic
    @classmethod
    async def first(cls, scope: Scope, content: StageContent) -> Part:
        """The first."""
        return Part(**await work(0, {"text": content.text}))

    @action.generic
    @classmethod
    async def second(cls, scope: Scope, first: Part) -> Part:
        """The second."""
        return Part(**await work(1, {"text": first.text, "words": first.words}))

    @action.generic
    @classmethod
    async def third(cls, scope: Scope, second: Part) -> Part:
        """The third."""
        return Part(**await work(2, {"text": second.text, "words": second.words}))

    @action.generic
    @classmethod
    async def together(cls, scope: Scope, content: StageContent) -> Part:
        """All three in memory."""
        part: dict[str, Any] = {"text": content.text}
        for number in range(3):
            part = await work(number, part)
        return Part(**part)

    policies = Policies(policy("generic", authorize_if(actor_present())))


LEASE = Pipeline("lease", stages=[stage(Flow.first), stage(Flow.second), stage(Flow.third)])
STREAM = Pipeline("stream", stages=[stage(Flow.together)])


class FlowSide:
    """Sorbus."""

    async def open(self, url: str) -> None:
        """Open the application with its jobs, and ingest a content."""
        self.app = pipeline_application(
            domains=[Domain("flow", resources=[Flow])],
            pipelines=[LEASE, STREAM],
            models=scripted_client,
            concurrency=CONCURRENT,
            database_url=url,
            auto_migrate=True,
            pool_size=10,
        )
        self.jobs = self.app.service(Jobs)
        self.jobs.register("flow.stage", self.job, queue="flow", limit=CONCURRENT)
        await self.app.open()
        self.pool = self.app.database.pool
        async with self.pool.connection() as connection:
            await connection.execute(TABLE)
        self.ended: dict[UUID, asyncio.Future[None]] = {}
        self.app.service(Pipelines).observe(self.note)
        self.scope = self.app.scope(actor="bench", tenant="bench")
        self.content = await Content.ingest(self.scope, source_type="text", external_id="1", text=TEXT)

    async def close(self) -> None:
        """Stop the jobs and close the application."""
        await self.app.close()

    def commands(self) -> dict[str, Command]:
        """`burst` and `check`."""
        return {"burst": self.burst, "check": self.check}

    async def burst(self, *, way: str, runs: int, seconds: float) -> dict[str, Any]:
        """Many runs at once in one of the ways."""
        SECONDS["work"] = seconds
        return await burst(self.chained if way == "jobs" else lambda number: self.run(way, number), runs=runs)

    def note(self, event: RunEvent) -> None:
        """An observer: wake who waits for the run."""
        if event.kind is EventKind.FAILED:
            self.future(event.run_id).set_exception(RuntimeError(event.error))
        elif event.kind is EventKind.COMPLETED:
            self.future(event.run_id).set_result(None)

    def future(self, run: UUID) -> asyncio.Future[None]:
        """What ends with a run."""
        return self.ended.setdefault(run, asyncio.get_running_loop().create_future())

    async def run(self, way: str, number: int) -> float:
        """A run of a pipeline."""
        del number
        clock = Clock()
        run = await Run.start(self.scope, content_id=self.content.id, pipeline=way)
        await self.future(run.id)
        del self.ended[run.id]
        return clock.seconds()

    async def chained(self, number: int) -> float:
        """A job for each stage, which commits what it gave together with the next job and its own end."""
        del number
        clock, run = Clock(), uuid7()
        ended = self.future(run)
        async with self.pool.transaction() as connection:
            await connection.execute("INSERT INTO flow_runs (id) VALUES ($1)", run)
            await insert_job(connection, self.next(str(run), 0, {"text": TEXT}))
        self.jobs.wake({"flow"})
        await ended
        del self.ended[run]
        return clock.seconds()

    @staticmethod
    def next(run: str, number: int, part: dict[str, Any]) -> NewJob:
        """The job of a stage."""
        return NewJob("flow.stage", {"run": run, "number": number, "part": part}, queue="flow")

    async def job(self, job: JobContext) -> None:
        """One stage."""
        run, number = job.args["run"], job.args["number"]
        part = await work(number, job.args["part"])
        async with self.pool.transaction() as connection:
            await connection.execute(KEEP, UUID(run), [part], "done" if number == LAST else "running")
            if number < LAST:
                await insert_job(connection, self.next(run, number + 1, part))
            await job.ack_in(connection)
        if number < LAST:
            self.jobs.wake({"flow"})
        else:
            self.future(UUID(run)).set_result(None)

    async def check(self) -> dict[str, Any]:
        """What each way finds."""
        SECONDS["work"] = 0.0
        found: dict[str, Any] = {}
        for way, last in (("lease", "third"), ("stream", "together")):
            await self.run(way, 0)
            query = Run.query(self.scope).where(Run.pipeline == way).load(Run.result)
            newest = (await query.order_by(Run.inserted_at.desc()).limit(1).all())[0]
            found[way] = newest.result and newest.result.data[last]
        await self.chained(0)
        async with self.pool.connection() as connection:
            outputs = await connection.fetchval("SELECT outputs FROM flow_runs ORDER BY id DESC LIMIT 1")
        return {**found, "jobs": outputs[-1]}


if __name__ == "__main__":
    serve(FlowSide())
