"""Databases with the tables of the conformance suite's firms, with and without row-level security."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from sorbus import Sorbus
from sorbus.testing.conformance.tenants_world import Firms

ROLE = "sorbus_test_app"


def firms(url: str | None, **options: Any) -> Sorbus:
    """An application of firms on a database, which is brought to the declarations."""
    given: dict[str, Any] = {"secret": b"k", "auto_migrate": True, "pool_size": 4, **options}
    return Sorbus(domains=[Firms], database_url=url, **given)


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[Sorbus]:
    """Open, on PostgreSQL 18 and on 15."""
    async with firms(database_url) as opened:
        yield opened


@pytest.fixture
async def walled(database_url: str) -> AsyncIterator[Sorbus]:
    """The same with row-level security."""
    async with firms(database_url, row_level_security=ROLE) as opened:
        yield opened


@pytest.fixture
async def login(database_url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A connection of the role that owns everything."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
def module_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """One database for a module's many examples."""
    with request.getfixturevalue("pg18").fresh() as url:
        yield url
