"""The shapes on Sorbus: plain actions as stages, runs started through a scope."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any
from uuid import UUID

import psutil
import shapes
from mail import scripted_client
from serving import Command, serve
from shapes import CHAIN, DIAMOND, TEXT, Clock, shape_commands

from sorbus import Domain, Policies, Resource, Scope, Sorbus, action, actor_present, authorize_if, policy
from sorbus.pipelines import (
    Content,
    Pipeline,
    Pipelines,
    Run,
    RunState,
    StageContent,
    pipeline_application,
    stage,
)
from sorbus.pipelines.running.events import EventKind, RunEvent

CONCURRENT = 200


@dataclass(frozen=True, slots=True)
class Part:
    """What a stage gives."""

    text: str
    words: int


class Shapes(Resource):
    """The stages."""

    @action.generic
    @classmethod
    async def opening(cls, scope: Scope, content: StageContent) -> Part:
        """The first."""
        return Part(**shapes.opening(content.text))

    @action.generic
    @classmethod
    async def following(cls, scope: Scope, part: Part) -> Part:
        """One in the middle."""
        return Part(**shapes.following(asdict(part)))

    @action.generic
    @classmethod
    async def joining(cls, scope: Scope, s1: Part, s2: Part, s3: Part, s4: Part, s5: Part, s6: Part) -> Part:
        """The last of a diamond."""
        return Part(**shapes.joining([asdict(each) for each in (s1, s2, s3, s4, s5, s6)]))

    policies = Policies(policy("generic", authorize_if(actor_present())))


first = stage(Shapes.opening)
second = stage(Shapes.following, name="second", takes={"part": first})
chain = Pipeline(CHAIN, stages=[first, second, stage(Shapes.following, name="third", takes={"part": second})])
sides = [stage(Shapes.following, name=f"s{number}", takes={"part": first}) for number in range(1, 7)]
diamond = Pipeline.graph(DIAMOND, stages=[first, *sides, stage(Shapes.joining)])


def application(url: str, *, run_jobs: bool = True) -> Sorbus:
    """The application with both shapes."""
    return pipeline_application(
        domains=[Domain("shapes", resources=[Shapes])],
        pipelines=[chain, diamond],
        models=scripted_client,
        concurrency=CONCURRENT,
        run_jobs=run_jobs,
        database_url=url,
        auto_migrate=True,
        pool_size=10,
    )


class SorbusShapes:
    """Sorbus."""

    async def open(self, url: str) -> None:
        """Open the application with its jobs, and ingest a content."""
        self.url = url
        self.app = application(url)
        await self.app.open()
        self.ended: dict[UUID, asyncio.Future[None]] = {}
        self.app.service(Pipelines).observe(self.note)
        self.scope = self.app.scope(actor="bench", tenant="bench")
        self.content = await Content.ingest(self.scope, source_type="text", external_id="1", text=TEXT)

    async def close(self) -> None:
        """Stop the jobs and close the application."""
        await self.app.close()

    def note(self, event: RunEvent) -> None:
        """An observer: wake who waits for the run."""
        if event.kind in (EventKind.COMPLETED, EventKind.FAILED):
            waiting = self.ended.setdefault(event.run_id, asyncio.get_running_loop().create_future())
            if event.kind is EventKind.FAILED:
                waiting.set_exception(RuntimeError(event.error))
            else:
                waiting.set_result(None)

    def commands(self) -> dict[str, Command]:
        """Those of the shapes, and `resident`."""
        runs = {name: partial(self.run, name) for name in (CHAIN, DIAMOND)}
        return {**shape_commands(runs, self.check), "resident": self.resident}

    async def run(self, shape: str, number: int) -> float:
        """One run from its start to its completion, in seconds."""
        del number
        clock = Clock()
        run = await Run.start(self.scope, content_id=self.content.id, pipeline=shape)
        # It may have ended before the start returned.
        await self.ended.setdefault(run.id, asyncio.get_running_loop().create_future())
        del self.ended[run.id]
        return clock.seconds()

    async def check(self) -> dict[str, Any]:
        """What the newest run of each shape has found, and how many are not complete."""
        found: dict[str, Any] = {}
        for name in (CHAIN, DIAMOND):
            await self.run(name, 0)
            query = Run.query(self.scope).where(Run.pipeline == name).load(Run.result)
            newest = (await query.order_by(Run.inserted_at.desc()).limit(1).all())[0]
            last = "third" if name == CHAIN else "joining"
            found[name] = newest.result and newest.result.data[last]
        unfinished = await Run.query(self.scope).where(Run.state != RunState.COMPLETED).count()
        return {**found, "unfinished": unfinished}

    async def resident(self) -> dict[str, Any]:
        """How much memory the process holds, in MB."""
        return {"megabytes": psutil.Process().memory_info().rss / 1e6}


if __name__ == "__main__":
    serve(SorbusShapes())
