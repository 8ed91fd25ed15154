"""Applications on both data layers for the tests of the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import asyncpg
import pytest

from sorbus import Domain, Sorbus
from sorbus.data_layers.postgres.migrations import push

Opener = Callable[[Sequence[Domain]], AbstractAsyncContextManager[Sorbus]]


@pytest.fixture(params=["memory", "postgres"])
def opened(request: pytest.FixtureRequest) -> Opener:
    """Opens an application of some domains over an empty layer."""
    url = request.getfixturevalue("pg18_url") if request.param == "postgres" else ""

    @asynccontextmanager
    async def open_it(domains: Sequence[Domain]) -> AsyncIterator[Sorbus]:
        if request.param == "memory":
            app = Sorbus(domains=domains, storage="memory", secret=b"test")
        else:
            app = Sorbus(domains=domains, database_url=url, secret=b"test")
            connection = await asyncpg.connect(url)
            try:
                await push(connection, app.schema())
            finally:
                await connection.close()
        async with app:
            yield app

    return open_it
