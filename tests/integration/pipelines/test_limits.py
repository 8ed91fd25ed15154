"""Limits over all nodes: never more than allowed, tenants in turn, and nobody is forgotten."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from typing import Any

import pytest
from tests.integration.pipelines.helpers import application, row, start, until
from tests.integration.pipelines.random_graphs import CHANCE, random_pipeline
from tests.integration.pipelines.shapes import (
    SOON,
    Doing,
    Gate,
    Shapes,
    Word,
    committed_twice,
    data,
    give,
    me,
    no_job_left,
    over,
    raising,
    reaches,
    shaped,
    stage_is,
)
from tests.integration.pipelines.test_random_graphs import check, unfinished, worker
from tests.integration.pipelines.test_random_graphs import started as graphs_started

from sorbus import Scope, Sorbus
from sorbus.pipelines import (
    Pipeline,
    Pipelines,
    Rate,
    Run,
    RunState,
    StageContext,
    StageState,
    approval,
    for_each,
    limit,
    stage,
)

DONE = StageState.DONE
ONE = Pipeline("one", stages=[stage(Shapes.step, name="work", backoff=SOON)])


class Crowd:
    """Work that counts how many do it at once."""

    def __init__(self, *, lasts: float = 0.05) -> None:
        self.lasts = lasts
        self.here: Counter[str] = Counter()
        self.most = 0
        self.most_of: Counter[str] = Counter()
        self.order: list[str] = []
        self.moments: list[float] = []

    async def __call__(self, context: StageContext, given: Any) -> Any:
        """One attempt."""
        self.order.append(context.tenant)
        self.moments.append(time.monotonic())
        self.here[context.tenant] += 1
        self.most = max(self.most, self.here.total())
        self.most_of[context.tenant] = max(self.most_of[context.tenant], self.here[context.tenant])
        try:
            await asyncio.sleep(self.lasts)
        finally:
            self.here[context.tenant] -= 1
        return given.upper() if context.item is not None else Word(context.stage)


def of(app: Sorbus, tenant: str) -> Scope:
    """The scope of somebody in a tenant."""
    return app.scope(actor="me", tenant=tenant)


async def started(scope: Scope, count: int, pipeline: str = "one", text: str = "a b c d e f") -> list[Run]:
    """Some runs."""
    return [await start(scope, f"{time.monotonic_ns()}", pipeline=pipeline, text=text) for _ in range(count)]


async def all_over(scope: Scope, runs: list[Run]) -> None:
    """Wait until runs are completed."""
    for run in runs:
        assert (await over(scope, run, seconds=60)).state is RunState.COMPLETED


async def no_permit_left(conn: Any) -> None:
    """Wait until nobody holds or waits for anything."""

    async def none() -> bool:
        return await conn.fetchval("SELECT count(*) FROM sorbus_permits") == 0

    await until(none)


async def waiting(conn: Any, count: int) -> None:
    """Wait until so many places wait for a permit."""

    async def there() -> bool:
        return await conn.fetchval("SELECT count(*) FROM sorbus_permits WHERE NOT held") == count

    await until(there)


async def test_two_nodes_together_never_do_more_at_once_than_allowed(url: str, conn: Any) -> None:
    crowd = Crowd()
    doing = Doing({"work": crowd})
    limits = [limit("few", at_once=3, on=Shapes.step)]
    async with shaped(url, doing, ONE, limits=limits) as here, shaped(url, doing, ONE, limits=limits):
        runs = await started(me(here), 24)
        await all_over(me(here), runs)
        assert crowd.most == 3
        await no_permit_left(conn)
        await no_job_left(conn)
    assert await committed_twice(conn) == []
    assert doing.times("work") == 24


async def test_who_waits_keeps_no_process_busy(url: str, conn: Any) -> None:
    gate = Gate()
    doing = Doing({"work": gate})
    other = Pipeline("other", stages=[stage(Shapes.split)])
    async with shaped(
        url, doing, ONE, other, concurrency=2, limits=[limit("one", at_once=1, on=Shapes.step)]
    ) as app:
        runs = await started(me(app), 6)
        await waiting(conn, 5)
        # Only one place of the two is taken, so there is one for others.
        await all_over(me(app), await started(me(app), 2, "other"))
        assert (await reaches(me(app), runs[-1], RunState.WAITING)).state is RunState.WAITING
        gate.opened.set()
        await all_over(me(app), runs)


async def test_each_tenant_has_a_limit_of_its_own(url: str) -> None:
    crowd = Crowd(lasts=0.1)
    async with shaped(url, Doing({"work": crowd}), ONE, limits=[limit("own", at_once=1, by="tenant")]) as app:
        a, b = of(app, "a"), of(app, "b")
        first, second = await started(a, 4), await started(b, 4)
        await all_over(a, first)
        await all_over(b, second)
    assert crowd.most_of == {"a": 1, "b": 1}
    assert crowd.most == 2


async def test_tenants_take_turns(url: str, conn: Any) -> None:
    crowd, gate = Crowd(lasts=0.0), Gate()

    async def work(context: StageContext, given: Any) -> Any:
        answer = await crowd(context, given)
        await gate(context, given)
        return answer

    async with shaped(
        url, Doing({"work": work}), ONE, limits=[limit("turns", at_once=1, on=[Shapes.step])]
    ) as app:
        many, few = of(app, "many"), of(app, "few")
        runs = await started(many, 10)
        await waiting(conn, 9)
        late = await started(few, 2)
        await waiting(conn, 11)
        gate.opened.set()
        await all_over(few, late)
        await all_over(many, runs)
    assert crowd.order[:4].count("few") == 2, crowd.order


async def test_no_more_start_in_a_time_than_its_rate_allows(url: str) -> None:
    crowd = Crowd(lasts=0.0)
    limits = [limit("slow", rate=Rate(2, 0.6), on=Shapes.step)]
    doing = Doing({"work": crowd})
    async with shaped(url, doing, ONE, limits=limits) as app, shaped(url, doing, ONE, limits=limits):
        before = time.monotonic()
        runs = await started(me(app), 7)
        await all_over(me(app), runs)
    # The bucket holds two; then one comes back every 0.3 seconds.
    for number, moment in enumerate(crowd.moments):
        assert moment - before >= (number - 1) * 0.3 - 0.02, (number, moment - before)
    assert len(crowd.moments) == 7


async def test_items_of_a_map_stand_under_the_limit_over_all_runs(url: str, conn: Any) -> None:
    crowd = Crowd()
    split = stage(Shapes.split)
    pipeline = Pipeline("map", stages=[split, for_each(Shapes.each, over=lambda split: split.parts)])
    async with shaped(
        url, Doing({"each": crowd}), pipeline, limits=[limit("few", at_once=2, on=Shapes.each)]
    ) as app:
        runs = await started(me(app), 3, "map")
        for run in runs:
            assert data(await over(me(app), run, seconds=60))["each"] == list("ABCDEF")
        assert crowd.most == 2
        await no_permit_left(conn)


async def test_who_must_hold_two_never_waits_in_a_circle(url: str, conn: Any) -> None:
    crowd = Crowd(lasts=0.01)
    limits = [
        limit("tenants", at_once=2, by="tenant"),
        limit("all", at_once=3),
        limit("rate", rate=Rate(50, 1.0), on=Shapes.step),
    ]
    doing = Doing({"work": crowd})
    async with shaped(url, doing, ONE, limits=limits) as app, shaped(url, doing, ONE, limits=limits):
        scopes = [of(app, name) for name in "abc"]
        runs = [(scope, await started(scope, 6)) for scope in scopes]
        for scope, each in runs:
            await all_over(scope, each)
        await no_permit_left(conn)
    assert crowd.most <= 3
    assert max(crowd.most_of.values()) <= 2


async def test_who_tries_again_gives_back_in_between(url: str, conn: Any) -> None:
    failing = raising(ConnectionError("gone"), times=2)
    async with shaped(
        url, Doing({"work": failing}), ONE, limits=[limit("one", at_once=1, on=Shapes.step)]
    ) as app:
        await all_over(me(app), await started(me(app), 2))
        await no_permit_left(conn)


@pytest.mark.parametrize("way", ["cancel", "pause"])
async def test_who_is_stopped_lets_the_next_one_in(url: str, conn: Any, way: str) -> None:
    gate = Gate()
    async with shaped(
        url, Doing({"work": gate}), ONE, limits=[limit("one", at_once=1, on=Shapes.step)]
    ) as app:
        held, *others = await started(me(app), 3)
        await gate.came.wait()
        await waiting(conn, 2)
        # One that waits, and for a cancel also the one that holds.
        stopped = [others[0], held] if way == "cancel" else [others[0]]
        for run in stopped:
            now = await Run.get(me(app), run.id)
            await (now.cancel(me(app)) if way == "cancel" else now.pause(me(app)))
        gate.opened.set()
        await all_over(me(app), [others[1]])
        if way == "pause":
            await all_over(me(app), [held])
            await (await Run.get(me(app), others[0].id)).resume(me(app))
            await all_over(me(app), [others[0]])
        await no_permit_left(conn)


async def test_what_a_stopped_process_held_is_held_by_who_takes_over(url: str, conn: Any) -> None:
    gate, crowd = Gate(), Crowd()
    limits = [limit("one", at_once=1, on=Shapes.step)]
    async with shaped(url, Doing({"work": gate}), ONE, limits=limits) as app:
        runs = await started(me(app), 3)
        await gate.came.wait()
        await waiting(conn, 2)
    async with shaped(url, Doing({"work": crowd}), ONE, limits=limits) as app:
        await all_over(me(app), runs)
        assert crowd.most == 1
        await no_permit_left(conn)


async def test_what_was_lost_with_a_process_is_found(url: str, conn: Any) -> None:
    limits = [limit("one", at_once=1, on=Shapes.step)]
    async with shaped(url, Doing(), ONE, limits=limits) as app:
        (ended,) = await started(me(app), 1)
        await all_over(me(app), [ended])
        await no_permit_left(conn)
        # It died between the commit and the moment at which it would have given back.
        await conn.execute(
            "INSERT INTO sorbus_permits (key, tenant, run_id, stage, index, held, priority, asked_at)"
            " VALUES ('one', 'local', $1, 'work', -1, true, 0, now() - interval '1 minute')",
            ended.id,
        )
        runs = await started(me(app), 2)
        await waiting(conn, 2)
        permits = app.system_scope().get(Pipelines)._permits
        assert permits is not None
        await permits.sweep()
        await all_over(me(app), runs)
        await no_permit_left(conn)


@pytest.mark.slow
async def test_killed_workers_neither_break_a_limit_nor_keep_what_they_held(url: str, conn: Any) -> None:
    seeds = range(1000, 1012)
    limits = [limit("all", at_once=3)]
    chance = random.Random(5)
    most = 0

    async def watched(seconds: float) -> None:
        nonlocal most
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            most = max(most, await conn.fetchval("SELECT count(*) FROM sorbus_permits WHERE held"))
            await asyncio.sleep(0.01)

    async with application(
        url,
        domains=[CHANCE],
        pipelines=[random_pipeline(seed) for seed in seeds],
        run_jobs=False,
        limits=limits,
    ) as app:
        runs = await graphs_started(app, seeds)
        workers = [await worker(url, seeds, at_once=3) for _ in range(2)]
        kills = 0
        try:
            while kills < 4 or await unfinished(conn):
                await watched(chance.uniform(0.2, 0.7))
                if kills < 4 and await unfinished(conn):
                    victim = workers.pop(0)
                    os.kill(victim.pid, signal.SIGKILL)
                    await victim.wait()
                    workers.append(await worker(url, seeds, at_once=3))
                    kills += 1
                elif kills < 4:
                    break
        finally:
            for each in workers:
                if each.returncode is None:
                    each.kill()
                await each.wait()
        for seed, run in runs.items():
            check(seed, await row(me(app), run.id))
        assert kills > 0
        assert most == 3
        await no_permit_left(conn)
    assert await committed_twice(conn) == []


async def test_a_value_is_heard_while_a_long_stage_runs_beside(url: str) -> None:
    gate, doing = Gate(), Doing()
    doing.behave["slow"] = gate
    approve = approval("approve")
    pipeline = Pipeline.graph("beside", stages=[stage(Shapes.step, name="slow"), approve, stage(Shapes.ship)])
    async with shaped(url, doing, pipeline) as app, shaped(url, Doing(), pipeline, run_jobs=False) as web:
        run = await start(me(app), "one", pipeline="beside")
        await gate.came.wait()
        await give(me(web), run)
        await stage_is(me(app), run, "ship", DONE)
        await stage_is(me(app), run, "slow", StageState.RUNNING)
        assert (await row(me(app), run)).state is RunState.RUNNING
        gate.opened.set()
        await over(me(app), run)


async def test_a_limit_of_a_former_version_of_the_application_stops_nobody(url: str, conn: Any) -> None:
    gate = Gate()
    async with shaped(
        url, Doing({"work": gate}), ONE, limits=[limit("old", at_once=1, on=Shapes.step)]
    ) as app:
        runs = await started(me(app), 3)
        await waiting(conn, 2)
    async with shaped(url, Doing(), ONE, limits=[limit("new", at_once=2)]) as app:
        for run in runs:
            # Who slept for want of the old one looks again in time; here it is told to.
            await conn.execute(
                "UPDATE oban_jobs SET scheduled_at = timezone('UTC', now()) WHERE args ->> 'run_id' = $1",
                str(run.id),
            )
        await all_over(me(app), runs)
        await no_permit_left(conn)
