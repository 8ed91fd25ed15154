"""Tenants take turns: whoever puts in many jobs keeps nobody else waiting."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import AsyncConnection
from tests.integration.jobs.helpers import StartRunner, until

from sorbus.jobs import JobContext, NewJob, insert_jobs
from sorbus.jobs.sql import sql


def jobs(tenant: str | None, count: int, **options: Any) -> list[NewJob]:
    """Some jobs of a tenant, or of nobody."""
    return [
        NewJob("note", {}, meta={} if tenant is None else {"tenant": tenant}, **options) for _ in range(count)
    ]


async def order_of(conn: Any, start_runner: StartRunner, *given: NewJob, at_once: int = 1) -> list[str]:
    """The tenants of some jobs in the order in which one node starts them."""
    seen: list[str] = []

    async def note(job: JobContext) -> None:
        seen.append(str(job.tenant or ""))
        await asyncio.sleep(0)

    await insert_jobs(conn, given)
    await start_runner({"note": note}, queues={"default": at_once})
    await until(lambda: len(seen) == len(given))
    return seen


async def test_one_with_few_jobs_does_not_wait_for_one_with_many(
    conn: Any, start_runner: StartRunner
) -> None:
    seen = await order_of(conn, start_runner, *jobs("many", 60), *jobs("few", 3), *jobs(None, 2))
    assert seen[:6].count("few") == 2, seen
    assert seen[:6].count("") == 2, "jobs of nobody have their turn as well"
    assert Counter(seen) == {"many": 60, "few": 3, "": 2}


async def test_several_at_once_are_shared(conn: Any, start_runner: StartRunner) -> None:
    seen = await order_of(conn, start_runner, *jobs("a", 40), *jobs("b", 4), *jobs("c", 4), at_once=6)
    assert Counter(seen[:6]) == {"a": 2, "b": 2, "c": 2}


async def test_more_tenants_than_one_claim_looks_at_have_their_turn_too(
    conn: Any, start_runner: StartRunner
) -> None:
    names = [f"t{number:02}" for number in range(40)]
    given = [job for name in names for job in jobs(name, 3)]
    seen = await order_of(conn, start_runner, *given)
    assert Counter(seen[:40]) == dict.fromkeys(names, 1), seen[:40]


async def test_what_is_urgent_goes_first_whoever_it_is_of(conn: Any, start_runner: StartRunner) -> None:
    seen = await order_of(
        conn, start_runner, *jobs("idle", 3, priority=5), *jobs("a", 3), *jobs("b", 2, priority=2)
    )
    assert seen == ["a", "a", "a", "b", "b", "idle", "idle", "idle"]


async def test_two_nodes_claim_each_job_once(conn: Any, start_runner: StartRunner) -> None:
    seen: Counter[int] = Counter()

    async def note(job: JobContext) -> None:
        seen[job.id] += 1

    await insert_jobs(conn, [job for name in "abcdefgh" for job in jobs(name, 50)])
    await start_runner({"note": note}, queues={"default": 5})
    await start_runner({"note": note}, queues={"default": 5})
    await until(lambda: len(seen) == 400)
    assert set(seen.values()) == {1}


async def test_a_claim_takes_what_a_simple_model_says(jobs_url: str, conn: Any) -> None:
    """Priority first, then who has the fewest in hand, then whose turn it is, then the oldest."""
    link = await AsyncConnection.connect(jobs_url, autocommit=True)

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        waiting=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 2)), max_size=20),
        busy=st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3)),
        last=st.sampled_from(["", "a", "b", "c", "d"]),
        demand=st.integers(1, 6),
    )
    def check(waiting: list[tuple[str, int]], busy: dict[str, int], last: str, demand: int) -> None:
        examples.append((waiting, busy, last, demand))

    examples: list[tuple[list[tuple[str, int]], dict[str, int], str, int]] = []
    check()
    try:
        for waiting, busy, last, demand in examples:
            await conn.execute("TRUNCATE oban_jobs")
            given_jobs = [job for tenant, priority in waiting for job in jobs(tenant, 1, priority=priority)]
            refs = await insert_jobs(conn, given_jobs) if given_jobs else []
            rows = [(ref.id, tenant, priority) for ref, (tenant, priority) in zip(refs, waiting, strict=True)]
            assert await claimed(link, busy, last, demand) == expected(rows, busy, last, demand)
    finally:
        await link.close()


def expected(rows: list[tuple[int, str, int]], busy: dict[str, int], last: str, demand: int) -> set[int]:
    """The ids that a claim should take."""
    urgent = [row for row in rows if row[2] == min(each[2] for each in rows)]
    taken: set[int] = set()
    hand = Counter(busy)
    while urgent and len(taken) < demand:
        tenant = min({row[1] for row in urgent}, key=lambda each: (hand[each], each <= last, each))
        mine = next(row for row in urgent if row[1] == tenant)
        urgent.remove(mine)
        taken.add(mine[0])
        hand[tenant] += 1
    return taken


async def claimed(link: Any, busy: dict[str, int], last: str, demand: int) -> set[int]:
    """The ids that the statement takes."""
    import json

    values = {
        "queue": "default", "demand": demand, "look": 2 * demand + 8, "last": last, "tenants": 16,
        "busy": json.dumps(busy), "attempted_by": ["node", "uuid"],
    }  # fmt: skip
    cursor = await link.execute(sql("claim").encode(), values)
    return {row[0] for row in await cursor.fetchall()}
