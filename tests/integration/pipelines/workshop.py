"""A pipeline of three stages whose behaviour the tests give: cut, glue, paint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.integration.pipelines.helpers import application

from sorbus import Domain, Policies, Resource, Scope, Sorbus, action, actor_present, authorize_if, policy
from sorbus.jobs import Backoff
from sorbus.pipelines import Pipeline, StageContent, StageContext, stage


@dataclass(frozen=True, slots=True)
class Piece:
    """What the stages give."""

    text: str


SOON = Backoff(base=0.05, jitter=0.0)

type Behaviour = Callable[[StageContext, str], Awaitable[Any]]


@dataclass(slots=True)
class Hands:
    """Does the work of the stages.

    Attributes:
        behave: what a stage does instead of adding its name, by stage.
        seen: the contexts of the attempts, in order.
    """

    behave: dict[str, Behaviour] = field(default_factory=dict[str, Behaviour])
    seen: list[StageContext] = field(default_factory=list[StageContext])

    async def work(self, scope: Scope, text: str) -> Any:
        """One attempt at a stage."""
        context = scope.get(StageContext)
        self.seen.append(context)
        behaviour = self.behave.get(context.stage)
        if behaviour is not None:
            return await behaviour(context, text)
        return Piece(f"{text}, {context.stage}")

    def attempts(self, stage_name: str) -> list[int]:
        """The numbers of the attempts at a stage."""
        return [each.attempt for each in self.seen if each.stage == stage_name]


class Workshop(Resource):
    """The stages."""

    @action.generic
    @classmethod
    async def cut(cls, scope: Scope, content: StageContent) -> Piece:
        """The first."""
        piece: Piece = await scope.get(Hands).work(scope, content.text)
        return piece

    @action.generic
    @classmethod
    async def glue(cls, scope: Scope, cut: Piece) -> Piece:
        """The second."""
        piece: Piece = await scope.get(Hands).work(scope, cut.text)
        return piece

    @action.generic
    @classmethod
    async def paint(cls, scope: Scope, content: StageContent, glue: Piece) -> Piece:
        """The third."""
        del content
        piece: Piece = await scope.get(Hands).work(scope, glue.text)
        return piece

    policies = Policies(policy("generic", authorize_if(actor_present())))


WORKSHOP = Domain("workshop", resources=[Workshop])


def craft(
    *, version: int = 1, attempts: int = 2, timeout: float | None = 600.0, name: str = "craft"
) -> Pipeline:
    """The pipeline; its second stage has a time limit and a number of attempts."""
    return Pipeline(
        name,
        version=version,
        stages=[
            stage(Workshop.cut, backoff=SOON),
            stage(Workshop.glue, attempts=attempts, timeout=timeout, backoff=SOON),
            stage(Workshop.paint, backoff=SOON),
        ],
    )


def workshop(url: str, hands: Hands, *pipelines: Pipeline, **options: Any) -> Sorbus:
    """An application with the workshop's pipelines; by default `craft()`."""
    return application(
        url, domains=[WORKSHOP], pipelines=pipelines or (craft(),), services={Hands: hands}, **options
    )
