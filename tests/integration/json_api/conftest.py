"""One server on loopback for all tests here; each test is a tenant of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from tests.conftest import Databases
from tests.integration.callers import Caller, caller_from_header
from tests.integration.json_api.atlas import Atlas
from tests.integration.json_api.atlas_server import Atlassed
from tests.integration.json_api.client import Client
from tests.integration.json_api.desk import Desk

from sorbus import Sorbus
from sorbus.apis.json_api import json_api
from sorbus.data_layers.postgres.migrations import push
from sorbus.http import http_app, serving

BODY_LIMIT = 200_000

# What is asserted there for many tests is shown in full, too.
pytest.register_assert_rewrite("tests.integration.json_api.documents")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def served(pg18: Databases) -> AsyncIterator[tuple[Sorbus, str]]:
    """The application and the URL of its server."""
    with pg18.fresh() as database_url:
        app = Sorbus(domains=[Desk], name="desk", database_url=database_url, secret=b"k" * 32)
        async with app:
            async with app.database.pool.connection() as connection:
                await push(connection, app.schema())
            asgi = http_app(
                app, interfaces=[json_api], scope_from=caller_from_header(app), body_limit=BODY_LIMIT
            )
            async with serving(asgi) as url:
                yield app, url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def atlas(pg18: Databases) -> AsyncIterator[Atlassed]:
    """The application with every kind of relationship, and its server."""
    with pg18.fresh() as database_url:
        app = Sorbus(domains=[Atlas], name="atlas", database_url=database_url, secret=b"k" * 32)
        async with app:
            async with app.database.pool.connection() as connection:
                await push(connection, app.schema())
            async with serving(http_app(app, interfaces=[json_api], body_limit=BODY_LIMIT)) as url:
                yield Atlassed(app, url)


@pytest.fixture
def atlas_api(session: aiohttp.ClientSession, atlas: Atlassed) -> Client:
    """A client of the atlas; nobody in particular."""
    return Client(session, atlas.url, None)


@pytest.fixture
def url(served: tuple[Sorbus, str]) -> str:
    return served[1]


@pytest.fixture
def app(served: tuple[Sorbus, str]) -> Sorbus:
    return served[0]


@pytest.fixture
def ada() -> Caller:
    return Caller.new()


@pytest.fixture
def bob(ada: Caller) -> Caller:
    """Somebody else of Ada's organisation."""
    return Caller.new(ada.org_id)


@pytest.fixture
def api(session: aiohttp.ClientSession, url: str, ada: Caller) -> Client:
    """Ada's client."""
    return Client(session, url, ada)


@pytest.fixture
def bobs_api(session: aiohttp.ClientSession, url: str, bob: Caller) -> Client:
    return Client(session, url, bob)


@pytest_asyncio.fixture(loop_scope="session")
async def note(api: Client) -> dict[str, Any]:
    """A note of Ada's."""
    return await api.write("first", "The first note")
