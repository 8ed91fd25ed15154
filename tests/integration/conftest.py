"""What the suites of several interfaces need."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from tests.conftest import Databases
from tests.integration.values import stocked

from sorbus import Sorbus


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def databases(request: pytest.FixtureRequest) -> Databases:
    """Each PostgreSQL in turn."""
    found: Databases = request.getfixturevalue(request.param)
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def store(databases: Databases) -> AsyncIterator[Sorbus]:
    """The application with every value that a database writes itself."""
    with databases.fresh() as url:
        async with stocked(url) as app:
            yield app
