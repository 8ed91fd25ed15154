"""Stages of every kind, whose behaviour the tests give by the stage's name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.integration.pipelines.helpers import application, row, until

from sorbus import Domain, Policies, Resource, Scope, Sorbus, action, actor_present, authorize_if, policy
from sorbus.jobs import Backoff
from sorbus.pipelines import (
    Approval,
    Pipeline,
    Run,
    RunState,
    StageContent,
    StageContext,
    StageFailure,
    StageItem,
    StageRun,
    StageState,
    approval,
    stage,
)

SOON = Backoff(base=0.05, jitter=0.0)


@dataclass(frozen=True, slots=True)
class Word:
    """What a plain stage gives: by default its own name."""

    text: str


@dataclass(frozen=True, slots=True)
class Split:
    """A list, or none."""

    parts: list[str] | None


type Behaviour = Callable[[StageContext, Any], Awaitable[Any]]


@dataclass(slots=True)
class Doing:
    """Does the work of the stages.

    Attributes:
        behave: what a stage does instead of what it does by default, by its name.
        seen: the contexts of the attempts, in order.
        given: what those attempts took, in the same order.
    """

    behave: dict[str, Behaviour] = field(default_factory=dict[str, Behaviour])
    seen: list[StageContext] = field(default_factory=list[StageContext])
    given: list[Any] = field(default_factory=list[Any])

    async def work(self, scope: Scope, given: Any, otherwise: Any) -> Any:
        """One attempt at a stage."""
        context = scope.get(StageContext)
        self.seen.append(context)
        self.given.append(given)
        behaviour = self.behave.get(context.stage)
        return otherwise if behaviour is None else await behaviour(context, given)

    @property
    def stages(self) -> list[str]:
        """The stages of the attempts, in order."""
        return [each.stage for each in self.seen]

    def times(self, name: str) -> int:
        """How often a stage was attempted, in all runs."""
        return self.stages.count(name)

    def items(self, name: str) -> list[int | None]:
        """The items of a stage that were attempted, in order."""
        return [each.item for each in self.seen if each.stage == name]


class Shapes(Resource):
    """The stages."""

    @action.generic
    @classmethod
    async def step(cls, scope: Scope, content: StageContent) -> Word:
        """A plain stage; under whatever name."""
        name = scope.get(StageContext).stage
        word: Word = await scope.get(Doing).work(scope, content.text, Word(name))
        return word

    @action.generic
    @classmethod
    async def split(cls, scope: Scope, content: StageContent) -> Split:
        """A stage that gives a list: by default, the words of the content."""
        found: Split = await scope.get(Doing).work(scope, content.text, Split(content.text.split()))
        return found

    @action.generic
    @classmethod
    async def table(cls, scope: Scope, content: StageContent) -> list[list[int]]:
        """A stage that gives a list of lists."""
        found: list[list[int]] = await scope.get(Doing).work(scope, content.text, [[1, 2], [], [3]])
        return found

    @action.generic
    @classmethod
    async def each(cls, scope: Scope, item: str) -> str:
        """A stage for each item: by default, the item in capitals."""
        found: str = await scope.get(Doing).work(scope, item, item.upper())
        return found

    @action.generic
    @classmethod
    async def shout(cls, scope: Scope, input: str) -> str:
        """A stage that takes what the run was started with: by default, it gives it in capitals."""
        found: str = await scope.get(Doing).work(scope, input, input.upper())
        return found

    @action.generic
    @classmethod
    async def line(cls, scope: Scope, item: list[int]) -> list[int]:
        """A stage for each line of a table: by default, the line doubled."""
        found: list[int] = await scope.get(Doing).work(scope, item, [2 * each for each in item])
        return found

    @action.generic
    @classmethod
    async def count(cls, scope: Scope, count: int | None) -> int:
        """One round: by default, one more than the last round."""
        found: int = await scope.get(Doing).work(scope, count, (count or 0) + 1)
        return found

    @action.generic
    @classmethod
    async def caught(cls, scope: Scope, failure: StageFailure) -> Word:
        """What starts on a failure."""
        word: Word = await scope.get(Doing).work(scope, failure, Word(failure.code))
        return word

    @action.generic
    @classmethod
    async def ship(cls, scope: Scope, approve: Approval) -> Word:
        """What needs an approval."""
        word: Word = await scope.get(Doing).work(scope, approve, Word(f"shipped for {approve.by}"))
        return word

    @action.generic
    @classmethod
    async def undo(cls, scope: Scope, content: StageContent) -> None:
        """What undoes a stage."""
        await scope.get(Doing).work(scope, content.text, None)

    policies = Policies(policy("generic", authorize_if(actor_present())))


SHAPES = Domain("shapes", resources=[Shapes])


class Gate:
    """A behaviour that holds a stage until it is opened, and knows who came and how many were there at once."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.opened = asyncio.Event()
        self.came = asyncio.Event()
        self.inside = 0
        self.most = 0

    async def __call__(self, context: StageContext, given: Any) -> Any:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.came.set()
        try:
            await self.opened.wait()
        finally:
            self.inside -= 1
        return Word(context.stage) if self.answer is None else self.answer


def raising(error: Exception, *, times: int = 1000) -> Behaviour:
    """A behaviour that raises, at first or always; afterwards it gives the stage's name."""
    left = [times]

    async def behave(context: StageContext, given: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise error
        return Word(context.stage)

    return behave


def giving(answer: Any) -> Behaviour:
    """A behaviour that gives a value."""

    async def behave(context: StageContext, given: Any) -> Any:
        return answer

    return behave


def shaped(url: str, doing: Doing, *pipelines: Pipeline, **options: Any) -> Sorbus:
    """An application with some pipelines of these stages."""
    return application(url, domains=[SHAPES], pipelines=pipelines, services={Doing: doing}, **options)


def me(app: Sorbus) -> Scope:
    """The scope of the tests' user."""
    return app.scope(actor="me", tenant="local")


async def reaches(scope: Scope, run: Run | UUID, *states: RunState, seconds: float = 20.0) -> Run:
    """Wait until a run is in one of some states, and its row with stages and result."""

    async def there() -> bool:
        return (await row(scope, run)).state in states

    await until(there, seconds=seconds)
    return await row(scope, run)


OVER = (RunState.COMPLETED, RunState.FAILED, RunState.COMPENSATED, RunState.CANCELLED)


async def over(scope: Scope, run: Run | UUID, *, seconds: float = 20.0) -> Run:
    """Wait until a run has ended."""
    return await reaches(scope, run, *OVER, seconds=seconds)


def stage_of(run: Run, name: str) -> StageRun:
    """One stage of a loaded run."""
    return next(each for each in run.stages if each.name == name)


def states(run: Run) -> dict[str, StageState]:
    """The state of each stage of a loaded run."""
    return {each.name: each.state for each in run.stages}


def data(run: Run) -> dict[str, Any]:
    """The result of a completed run."""
    assert run.state is RunState.COMPLETED, (run.state, run.error)
    assert run.result is not None
    return run.result.data


async def stage_is(scope: Scope, run: Run | UUID, name: str, *wanted: StageState) -> None:
    """Wait until a stage of a run is in one of some states."""

    async def there() -> bool:
        return stage_of(await row(scope, run), name).state in wanted

    await until(there)


async def items_of(scope: Scope, run: Run) -> list[StageItem]:
    """The items of a run, by stage and position."""
    return (await Run.query(scope).where(Run.id == run.id).load(Run.items).one()).items


UNFINISHED = """
SELECT state::text FROM oban_jobs
WHERE worker = 'pipelines.advance' AND state NOT IN ('completed', 'cancelled', 'discarded')
"""


async def unfinished_jobs(conn: Any) -> list[str]:
    """The states of the jobs that have not ended."""
    return [each["state"] for each in await conn.fetch(UNFINISHED)]


async def no_job_left(conn: Any) -> None:
    """Wait until no job is left."""

    async def none() -> bool:
        return await unfinished_jobs(conn) == []

    await until(none)


async def committed_twice(conn: Any) -> list[Any]:
    """What the journal of the database says was committed more than once."""
    return await conn.fetch("SELECT run_id, event FROM journal GROUP BY 1, 2 HAVING count(*) > 1")


YES = {"approved": True, "by": "Ann", "note": ""}


def asking(name: str = "asking") -> Pipeline:
    """A stage, an approval, and what needs it."""
    return Pipeline(name, stages=[stage(Shapes.step, name="first"), approval("approve"), stage(Shapes.ship)])


async def give(scope: Any, run: Run, value: Any = YES, *, to: str = "approve") -> None:
    """Give a stage of a run its value."""
    await Run.give(scope, run_id=run.id, stage=to, value=value)
