"""One server on loopback for all tests here; each test is a tenant of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from tests.conftest import Databases
from tests.integration.callers import Caller, caller_from_header
from tests.integration.graphql.client import Client
from tests.integration.graphql.desk import Desk
from tests.integration.graphql.office import Office

from sorbus import Sorbus
from sorbus.apis.graphql import GraphqlInterface, Limits
from sorbus.http import http_app, serving

ALLOWED = ("{ notes { slug } }",)
LIMITS = Limits(body=100_000, depth=8, fields=200, complexity=20_000, streams_each=300, operations=20)


@dataclass
class Served:
    """The application and the URLs of its servers: as usual, and closed to all but known documents."""

    app: Sorbus
    url: str
    closed_url: str


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def served(pg18: Databases) -> AsyncIterator[Served]:
    with pg18.fresh() as database_url:
        app = Sorbus(
            domains=[Office], name="office", database_url=database_url, secret=b"k" * 32, auto_migrate=True
        )
        async with app:
            who = caller_from_header(app)
            usual = http_app(app, interfaces=[GraphqlInterface(limits=LIMITS)], scope_from=who)
            closed = http_app(
                app,
                interfaces=[GraphqlInterface(introspection=False, allowed=ALLOWED, limits=Limits(batch=2))],
                scope_from=who,
            )
            async with serving(usual) as url, serving(closed) as closed_url:
                yield Served(app, url, closed_url)


@pytest.fixture
def app(served: Served) -> Sorbus:
    return served.app


@pytest.fixture
def ada() -> Caller:
    return Caller.new()


@pytest.fixture
def bob(ada: Caller) -> Caller:
    """Somebody else of Ada's organisation."""
    return Caller.new(ada.org_id)


@pytest.fixture
def api(session: aiohttp.ClientSession, served: Served, ada: Caller) -> Client:
    """Ada's client."""
    return Client(session, served.url, ada)


@pytest.fixture
def bobs_api(session: aiohttp.ClientSession, served: Served, bob: Caller) -> Client:
    return Client(session, served.url, bob)


@pytest.fixture
def closed(session: aiohttp.ClientSession, served: Served, ada: Caller) -> Client:
    """Ada's client of the server that answers known documents only."""
    return Client(session, served.closed_url, ada)


@pytest_asyncio.fixture(loop_scope="session")
async def note(api: Client) -> dict[str, Any]:
    """A note of Ada's."""
    return await api.write("first", "The first note")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def desk(pg18: Databases) -> AsyncIterator[Sorbus]:
    """An application that takes files, and whose actions wait until a test lets them go."""
    with pg18.fresh() as database_url:
        app = Sorbus(
            domains=[Desk], name="desk", database_url=database_url, secret=b"k" * 32, auto_migrate=True
        )
        async with app:
            yield app


@pytest.fixture
def small(served: Served) -> Any:
    """A server of its own."""

    @asynccontextmanager
    async def server(*, who: Any = None, grace: float = 10.0, **settings: Any) -> AsyncIterator[str]:
        interface = GraphqlInterface(**settings)
        asgi = http_app(served.app, interfaces=[interface], scope_from=who or caller_from_header(served.app))
        async with serving(asgi, grace=grace) as url:
            yield url

    return server
