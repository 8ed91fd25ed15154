"""Stages whose outputs other runs may take, and stages that must be done each time; and a process that runs them.

`thrift.py URL HANGING` works until it is killed; the stage HANGING, and an item of that text, say so and never end.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from tests.integration.pipelines.helpers import application, ingest
from tests.integration.pipelines.shapes import SOON, Doing, Split, Word, over

from sorbus import Domain, Policies, Resource, Scope, Sorbus, action, actor_present, authorize_if, policy
from sorbus.llm.client import ModelClient
from sorbus.pipelines import (
    Content,
    Pipeline,
    Run,
    StageContent,
    StageContext,
    StageFailure,
    for_each,
    repeat,
    stage,
)

LIFETIME = 90.0


class Thrift(Resource):
    """The stages."""

    @action.generic
    @classmethod
    async def read(cls, scope: Scope, content: StageContent) -> Split:
        """The words of the content."""
        found: Split = await scope.get(Doing).work(scope, content.text, Split(content.text.split()))
        return found

    @action.generic
    @classmethod
    async def each(cls, scope: Scope, item: str) -> str:
        """A word in capitals."""
        found: str = await scope.get(Doing).work(scope, item, item.upper())
        return found

    @action.generic
    @classmethod
    async def join(cls, scope: Scope, each: list[str]) -> Word:
        """The words together."""
        found: Word = await scope.get(Doing).work(scope, each, Word(" ".join(each)))
        return found

    @action.generic
    @classmethod
    async def ask(cls, scope: Scope, join: Word) -> str:
        """What the model says."""
        at = scope.get(StageContext)
        prompt = f"Improve: {join.text}"
        answer = await scope.get(ModelClient).generate_text(prompt, stage=at.stage, run=at.run_id)
        found: str = await scope.get(Doing).work(scope, join.text, answer.text)
        return found

    @action.generic
    @classmethod
    async def send(cls, scope: Scope, join: Word) -> str:
        """Something outside the database, with a key."""
        key = scope.get(StageContext).idempotency_key
        found: str = await scope.get(Doing).work(scope, join.text, f"sent with {key}")
        return found

    @action.generic(transaction=True)
    @classmethod
    async def store(cls, scope: Scope, join: Word) -> str:
        """Something inside the database."""
        found: str = await scope.get(Doing).work(scope, join.text, "stored")
        return found

    @action.generic
    @classmethod
    async def nothing(cls, scope: Scope, join: Word) -> None:
        """A stage that gives nothing."""
        await scope.get(Doing).work(scope, join.text, None)

    @action.generic
    @classmethod
    async def grow(cls, scope: Scope, join: Word, grow: str | None) -> str:
        """One round: a letter more."""
        found: str = await scope.get(Doing).work(scope, grow, (grow or join.text[:1]) + "!")
        return found

    @action.generic
    @classmethod
    async def take_back(cls, scope: Scope, bound: Word) -> None:
        """What undoes `bound`."""
        await scope.get(Doing).work(scope, bound, None)

    @action.generic
    @classmethod
    async def caught(cls, scope: Scope, failure: StageFailure) -> str:
        """What starts on a failure."""
        found: str = await scope.get(Doing).work(scope, failure, failure.code)
        return found

    policies = Policies(policy("generic", authorize_if(actor_present())))


THRIFT = Domain("thrift", resources=[Thrift])

read = stage(Thrift.read, backoff=SOON)
each = for_each(Thrift.each, over=lambda read: read.parts, backoff=SOON, attempts=2)
join = stage(Thrift.join, backoff=SOON)
grow = repeat(Thrift.grow, until=lambda grow: grow.contains("!!!"), at_most=5, backoff=SOON)


def thrift(*more: Any, version: int = 1, **options: Any) -> Pipeline:
    """A list, a stage for each item, what joins them, and further stages."""
    return Pipeline.graph("thrift", stages=[read, each, join, *more], version=version, **options)


def thrifty(url: str, doing: Doing, *pipelines: Pipeline, **options: Any) -> Sorbus:
    """An application with pipelines of these stages."""
    return application(
        url, domains=[THRIFT], pipelines=pipelines or (thrift(),), services={Doing: doing}, **options
    )


async def mail(scope: Scope, name: str = "one", text: str = "a b c") -> Content:
    """Some content."""
    return await ingest(scope, name, text=text)


async def done(scope: Scope, content: Content, *, reuse: bool | None = True, **inputs: Any) -> Run:
    """One run to its end."""
    run = await Run.start(scope, content_id=content.id, pipeline="thrift", reuse=reuse, **inputs)
    return await over(scope, run)


async def main(url: str, hanging: str) -> None:
    """Run the jobs."""

    async def hang(context: StageContext, given: Any) -> Any:
        if hanging in (context.stage, given):
            print("hangs", flush=True)
            await asyncio.Event().wait()
        return given.upper()

    doing = Doing({"join": hang, "each": hang})
    async with asyncio.timeout(LIFETIME), thrifty(url, doing, concurrency=1, pool_size=3):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
