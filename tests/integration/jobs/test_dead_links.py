"""A node that is told to stop ends, whatever has become of its link to the database."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable

import asyncpg
import pytest
from tests.conftest import Databases
from tests.integration.jobs.helpers import QUICK, until, until_state
from tests.integration.pipelines.link import Link

from sorbus.jobs import JobContext, JobRunner, NewJob, heart, insert_job, list_nodes, oban_hooks
from sorbus.jobs.heart import Heart

LIMIT = 60.0
LONG = os.environ.get("SORBUS_CHAOS") == "long"


@pytest.mark.parametrize("harm", [Link.hang, Link.cut])
async def test_a_heart_stops_when_its_link_does_not_answer(
    jobs_pg18: tuple[Databases, str], harm: Callable[[Link], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heart, "_PATIENCE", 0.5)
    databases, template = jobs_pg18
    with databases.fresh(template=template) as url:
        async with Link(url) as link:
            beating = Heart(
                link.url, node="n", queues=["q"], beat_every=0.1, dead_after=1,
                living=lambda: True, rescued=lambda _: None,
            )  # fmt: skip
            await asyncio.to_thread(beating.start)
            thread = beating._thread
            assert isinstance(thread, threading.Thread)
            harm(link)
            await asyncio.sleep(0.3)  # into a beat that hangs
            async with asyncio.timeout(LIMIT):
                await asyncio.to_thread(beating.stop)
            await until(lambda: not thread.is_alive())


async def test_a_heart_signs_off_in_order(jobs_url: str) -> None:
    conn = await asyncpg.connect(jobs_url)
    async with JobRunner(jobs_url, handlers={}, **QUICK) as runner:
        assert [each.node for each in await list_nodes(conn)] == [runner.node]
    assert await list_nodes(conn) == []
    await conn.close()


# Over a link that hangs psycopg alone waits for twenty seconds.
@pytest.mark.slow
@pytest.mark.parametrize("harm", [Link.cut, Link.hang] if LONG else [Link.cut])
async def test_a_runner_stops_without_an_error_when_the_database_is_out_of_reach(
    jobs_pg18: tuple[Databases, str],
    harm: Callable[[Link], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(oban_hooks, "_STOP_SECONDS", 0.5)
    monkeypatch.setattr(heart, "_PATIENCE", 0.5)

    async def work(job: JobContext) -> None:
        raise AssertionError

    databases, template = jobs_pg18
    with databases.fresh(template=template) as url:
        async with Link(url) as link:
            runner = await JobRunner(link.url, handlers={"w": work}, **QUICK).start()
            harm(link)
            async with asyncio.timeout(LIMIT):
                await runner.stop(0)


async def test_a_node_goes_on_when_every_connection_that_it_has_hangs_for_ever(
    jobs_pg18: tuple[Databases, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a proxy that has forgotten them: what is sent is acknowledged, and nothing comes back."""
    monkeypatch.setattr(oban_hooks, "_STATEMENT_SECONDS", 1.0)
    monkeypatch.setattr(heart, "_PATIENCE", 1.0)
    done: list[int] = []

    async def work(job: JobContext) -> None:
        done.append(job.id)

    databases, template = jobs_pg18
    with databases.fresh(template=template) as url:
        conn = await asyncpg.connect(url)
        async with Link(url) as link, JobRunner(link.url, handlers={"w": work}, **QUICK) as runner:
            for line in (runner._line, runner._steward_line):
                line._timeout = 1.0
            first = await insert_job(conn, NewJob("w"))
            await until_state(conn, first.id, "completed")
            link.hang_all_known()
            beat = await conn.fetchval("SELECT now()")
            later = await insert_job(conn, NewJob("w", schedule_in=1.0))
            await until_state(conn, later.id, "completed", seconds=LIMIT)
            beats = "SELECT count(*) > 0 FROM sorbus_nodes WHERE beat > $1::timestamptz + interval '1 second'"
            await until(lambda: conn.fetchval(beats, beat), seconds=LIMIT)
        await conn.close()
    assert done == [first.id, later.id]
