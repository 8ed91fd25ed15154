"""Databases with the tables of the pipelines and a journal of what was committed."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from tests.conftest import Databases
from tests.integration.pipelines.helpers import JOURNAL, application

LIMIT = 120.0


@contextmanager
def with_template(databases: Databases) -> Generator[tuple[Databases, str]]:
    """A server and the name of a database on it that has the tables."""

    async def prepare(url: str) -> None:
        async with asyncio.timeout(LIMIT):
            async with application(url, auto_migrate=True, run_jobs=False):
                pass
            conn = await asyncpg.connect(url)
            await conn.execute(JOURNAL)
            await conn.execute("DELETE FROM definitions")
            await conn.close()

    with databases.fresh() as url:
        asyncio.run(prepare(url))
        yield databases, urlsplit(url).path.lstrip("/")


@pytest.fixture(scope="session")
def pipelines_pg18(pg18: Databases) -> Iterator[tuple[Databases, str]]:
    with with_template(pg18) as found:
        yield found


@pytest.fixture(scope="session")
def pipelines_pg15(pg15: Databases) -> Iterator[tuple[Databases, str]]:
    with with_template(pg15) as found:
        yield found


@pytest.fixture(params=["pipelines_pg18", "pipelines_pg15"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh database with the tables of the pipelines, on PostgreSQL 18 and on 15."""
    databases, template = request.getfixturevalue(request.param)
    with databases.fresh(template=template) as found:
        yield found


@pytest.fixture
async def conn(url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A connection to that database."""
    opened = await asyncpg.connect(url)
    yield opened
    await opened.close(timeout=5)


def limited(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """The test, which fails instead of hanging."""

    @wraps(test)
    async def run(*args: Any, **kwargs: Any) -> None:
        async with asyncio.timeout(LIMIT):
            await test(*args, **kwargs)

    return run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        mine = Path(__file__).parent in item.path.parents and isinstance(item, pytest.Function)
        if mine and inspect.iscoroutinefunction(item.obj):
            item.obj = limited(item.obj)
