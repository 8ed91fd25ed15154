"""PostgreSQL does what every data layer must do, in its newest and its oldest supported version."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from sorbus import Sorbus
from sorbus.data_layers.postgres.migrations import push
from sorbus.testing.data_layer_suite import DOMAINS, DataLayerSuite


async def create_tables(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        suite = Sorbus(domains=DOMAINS)
        await push(connection, suite.schema(), system_scripts=suite.system_scripts())
    finally:
        await connection.close()


@pytest.fixture(scope="module", params=["pg18", "pg15"])
def suite_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database with the suite's tables, one for all its tests: each starts with empty tables."""
    with request.getfixturevalue(request.param).fresh() as url:
        asyncio.run(create_tables(url))
        yield url


class TestPostgres(DataLayerSuite):
    @pytest.fixture
    async def app(self, suite_url: str) -> AsyncIterator[Sorbus]:
        async with Sorbus(domains=DOMAINS, database_url=suite_url, secret=b"suite") as app:
            # Much faster than TRUNCATE on a server that syncs; without triggers the order does not matter.
            deletes = "".join(f'DELETE FROM "{each.name}"; ' for each in app.schema().tables)
            async with app.database.pool.connection() as connection:
                await connection.execute(
                    f"SET session_replication_role = replica; {deletes} RESET session_replication_role"
                )
            for name in await app.tenants.list():
                await app.tenants.drop(name, confirm=name)
            yield app
