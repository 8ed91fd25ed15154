"""What the suites of several interfaces need."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from tests.conftest import Databases
from tests.integration.authors import printed
from tests.integration.values import stocked

from sorbus import Sorbus
from sorbus.data_layers.postgres.statements import SqlStatement


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


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def press(databases: Databases) -> AsyncIterator[Sorbus]:
    """The application with authors and books of two tenants."""
    with databases.fresh() as url:
        async with printed(url) as app:
            yield app


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that PostgreSQL is sent, from now on."""
    found: list[str] = []
    original = SqlStatement.fetch

    async def fetch(self: SqlStatement, session: Any, bindings: Any) -> Any:
        found.append(self.sql)
        return await original(self, session, bindings)

    monkeypatch.setattr(SqlStatement, "fetch", fetch)
    return found
