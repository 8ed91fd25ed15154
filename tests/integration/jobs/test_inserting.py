"""Jobs are inserted in the caller's transaction, and unique ones once."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from tests.integration.jobs.helpers import StartRunner, until, until_state

from sorbus.jobs import NewJob, UniqueScope, get_job, insert_job, insert_jobs


async def count(conn: Any) -> int:
    found = await conn.fetchval("SELECT count(*) FROM oban_jobs")
    assert isinstance(found, int)
    return found


async def test_a_job_commits_and_rolls_back_with_its_transaction(conn: Any) -> None:
    with pytest.raises(KeyError):
        async with conn.transaction():
            await insert_job(conn, NewJob("w"))
            await insert_jobs(conn, [NewJob("w"), NewJob("w", unique_key="k")])
            raise KeyError
    assert await count(conn) == 0
    async with conn.transaction():
        await insert_job(conn, NewJob("w"))
        await insert_jobs(conn, [NewJob("w"), NewJob("w", unique_key="k")])
    assert await count(conn) == 3


async def test_all_options_are_stored(conn: Any) -> None:
    at = datetime.now(UTC) + timedelta(hours=1)
    job = NewJob(
        "w",
        {"a": [1, {"b": "ü"}]},
        queue="q",
        priority=3,
        max_attempts=5,
        scheduled_at=at,
        tags=("x", "y z"),
        meta={"tenant": "t"},
        timeout=2.5,
    )
    refs = [await insert_job(conn, job), *await insert_jobs(conn, [job])]
    for ref in refs:
        row = await get_job(conn, ref.id)
        assert (row.worker, row.args, row.queue, row.priority, row.max_attempts) == ("w", job.args, "q", 3, 5)
        assert (row.state, row.scheduled_at, row.tags) == ("scheduled", at, ["x", "y z"])
        assert row.meta == {"tenant": "t", "timeout": 2.5}


async def test_a_delay_counts_from_the_insert(conn: Any) -> None:
    row = await get_job(conn, (await insert_job(conn, NewJob("w", schedule_in=60))).id)
    assert row.state == "scheduled"
    assert abs((row.scheduled_at - row.inserted_at).total_seconds() - 60) < 0.001
    row = await get_job(
        conn, (await insert_job(conn, NewJob("w", scheduled_at=datetime(2020, 1, 1, tzinfo=UTC)))).id
    )
    assert row.state == "available"


async def test_refs_answer_their_jobs_in_order_whatever_was_there_already(conn: Any) -> None:
    first = await insert_job(conn, NewJob("w", {"n": 0}, unique_key="b"))
    jobs = [
        NewJob("w", {"n": n}, unique_key=key) for n, key in enumerate(["a", "b", None, "a", "c"], start=1)
    ]
    refs = await insert_jobs(conn, jobs)
    assert [ref.inserted for ref in refs] == [True, False, True, False, True]
    assert refs[1].id == first.id
    assert refs[3].id == refs[0].id
    for n in (1, 3, 5):
        assert (await get_job(conn, refs[n - 1].id)).args == {"n": n}


async def test_twenty_concurrent_inserters_insert_one_unique_job(jobs_url: str, conn: Any) -> None:
    conns = [await asyncpg.connect(jobs_url) for _ in range(20)]
    try:
        refs = await asyncio.gather(*(insert_job(each, NewJob("w", unique_key="k")) for each in conns))
    finally:
        await asyncio.gather(*(each.close() for each in conns))
    assert sum(ref.inserted for ref in refs) == 1
    assert len({ref.id for ref in refs}) == 1
    assert await count(conn) == 1


async def test_a_unique_job_waits_for_a_concurrent_one_and_is_inserted_when_that_is_rolled_back(
    jobs_url: str, conn: Any
) -> None:
    other = await asyncpg.connect(jobs_url)
    transaction = other.transaction()
    await transaction.start()
    await insert_job(other, NewJob("w", unique_key="k"))
    waiting = asyncio.create_task(insert_job(conn, NewJob("w", unique_key="k")))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await transaction.rollback()
    assert (await waiting).inserted
    await other.close()


async def test_a_unique_key_is_free_again_when_its_job_has_finished(
    conn: Any, start_runner: StartRunner
) -> None:
    async def handler(job: Any) -> None: ...

    await start_runner({"w": handler})
    first = await insert_job(conn, NewJob("w", unique_key="k"))
    await until_state(conn, first.id, "completed")
    assert (await insert_job(conn, NewJob("w", unique_key="k"))).inserted


async def test_a_key_that_is_always_unique_stays_taken_by_a_finished_job(conn: Any) -> None:
    job = NewJob("w", unique_key="k", unique_scope=UniqueScope.ALWAYS)
    first = await insert_job(conn, job)
    await conn.execute("UPDATE oban_jobs SET state = 'completed'")
    again = await insert_job(conn, job)
    assert (again.inserted, again.id) == (False, first.id)
    assert (await insert_job(conn, NewJob("w", unique_key="k"))).inserted


async def test_a_period_makes_a_key_unique_within_its_window_only(conn: Any) -> None:
    job = NewJob("w", unique_key="k", unique_scope=UniqueScope.ALWAYS, unique_period=timedelta(days=3650))
    first = await insert_job(conn, job)
    assert not (await insert_job(conn, job)).inserted
    window = int((await get_job(conn, first.id)).meta["unique_key"].rpartition(":")[2])
    await conn.execute(
        "UPDATE oban_jobs SET meta = meta || jsonb_build_object('unique_key', $1::text)", f"k:{window - 1}"
    )
    assert (await insert_job(conn, job)).inserted


async def test_a_unique_key_set_by_plain_sql_counts(conn: Any) -> None:
    insert = (
        "INSERT INTO oban_jobs (worker, meta) VALUES ('w', '{\"unique_key\": \"k\"}') ON CONFLICT DO NOTHING"
    )
    assert await conn.execute(insert) == "INSERT 0 1"
    assert await conn.execute(insert) == "INSERT 0 0"
    assert not (await insert_job(conn, NewJob("w", unique_key="k"))).inserted


async def test_type_codecs_of_the_caller_do_not_matter(conn: Any) -> None:
    for name in ("json", "jsonb"):
        await conn.set_type_codec(name, schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
    ref = await insert_job(conn, NewJob("w", {"a": 1}))
    assert (await get_job(conn, ref.id)).args == {"a": 1}


async def test_an_insert_sends_no_notification(jobs_url: str, conn: Any) -> None:
    heard: list[str] = []
    listener = await asyncpg.connect(jobs_url)
    await listener.add_listener("public.oban_insert", lambda *args: heard.append(args[3]))
    await insert_job(conn, NewJob("w"))
    await conn.execute("SELECT pg_notify('public.oban_insert', 'end')")
    await until(lambda: heard)
    assert heard == ["end"]
    await listener.close()
