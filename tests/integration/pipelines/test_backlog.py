"""The backlog: beyond it no run is started, on any node; what has begun can end."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from rich.console import Console
from tests.integration.pipelines.helpers import ended, ingest
from tests.integration.pipelines.shapes import (
    Doing,
    Gate,
    Shapes,
    Word,
    asking,
    data,
    give,
    me,
    over,
    raising,
    reaches,
    shaped,
)

from sorbus import Sorbus
from sorbus.apis.json_api import json_api
from sorbus.cli.screens import LineScreen
from sorbus.cli.work import Wish, work
from sorbus.errors.base import Invalid
from sorbus.errors.flow import BacklogFull, BadBacklog
from sorbus.http import http_app, serving
from sorbus.pipelines import Backlog, Content, Pipeline, Run, RunState, nested, stage, when_free
from sorbus.pipelines.running.admission import STANDS_FOR
from sorbus.pipelines.running.sql import sql

ONE = Pipeline("one", stages=[stage(Shapes.step, attempts=1)])
RUNS = "SELECT count(*) FROM pipeline_runs"


def web(url: str, backlog: Backlog, *pipelines: Pipeline, **options: Any) -> Sorbus:
    """A node that starts runs and works on none."""
    return shaped(url, Doing(), *(pipelines or (ONE,)), backlog=backlog, run_jobs=False, **options)


async def fill(app: Sorbus, count: int, *, tenant: str = "local", key: str = "") -> tuple[list[Run], int]:
    """Try to start some runs one after the other; those that were, and how many were refused."""
    scope = app.scope(actor="me", tenant=tenant)
    content = await ingest(scope, f"content{key}")
    made: list[Run] = []
    refused = 0
    for _ in range(count):
        try:
            made.append(await Run.start(scope, content_id=content.id, pipeline="one"))
        except BacklogFull:
            refused += 1
    return made, refused


async def counted_anew() -> None:
    """Let so much time pass that whoever asks next counts the runs once more."""
    await asyncio.sleep(STANDS_FOR)


async def in_time(app: Sorbus, content: Content, *, pipeline: str = "one") -> Run:
    """A run that is started as soon as there is room for it, which must be soon."""
    return await when_free(
        me(app), lambda: Run.start(me(app), content_id=content.id, pipeline=pipeline), within=10.0
    )


async def test_beyond_the_backlog_no_run_is_started_and_nothing_is_left_of_it(url: str, conn: Any) -> None:
    async with web(url, Backlog(10)) as app:
        made, refused = await fill(app, 14)
        assert (len(made), refused) == (10, 4)
        await counted_anew()
        content = await ingest(me(app), "more")
        with pytest.raises(BacklogFull, match="has 10 unfinished runs, which is all it may have") as caught:
            await Run.start(me(app), content_id=content.id, pipeline="one")
    assert (caught.value.retryable, caught.value.retry_after) == (True, 1.0)
    for table in ("pipeline_runs", "stage_runs", "oban_jobs"):
        assert await conn.fetchval(f"SELECT count(*) FROM {table}") == 10


async def test_calls_at_one_moment_fill_the_backlog_exactly(url: str, conn: Any) -> None:
    async with web(url, Backlog(50)) as app:
        content = await ingest(me(app), "one")
        answers = await asyncio.gather(
            *(Run.start(me(app), content_id=content.id, pipeline="one") for _ in range(200)),
            return_exceptions=True,
        )
    kinds = Counter(type(each).__name__ for each in answers)
    assert kinds == {"Run": 50, "BacklogFull": 150}
    assert await conn.fetchval(RUNS) == 50


async def test_a_tenant_with_its_share_leaves_room_for_the_others(url: str) -> None:
    async with web(url, Backlog(10, per_tenant=4)) as app:
        found = [len((await fill(app, 6, tenant=each))[0]) for each in ("a", "b", "c")]
        assert found == [4, 4, 2]
        scope = app.scope(actor="me", tenant="a")
        with pytest.raises(BacklogFull, match=r"The tenant `a` has 4|The application has 10"):
            await Run.start(scope, content_id=(await ingest(scope, "more")).id, pipeline="one")


async def test_what_is_rolled_back_makes_room_again(url: str, conn: Any) -> None:
    async with web(url, Backlog(4)) as app:
        content = await ingest(me(app), "one")
        with pytest.raises(Invalid, match="back"):
            async with app.transaction():
                for _ in range(4):
                    await Run.start(me(app), content_id=content.id, pipeline="one")
                raise Invalid("back")
        await in_time(app, content)
        made, refused = await fill(app, 4)
    assert (len(made), refused) == (3, 1)


async def test_runs_in_an_open_transaction_take_their_room(url: str) -> None:
    async with web(url, Backlog(4)) as app:
        content = await ingest(me(app), "one")
        inside, go = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            async with app.transaction():
                for _ in range(3):
                    await Run.start(me(app), content_id=content.id, pipeline="one")
                inside.set()
                await go.wait()

        task = asyncio.create_task(hold())
        await inside.wait()
        await counted_anew()
        made, refused = await fill(app, 3)
        go.set()
        await task
    assert (len(made), refused) == (1, 2)


async def test_several_nodes_go_beyond_it_by_no_more_than_one_in_a_hundred_each(url: str, conn: Any) -> None:
    limit = 400

    async def flood(app: Sorbus, key: str) -> None:
        content = await ingest(me(app), key)
        until_ = time.monotonic() + 3
        refused = 0
        while refused < 5 and time.monotonic() < until_:
            answers = await asyncio.gather(
                *(Run.start(me(app), content_id=content.id, pipeline="one") for _ in range(4)),
                return_exceptions=True,
            )
            refused += all(isinstance(each, BacklogFull) for each in answers)

    async with (
        web(url, Backlog(limit)) as one,
        web(url, Backlog(limit)) as two,
        web(url, Backlog(limit)) as three,
    ):
        await asyncio.gather(flood(one, "1"), flood(two, "2"), flood(three, "3"))
    found = await conn.fetchval(RUNS)
    assert limit <= found <= limit * 1.03, found


async def test_a_run_that_ends_makes_room(url: str) -> None:
    gate = Gate()
    async with shaped(url, Doing({"step": gate}), ONE, backlog=Backlog(2)) as app:
        made, refused = await fill(app, 3)
        assert (len(made), refused) == (2, 1)
        gate.opened.set()
        await ended(me(app), [each.id for each in made])
        await in_time(app, await ingest(me(app), "more"))


async def test_runs_inside_others_and_retries_are_never_refused(url: str) -> None:
    broken = Pipeline("one", stages=[stage(Shapes.step, name="broken", attempts=1)])
    doing = Doing({"broken": raising(Invalid("no"), times=1)})
    shout = Pipeline("shout", input=str, stages=[stage(Shapes.shout)])
    outer = Pipeline("outer", stages=[stage(Shapes.split), nested(shout, over=lambda split: split.parts)])
    async with shaped(url, doing, broken, outer, shout, backlog=Backlog(1)) as app:
        failed = await over(me(app), (await fill(app, 1))[0][0])
        assert failed.state is RunState.FAILED
        run = await in_time(app, await ingest(me(app), "words", text="a b c d e"), pipeline="outer")
        await failed.retry(me(app))
        assert data(await over(me(app), run))["shout"] == list("ABCDE")
        assert (await over(me(app), failed)).state is RunState.COMPLETED


async def test_forks_are_refused_as_starts_are(url: str, conn: Any) -> None:
    gate = Gate()
    async with shaped(url, Doing(), ONE, backlog=Backlog(1), concurrency=1) as app:
        done = await over(me(app), (await fill(app, 1))[0][0])
    async with shaped(url, Doing({"step": gate}), ONE, backlog=Backlog(1), concurrency=1) as app:
        assert len((await fill(app, 1))[0]) == 1
        with pytest.raises(BacklogFull):
            await Run.fork(me(app), forked_from=done.id, fork_stage="step")
    assert await conn.fetchval(RUNS) == 2


async def test_who_waits_for_somebody_or_is_paused_takes_no_room(url: str) -> None:
    async with shaped(url, Doing(), ONE, asking(), backlog=Backlog(1)) as app:
        content = await ingest(me(app), "one")
        asks = await Run.start(me(app), content_id=content.id, pipeline="asking")
        await reaches(me(app), asks, RunState.WAITING)
        await over(me(app), await in_time(app, content))
        await give(me(app), asks)
        assert (await over(me(app), asks)).state is RunState.COMPLETED


async def test_a_repeated_request_is_answered_with_its_run_although_there_is_no_room(url: str) -> None:
    async with web(url, Backlog(1)) as app:
        content = await ingest(me(app), "one")
        first = await Run.start(me(app), content_id=content.id, pipeline="one", idempotency_key="k")
        again = await Run.start(me(app), content_id=content.id, pipeline="one", idempotency_key="k")
        assert again.id == first.id
        with pytest.raises(BacklogFull):
            await Run.start(me(app), content_id=content.id, pipeline="one", idempotency_key="other")


async def test_a_loop_that_feeds_waits_for_room(url: str, conn: Any) -> None:
    most = 0

    async def behave(context: Any, given: Any) -> Word:
        nonlocal most
        most = max(most, await conn.fetchval(f"{RUNS} WHERE state IN ('pending', 'running')"))
        await asyncio.sleep(0.02)
        return Word("done")

    told: list[BacklogFull] = []
    doing = Doing({"step": behave})
    async with shaped(url, doing, ONE, backlog=Backlog(3), concurrency=1) as app:
        content = await ingest(me(app), "one")
        runs = [
            await when_free(
                me(app),
                lambda: Run.start(me(app), content_id=content.id, pipeline="one"),
                waits=told.append,
            )
            for _ in range(12)
        ]
        found = await ended(me(app), [each.id for each in runs])
    assert {each.state for each in found.values()} == {RunState.COMPLETED}
    assert most <= 3
    assert told


async def test_who_waits_for_too_long_is_told_so(url: str) -> None:
    async with web(url, Backlog(1)) as app:
        content = await ingest(me(app), "one")

        def begin() -> Any:
            return Run.start(me(app), content_id=content.id, pipeline="one")

        await when_free(me(app), begin)
        began = time.monotonic()
        with pytest.raises(BacklogFull):
            await when_free(me(app), begin, within=0.4)
        assert 0.4 <= time.monotonic() - began < 2
        # Inside a transaction nobody waits.
        with pytest.raises(BacklogFull):
            async with app.transaction():
                await when_free(me(app), begin)


async def test_over_http_it_is_429_with_the_time_to_come_back(url: str) -> None:
    async with web(url, Backlog(1)) as app:
        made, _ = await fill(app, 1)
        body = {
            "data": {
                "type": "runs",
                "attributes": {"pipeline": "one", "content_id": str(made[0].content_id)},
            }
        }
        headers = {"content-type": "application/vnd.api+json"}
        server = http_app(app, interfaces=[json_api], scope_from=lambda _: me(app))
        async with serving(server) as address, aiohttp.ClientSession() as client:
            async with client.post(f"{address}/api/runs", json=body, headers=headers) as response:
                found = await response.json()
                assert (response.status, response.headers.get("Retry-After")) == (429, "1"), found
    error = found["errors"][0]
    assert (error["code"], error["status"]) == ("backlog-full", "429")
    assert "1 unfinished runs" in error["detail"]


async def test_counting_touches_nothing_that_has_ended(url: str, conn: Any) -> None:
    """The time of a count does not grow with the jobs that have ended."""
    await conn.execute(
        """
        INSERT INTO oban_jobs (worker, queue, args, meta, state, max_attempts)
        SELECT 'pipelines.advance', 'pipelines', jsonb_build_object('run_id', gen_random_uuid()),
               jsonb_build_object('tenant', 't' || i % 7),
               (CASE WHEN i <= 2000 THEN 'available' ELSE 'completed' END)::oban_job_state, 20
        FROM generate_series(1, 40000) AS i
        """
    )
    await conn.execute("SET enable_seqscan = off")
    plan = await conn.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql('unfinished').replace('$1', '3000')}")
    assert "oban_jobs_pipeline_run_idx" in plan, plan
    async with web(url, Backlog(2000)) as app:
        assert len((await fill(app, 1))[0]) == 0


@pytest.mark.parametrize(
    ("given", "option"), [((0,), "runs"), ((5, 6), "per_tenant"), ((5, 0), "per_tenant")]
)
async def test_values_that_are_not_allowed_are_refused(given: Any, option: str) -> None:
    with pytest.raises(BadBacklog) as caught:
        Backlog(*given)
    assert caught.value.path == (option,)


async def test_a_command_over_many_files_waits_and_says_so(url: str, tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"{number}.txt").write_text(f"note {number}", encoding="utf-8")
    out = StringIO()
    slowly = Doing({"step": lambda context, given: asyncio.sleep(0.05, Word("done"))})
    async with shaped(url, slowly, ONE, backlog=Backlog(2), concurrency=1) as app:
        with LineScreen(Console(file=out, width=150)) as shown:
            tally = await work(app, me(app), Wish(paths=[tmp_path], pipeline="one"), shown)
    assert (tally.started, tally.failures) == (8, [])
    lines = out.getvalue().splitlines()
    waiting = "Waiting for room: there are 2 unfinished runs already. Files are taken in as runs end."
    assert lines.count(waiting) == 1
    assert lines[-1] == "8 of 8 runs finished"
