"""The application of the scale-out bench: chains of three stages that take as long as the environment says."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

from sorbus import Domain, Policies, Resource, Scope, action, actor_present, authorize_if, policy
from sorbus.pipelines import Pipeline, StageContent, pipeline_application, stage

SECONDS = float(os.environ.get("BENCH_STAGE_SECONDS", "0"))


@dataclass(frozen=True, slots=True)
class Part:
    """What a stage gives."""

    size: int


class Chain(Resource):
    """The stages."""

    @action.generic
    @classmethod
    async def first(cls, scope: Scope, content: StageContent) -> Part:
        """The first."""
        del scope
        await asyncio.sleep(SECONDS)
        return Part(len(content.text))

    @action.generic
    @classmethod
    async def second(cls, scope: Scope, first: Part) -> Part:
        """The second."""
        del scope
        await asyncio.sleep(SECONDS)
        return Part(first.size + 1)

    @action.generic
    @classmethod
    async def third(cls, scope: Scope, second: Part) -> Part:
        """The third."""
        del scope
        await asyncio.sleep(SECONDS)
        return Part(second.size + 1)

    policies = Policies(policy("generic", authorize_if(actor_present())))


chain = Pipeline("chain", stages=[stage(Chain.first), stage(Chain.second), stage(Chain.third)])
app = pipeline_application(domains=[Domain("bench", resources=[Chain])], pipelines=[chain], concurrency=50)
