"""One server on loopback for all tests here, and clients of the official SDK; each test is a tenant of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import uuid4

import aiohttp
import httpx2
import pytest
import pytest_asyncio
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from tests.conftest import Databases
from tests.integration.callers import Caller, caller_from_header
from tests.integration.mcp.library import Library
from tests.integration.mcp.wire import Wire

from sorbus import Sorbus
from sorbus.apis.mcp import McpInterface
from sorbus.data_layers.postgres.migrations import push
from sorbus.http import http_app, serving

BODY_LIMIT = 200_000

Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def served(pg18: Databases) -> AsyncIterator[tuple[Sorbus, str]]:
    """The application and the URL of its server."""
    with pg18.fresh() as database_url:
        app = Sorbus(domains=[Library], name="library", database_url=database_url, secret=b"k" * 32)
        async with app:
            async with app.database.pool.connection() as connection:
                await push(connection, app.schema())
            interface = McpInterface(
                hosts=["books.example.com"],
                origins=["https://chat.example.com"],
                instructions="A library.",
            )
            asgi = http_app(
                app,
                interfaces=[interface],
                scope_from=caller_from_header(app, org=str),
                body_limit=BODY_LIMIT,
            )
            async with serving(asgi) as url:
                yield app, f"{url}/mcp"


@pytest.fixture
def app(served: tuple[Sorbus, str]) -> Sorbus:
    return served[0]


@pytest.fixture
def url(served: tuple[Sorbus, str]) -> str:
    return served[1]


@pytest.fixture
def ada() -> Caller:
    return Caller.new(uuid4().hex)


@pytest.fixture
def chief(ada: Caller) -> Caller:
    """Somebody of Ada's organisation who may do everything."""
    return Caller.new(ada.org_id, admin=True)


@pytest.fixture
def connect(url: str) -> Connect:
    """A client of the official SDK, acting as a person."""

    @asynccontextmanager
    async def connecting(person: Caller | None, mode: Any = "auto") -> AsyncIterator[Client]:
        headers = person.headers if person else {}
        async with httpx2.AsyncClient(headers=headers) as http:
            async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
                yield client

    return connecting


@pytest.fixture
def wire(session: aiohttp.ClientSession, url: str, ada: Caller) -> Wire:
    """Ada's messages as they go over the wire."""
    return Wire(session, url, ada)
