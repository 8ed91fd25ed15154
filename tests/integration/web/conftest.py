"""A database with the tables of the pipelines, on PostgreSQL 18 and on 15; the browser looks at one of them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Databases
from tests.integration.pipelines.conftest import conn, pipelines_pg15, pipelines_pg18, url

__all__ = ["conn", "newest_url", "pipelines_pg15", "pipelines_pg18", "url"]


@pytest.fixture
def newest_url(pipelines_pg18: tuple[Databases, str]) -> Iterator[str]:
    """A fresh database on PostgreSQL 18."""
    databases, template = pipelines_pg18
    with databases.fresh(template=template) as found:
        yield found


LIMIT = 120.0


def limited(test: Any) -> Any:
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
