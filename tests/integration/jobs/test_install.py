"""The tables of the jobs are made once, whoever comes first."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from sorbus.errors.jobs import JobsNotInstalled
from sorbus.jobs import JobRunner, NewJob, insert_job, install, list_jobs
from sorbus.jobs.sql import sql


async def test_installing_again_changes_nothing(conn: Any) -> None:
    await insert_job(conn, NewJob("w"))
    await install(conn)
    assert len(await list_jobs(conn)) == 1


async def test_installing_side_by_side_works(database_url: str) -> None:
    conns = [await asyncpg.connect(database_url) for _ in range(4)]
    await asyncio.gather(*(install(each) for each in conns))
    await insert_job(conns[0], NewJob("w"))
    await asyncio.gather(*(each.close() for each in conns))


async def test_installing_is_part_of_the_callers_transaction(database_url: str) -> None:
    conn = await asyncpg.connect(database_url)
    transaction = conn.transaction()
    await transaction.start()
    await conn.execute("SET LOCAL search_path TO pg_catalog, public")
    await install(conn)
    assert await conn.fetchval("SHOW search_path") == "pg_catalog, public"
    await transaction.rollback()
    assert await conn.fetchval("SELECT to_regclass('public.oban_jobs')") is None
    await conn.close()


async def test_a_runner_without_tables_says_which_and_what_to_do(database_url: str) -> None:
    runner = JobRunner(database_url, handlers={})
    with pytest.raises(
        JobsNotInstalled, match=r"oban_jobs, oban_leaders, oban_producers, sorbus_nodes.*sorbus migrate"
    ):
        await runner.start()
    await runner.stop()


async def test_the_heartbeats_survive_a_crash_of_the_server(conn: Any) -> None:
    assert await conn.fetchval("SELECT relpersistence FROM pg_class WHERE relname = 'sorbus_nodes'") == b"p"


def test_statements_are_read_once() -> None:
    assert sql("insert_job") is sql("insert_job")
    with pytest.raises(FileNotFoundError):
        sql("nothing")
