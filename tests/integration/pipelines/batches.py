"""Stages that work on many items at once, whose calls the tests see and whose behaviour they give."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.integration.pipelines.helpers import application
from tests.integration.pipelines.shapes import SOON

from sorbus import Domain, Policies, Resource, Scope, Sorbus, action, actor_present, authorize_if, policy
from sorbus.llm.client import ModelClient
from sorbus.pipelines import Batch, BatchContext, Pipeline, StageContent, StageContext, for_each, stage


@dataclass(frozen=True, slots=True)
class Called:
    """One call of the action."""

    texts: list[str]
    contexts: tuple[StageContext, ...]
    tenant: str
    model: str


@dataclass(slots=True)
class Calls:
    """The calls that were made.

    Attributes:
        behave: what a call does instead of giving the texts in capitals.
    """

    made: list[Called] = field(default_factory=list[Called])
    behave: Callable[[Called], Awaitable[list[str] | None]] | None = None
    inside: int = 0
    most: int = 0

    async def call(self, scope: Scope, texts: Sequence[str]) -> list[str]:
        """One call."""
        context = scope.get(BatchContext)
        model = scope.get(ModelClient).config.model
        called = Called(list(texts), context.items, scope.tenant, model)
        assert context.tenant == scope.tenant
        self.made.append(called)
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            found = None if self.behave is None else await self.behave(called)
        finally:
            self.inside -= 1
        return [each.upper() for each in texts] if found is None else found

    @property
    def sizes(self) -> list[int]:
        """How many items each call had."""
        return [len(each.texts) for each in self.made]


class Many(Resource):
    """The stages."""

    @action.generic
    @classmethod
    async def split(cls, scope: Scope, content: StageContent) -> list[str]:
        """The words of the content."""
        return content.text.split()

    @action.generic
    @classmethod
    async def shout(cls, scope: Scope, content: list[StageContent]) -> list[str]:
        """The texts in capitals."""
        return await scope.get(Calls).call(scope, [each.text for each in content])

    @action.generic
    @classmethod
    async def each(cls, scope: Scope, item: list[str]) -> list[str]:
        """The items in capitals."""
        return await scope.get(Calls).call(scope, item)

    policies = Policies(policy("generic", authorize_if(actor_present())))


MANY = Domain("many", resources=[Many])


def whole(batch: Batch, name: str = "whole", **options: Any) -> Pipeline:
    """A pipeline whose runs are items."""
    return Pipeline(name, stages=[stage(Many.shout, batch=batch, **{"backoff": SOON, **options})])


def mapped(batch: Batch, name: str = "mapped", **options: Any) -> Pipeline:
    """A pipeline whose list is made of items."""
    each = for_each(Many.each, over=lambda split: split, batch=batch, **{"backoff": SOON, **options})
    return Pipeline(name, stages=[stage(Many.split), each])


def batched(url: str, calls: Calls, *pipelines: Pipeline, **options: Any) -> Sorbus:
    """An application with such pipelines."""
    given = {"concurrency": 20, **options}
    return application(url, domains=[MANY], pipelines=pipelines, services={Calls: calls}, **given)


def poisoned(*poison: str, error: type[Exception] = ValueError) -> Callable[[Called], Awaitable[None]]:
    """A behaviour that fails whenever one of some items is there."""

    async def behave(called: Called) -> None:
        await asyncio.sleep(0)
        if set(poison) & set(called.texts):
            raise error("poison")

    return behave
