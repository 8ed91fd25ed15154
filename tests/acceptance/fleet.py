"""An application that several nodes run together: its stages note who works on them, slowly or until a gate is open."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from sorbus import Domain, Policies, Resource, Scope, action, actor_present, authorize_if, policy
from sorbus.pipelines import Pipeline, StageContent, StageContext, pipeline_application, stage

FOLDER = Path(os.environ.get("FLEET_FOLDER", "."))
LOG = "log"
GATE = "gate"


@dataclass(frozen=True, slots=True)
class Step:
    """What a stage gives."""

    words: str


async def step(scope: Scope, seconds: str) -> None:
    """Note who begins, then take some seconds; of a text that is no number, wait until the gate is open."""
    at = scope.get(StageContext)
    with (FOLDER / LOG).open("a") as log:
        log.write(f"{at.run_id} {at.stage} {os.getpid()}\n")
    if seconds != GATE:
        await asyncio.sleep(float(seconds))
    elif at.stage == "second":
        while not (FOLDER / GATE).exists():
            await asyncio.sleep(0.02)


class Steps(Resource):
    """The stages."""

    @action.generic
    @classmethod
    async def first(cls, scope: Scope, content: StageContent) -> Step:
        """The first."""
        await step(scope, content.text)
        return Step("first")

    @action.generic
    @classmethod
    async def second(cls, scope: Scope, content: StageContent, first: Step) -> Step:
        """The second."""
        await step(scope, content.text)
        return Step(f"{first.words}, second")

    @action.generic
    @classmethod
    async def third(cls, scope: Scope, content: StageContent, second: Step) -> Step:
        """The third."""
        await step(scope, content.text)
        return Step(f"{second.words}, third")

    policies = Policies(policy("generic", authorize_if(actor_present())))


STAGES = ("first", "second", "third")
steps = Pipeline("steps", stages=[stage(getattr(Steps, name)) for name in STAGES])
app = pipeline_application(
    domains=[Domain("fleet", resources=[Steps])],
    pipelines=[steps],
    concurrency=3,
    job_options={"beat_every": 2.0, "dead_after": 6.0},
)
