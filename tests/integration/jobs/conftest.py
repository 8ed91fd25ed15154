"""Databases with the tables of the jobs, and short settings for runners."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from tests.conftest import Databases
from tests.integration.jobs.helpers import QUICK, StartRunner, StartWorker

from sorbus.jobs import JobRunner, install

WORKER = Path(__file__).parent / "worker.py"


@contextmanager
def with_template(databases: Databases) -> Generator[tuple[Databases, str]]:
    """A server and the name of a database on it that has the tables of the jobs."""

    async def prepare(url: str) -> None:
        conn = await asyncpg.connect(url)
        await install(conn)
        await conn.close()

    with databases.fresh() as url:
        asyncio.run(prepare(url))
        yield databases, urlsplit(url).path.lstrip("/")


@pytest.fixture(scope="session")
def jobs_pg18(pg18: Databases) -> Iterator[tuple[Databases, str]]:
    with with_template(pg18) as found:
        yield found


@pytest.fixture(scope="session")
def jobs_pg15(pg15: Databases) -> Iterator[tuple[Databases, str]]:
    with with_template(pg15) as found:
        yield found


@pytest.fixture(params=["jobs_pg18", "jobs_pg15"])
def jobs_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh database with the tables of the jobs, on PostgreSQL 18 and on 15."""
    databases, template = request.getfixturevalue(request.param)
    with databases.fresh(template=template) as url:
        yield url


@pytest.fixture
async def conn(jobs_url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A connection to that database."""
    conn = await asyncpg.connect(jobs_url)
    yield conn
    await conn.close()


@pytest.fixture
async def start_runner(jobs_url: str) -> AsyncIterator[StartRunner]:
    """Starts runners with short settings and stops them at the end of the test."""
    runners: list[JobRunner] = []

    async def start(handlers: Any, **options: Any) -> JobRunner:
        runner = JobRunner(jobs_url, handlers=handlers, **{**QUICK, **options})
        runners.append(runner)
        return await runner.start()

    yield start
    for runner in runners:
        await runner.stop(grace=1)


@pytest.fixture
async def log(conn: asyncpg.Connection[Any]) -> None:
    """The table that `worker.py` writes to."""
    await conn.execute("CREATE TABLE log (id bigserial, job bigint, pid int, attempt int, event text)")


@pytest.fixture
async def start_worker(jobs_url: str, log: None) -> AsyncIterator[StartWorker]:
    """Starts worker processes; kills what is left of them at the end of the test."""
    workers: list[asyncio.subprocess.Process] = []

    async def start(**options: Any) -> asyncio.subprocess.Process:
        options = {**QUICK, "backoff": None, **options}
        worker = await asyncio.create_subprocess_exec(
            sys.executable, str(WORKER), jobs_url, json.dumps(options), stdout=asyncio.subprocess.PIPE
        )
        workers.append(worker)
        assert worker.stdout is not None
        assert await worker.stdout.readline() == b"READY\n"
        return worker

    yield start
    for worker in workers:
        if worker.returncode is None:
            worker.kill()
        await worker.communicate()
