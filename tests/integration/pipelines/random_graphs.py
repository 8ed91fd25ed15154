"""Random pipelines, and a simple sequential model of what a run of each comes to."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass

from sorbus import Domain, Policies, Resource, Scope, action, actor_present, authorize_if, policy
from sorbus.jobs import Backoff
from sorbus.pipelines import (
    Batch,
    BatchContext,
    Pipeline,
    Stage,
    StageContent,
    StageContext,
    for_each,
    repeat,
    stage,
)

SOON = Backoff(base=0.02, jitter=0.0)
ITEMS = 5
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Pace:
    """The most seconds that a piece of work takes."""

    seconds: float = 0.01


@dataclass(frozen=True, slots=True)
class Number:
    """What a stage gives."""

    value: int
    parts: list[int]


def number_of(text: str, name: str) -> int:
    """What the stage of a name gives over a text: the same whoever runs it, and however often."""
    return random.Random(f"{text} {name}").randrange(100)


def doomed(name: str) -> bool:
    """Whether a stage fails at every attempt: its name says so."""
    return name.startswith("bad")


async def _work(scope: Scope, content: StageContent, at: StageContext | None = None) -> int:
    at = at or scope.get(StageContext)
    chance = random.Random(f"{content.text} {at.idempotency_key} {at.attempt}")
    await asyncio.sleep(chance.random() * scope.get(Pace).seconds)
    if doomed(at.stage) or (at.attempt == 1 and chance.random() < 0.2):
        raise RuntimeError("this attempt fails")
    return number_of(content.text, at.stage if at.item is None else f"{at.stage} {at.item}")


async def _work_on_all(scope: Scope, content: list[StageContent]) -> list[int]:
    places = zip(content, scope.get(BatchContext).items, strict=True)
    return list(await asyncio.gather(*(_work(scope, text, at) for text, at in places)))


class Chance(Resource):
    """The stages of random pipelines."""

    @action.generic
    @classmethod
    async def once(cls, scope: Scope, content: StageContent) -> Number:
        """One piece of work."""
        value = await _work(scope, content)
        return Number(value, [value + place for place in range(ITEMS)])

    @action.generic
    @classmethod
    async def item(cls, scope: Scope, content: StageContent, item: int) -> int:
        """One item."""
        return item + await _work(scope, content)

    @action.generic
    @classmethod
    async def many(cls, scope: Scope, content: list[StageContent]) -> list[Number]:
        """As `once`, for many runs."""
        values = await _work_on_all(scope, content)
        return [Number(value, [value + place for place in range(ITEMS)]) for value in values]

    @action.generic
    @classmethod
    async def items(cls, scope: Scope, content: list[StageContent], item: list[int]) -> list[int]:
        """As `item`, for many."""
        values = await _work_on_all(scope, content)
        return [one + value for one, value in zip(item, values, strict=True)]

    @action.generic
    @classmethod
    async def again(cls, scope: Scope, content: StageContent, again: Number | None) -> Number:
        """One round."""
        await _work(scope, content)
        return Number(0 if again is None else again.value + 1, [])

    policies = Policies(policy("generic", authorize_if(actor_present())))


CHANCE = Domain("chance", resources=[Chance])


@dataclass(frozen=True, slots=True, kw_only=True)
class Vertex:
    """A stage of a random pipeline, for the model.

    Attributes:
        after, failures: what it waits to be done, and to fail.
        looks_at: the stage whose output must be even.
        over: the stage that gives the list of a map; one of `after`.
    """

    name: str
    kind: str
    after: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    join: str | int = "all"
    looks_at: str | None = None
    over: str | None = None
    may_fail: bool = False


def random_vertices(seed: int) -> list[Vertex]:
    """The stages of a random graph."""
    chance = random.Random(seed)
    found: list[Vertex] = []
    for place in range(chance.randint(3, 9)):
        earlier = [each.name for each in found]
        kind = chance.choice(("once", "once", "once", "item", "again"))
        if kind == "again" and any(each.kind == "again" for each in found):
            kind = "once"
        plain = [each.name for each in found if each.kind == "once" and not doomed(each.name)]
        if kind == "item" and not plain:
            kind = "once"
        after = tuple(chance.sample(earlier, min(len(earlier), chance.randint(0, 3))))
        caught = [each for each in earlier if doomed(each) and each not in after]
        failures = tuple(caught[:1]) if caught and chance.random() < 0.5 else ()
        join: str | int = chance.choice(("all", "all", "any", "settled"))
        if len(after) >= 2 and chance.random() < 0.2:
            join = 2
        bad = kind == "once" and chance.random() < 0.15
        name = "again" if kind == "again" else f"{'bad' if bad else 's'}{place}"
        looks_at = chance.choice(plain) if plain and chance.random() < 0.4 else None
        over = chance.choice(plain) if kind == "item" else None
        if over is not None:
            after, join, failures = (*(each for each in after if each != over), over), "all", ()
        found.append(
            Vertex(
                name=name,
                kind=kind,
                after=after,
                failures=failures,
                join=join,
                looks_at=looks_at,
                over=over,
                may_fail=bad and chance.random() < 0.7,
            )
        )
    return found


def random_pipeline(seed: int, *, queue: str = "pipelines") -> Pipeline:
    """A random pipeline."""
    stages: dict[str, Stage] = {}
    for each in random_vertices(seed):
        options = {
            "name": each.name,
            "after": [stages[name] for name in each.after],
            "on_failure": [stages[name] for name in each.failures],
            "join": each.join,
            "when": _even(each.looks_at) if each.looks_at else None,
            "may_fail": each.may_fail,
            "attempts": 2,
            "backoff": SOON,
        }
        batch = _batch(seed, each.name)
        if each.over is not None:
            work = Chance.item if batch is None else Chance.items
            stages[each.name] = for_each(work, over=_parts(each.over), limit=3, batch=batch, **options)
        elif each.kind == "again":
            stages[each.name] = repeat(
                Chance.again, until=lambda again: again.value >= ROUNDS - 1, at_most=ROUNDS, **options
            )
        else:
            work = Chance.once if batch is None else Chance.many
            stages[each.name] = stage(work, batch=batch, **options)
    return Pipeline.graph(f"random-{seed}", stages=list(stages.values()), queue=queue)


def _batch(seed: int, name: str) -> Batch | None:
    """How the items of a stage are gathered, of every third one or so; the same in all processes."""
    chance = random.Random(f"batch {seed} {name}")
    return Batch(chance.choice((2, 4, 16)), within=0.03) if chance.random() < 0.4 else None


def _parts(name: str) -> object:
    return eval(f"lambda {name}: {name}.parts")  # a name of our own


def _even(name: str) -> object:
    return eval(f"lambda {name}: {name}.value % 2 == 0")  # a name of our own


def expected(seed: int, text: str) -> tuple[str, Mapping[str, str]]:
    """What a run over a text comes to: its state, and when it completes, that of each stage.

    When a run fails, other stages may or may not have been done before.
    """
    vertices = random_vertices(seed)
    caught = {name for each in vertices for name in each.failures} | {
        each.name for each in vertices if each.may_fail
    }
    states: dict[str, str] = {}
    fatal = False
    for each in vertices:
        states[each.name] = found = _state(each, states, text, caught)
        fatal = fatal or (found == "failed" and each.name not in caught)
    if fatal:
        return "failed", {}
    return "completed", states


def _state(vertex: Vertex, states: Mapping[str, str], text: str, caught: set[str]) -> str:
    blocked = any(states[name] in ("failed", "blocked") and name not in caught for name in vertex.after)
    if blocked:
        return "blocked"
    taken = sum(states[name] == "done" for name in vertex.after)
    taken += sum(states[name] == "failed" for name in vertex.failures)
    total = len(vertex.after) + len(vertex.failures)
    wanted = vertex.join if isinstance(vertex.join, int) else (total if vertex.join == "all" else 1)
    if total and taken < wanted:
        return "skipped"
    if vertex.looks_at is not None:
        known = states[vertex.looks_at] == "done" and number_of(text, vertex.looks_at) % 2 == 0
        if not known:
            return "skipped"
    return "failed" if doomed(vertex.name) else "done"


def value_of(vertex: Vertex, text: str) -> object:
    """What a stage that is done has given."""
    if vertex.over is not None:
        base = number_of(text, vertex.over)
        return [base + place + number_of(text, f"{vertex.name} {place}") for place in range(ITEMS)]
    if vertex.kind == "again":
        return {"value": ROUNDS - 1, "parts": []}
    value = number_of(text, vertex.name)
    return {"value": value, "parts": [value + place for place in range(ITEMS)]}
